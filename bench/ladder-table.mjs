/** The ladder as a Markdown table: one line for each model, precision and timed shape. */
export function printLadder({ rungs }) {
  const header = [
    'model',
    'precision',
    'shape',
    'GPU ms p50',
    'p99',
    'samples/s',
    '× fp32',
    'plan MiB',
    'build s',
    'layers',
    'kernels',
    'narrow',
    'accuracy',
  ];
  const rows = Object.values(rungs).flatMap((rung) =>
    rung.timed.map((one) => [
      rung.model,
      rung.step,
      one.label,
      one.compute.p50.toFixed(3),
      one.compute.p99.toFixed(3),
      one.samplesPerSecond.toFixed(0),
      speedUp(rungs, rung, one),
      (rung.planBytes / 2 ** 20).toFixed(1),
      rung.buildSeconds.toFixed(1),
      rung.layerSummary?.layers ?? '–',
      rung.layerSummary?.tactics ?? '–',
      narrow(rung.layerSummary),
      accuracyText(rung.accuracy),
    ]),
  );
  for (const row of [header, header.map(() => '---'), ...rows])
    console.log(`| ${row.join(' | ')} |`);
}

function speedUp(rungs, rung, { label, samplesPerSecond }) {
  const base = rungs[`${rung.model} fp32`]?.timed.find((one) => one.label === label);
  return base === undefined ? '–' : (samplesPerSecond / base.samplesPerSecond).toFixed(2);
}

function narrow(summary) {
  if (!summary) return '–';
  const { float16 = 0, bfloat16 = 0, int8 = 0 } = summary.byType;
  return `${int8} int8, ${float16 + bfloat16} half`;
}

function accuracyText(accuracy) {
  return 'meanCosine' in accuracy
    ? `cosine ${accuracy.meanCosine.toFixed(5)} mean, ${accuracy.smallestCosine.toFixed(5)} least`
    : `max rel ${accuracy.maxRelativeDifference.toExponential(1)}, top-1 same ${(100 * accuracy.sameTopClass).toFixed(1)} %`;
}
