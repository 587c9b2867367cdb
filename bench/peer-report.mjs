/** From the blocks of both sides to the figures and ratios that `npm run bench:peer` prints and writes. */
import { summarize } from '../dist/benchmark/statistics.js';

/** All rounds pooled for the figures of each side; the ratio of medians per round for its spread. */
export function compare({ batch, difference }, rounds) {
  const blocks = rounds.map((round) => round.blocks.get(batch));
  const pooled = (side, metric) => summarize(blocks.flatMap((block) => block[side][metric]));
  const ratio = (mine, theirs, statistic) => {
    const of = (summary) => summary[statistic];
    const perRound = blocks.map(
      (block) => of(summarize(block.trtNode[mine])) / of(summarize(block.python[theirs])),
    );
    return {
      pooled: of(pooled('trtNode', mine)) / of(pooled('python', theirs)),
      lowest: Math.min(...perRound),
      highest: Math.max(...perRound),
      perRound,
    };
  };
  const side = (name) =>
    Object.fromEntries(
      Object.keys(blocks[0][name]).map((metric) => [metric, pooled(name, metric)]),
    );
  const python = side('python');
  const trtNode = side('trtNode');
  return {
    batch,
    maxRelativeDifferenceOfOutputs: difference,
    microseconds: { python, trtNode },
    hostCost: {
      python: hostCost(python, 'infer'),
      infer: hostCost(trtNode, 'infer'),
      inferSync: hostCost(trtNode, 'inferSync'),
    },
    ratio: {
      compute: ratio('compute', 'compute', 'p50'),
      inferP50: ratio('infer', 'infer', 'p50'),
      inferP99: ratio('infer', 'infer', 'p99'),
      inferSyncP50: ratio('inferSync', 'infer', 'p50'),
      inferSyncP99: ratio('inferSync', 'infer', 'p99'),
    },
  };
}

/** What an inference takes beside the GPU's own work: the median end to end less the medians of its spans on the GPU. */
function hostCost(side, wall) {
  return side[wall].p50 - side.h2d.p50 - side.compute.p50 - side.d2h.p50;
}

/** For a person. */
export function print(result) {
  const { gpu, python, trtNode, settings } = result;
  console.log(`\n${gpu.name}, driver ${gpu.driver ?? 'unknown'}; ${result.cpu}`);
  console.log(`Plan: ${result.plan}`);
  console.log(`trt-node ${trtNode.version}, Node.js ${result.node}, TensorRT ${trtNode.tensorrt}`);
  console.log(`Python ${python.python}, TensorRT ${python.tensorrt}, ${python.cuda}`);
  if (!result.sameLibraries) {
    console.log(
      `Not the same files: Python has ${python.libraries.join(', ')}, trt-node ${trtNode.libraries.join(', ')}.`,
    );
  }
  const { rounds, iterations, warmUps } = settings;
  console.log(
    `${rounds} rounds of ${iterations} inferences after ${warmUps} warm-ups; microseconds.`,
  );
  const cell = (value, digits = 1) => value.toFixed(digits).padStart(10);
  for (const { batch, microseconds: us, hostCost: cost, ratio, ...rest } of result.cases) {
    const titles = ['mean', 'std dev', 'p50', 'p95', 'p99'].map((title) => title.padStart(10));
    console.log(
      `\nBatch ${batch}${' '.repeat(Math.max(0, 28 - String(batch).length))}${titles.join('')}`,
    );
    const row = (name, s) => {
      const cells = [s.mean, s.standardDeviation, s.p50, s.p95, s.p99].map((value) => cell(value));
      console.log(`  ${name.padEnd(32)}${cells.join('')}`);
    };
    row('compute     Python', us.python.compute);
    row('compute     trt-node', us.trtNode.compute);
    row('end to end  Python', us.python.infer);
    row('end to end  trt-node infer', us.trtNode.infer);
    row('end to end  trt-node inferSync', us.trtNode.inferSync);
    console.log(
      `  Host cost, p50: Python ${cost.python.toFixed(1)}, infer ${cost.infer.toFixed(1)}, inferSync ${cost.inferSync.toFixed(1)}`,
    );
    console.log('  trt-node / Python (lowest to highest round):');
    const line = (name, r) =>
      `    ${name.padEnd(20)}${cell(r.pooled, 3)}   (${r.lowest.toFixed(3)} to ${r.highest.toFixed(3)})`;
    console.log(line('compute p50', ratio.compute));
    console.log(line('infer p50', ratio.inferP50));
    console.log(line('infer p99', ratio.inferP99));
    console.log(line('inferSync p50', ratio.inferSyncP50));
    console.log(line('inferSync p99', ratio.inferSyncP99));
    const difference = rest.maxRelativeDifferenceOfOutputs;
    console.log(
      difference === 0
        ? '  The outputs of both are equal, bit for bit.'
        : `  The outputs of both differ by max|a-b| / max|b| = ${difference.toExponential(2)}.`,
    );
  }
}
