import type { BenchDiff } from '../bench/diff';
import { measuredText, type LimitResult } from '../bench/limits';
import type {
  BenchEngine,
  BenchRecord,
  BenchRun,
  ComparedFigure,
  EngineComparison,
  Verdict,
} from '../bench/record';
import { loadTable, sloSummary, sloTable } from './bench-render-loads';
import { columns, cpuText, momentsText, ms, type Colors } from './bench-render-parts';
import { statisticColumns } from '../benchmark/table';
import { printable } from './printable';

const spans = [
  ['end to end', 'endToEnd'],
  ['queue', 'queue'],
  ['enqueue', 'enqueue'],
  ['h2d', 'h2d'],
  ['compute', 'compute'],
  ['d2h', 'd2h'],
  ['GPU latency', 'gpuLatency'],
] as const satisfies readonly (readonly [string, keyof BenchRun])[];

/** What a person reads on stdout. */
export function renderBench(record: BenchRecord, colors: Colors): string {
  const { engines, runs, comparisons, loads, slo, assertions, warnings, environment } = record;
  const blocks = [
    [
      ...engines.map((engine) => engineLine(engine, engines.length, colors)),
      gpuLine(environment),
    ].join('\n'),
  ];
  // The tables of a sweep would hide what it is made for.
  if (runs.length <= Math.max(2, engines.length))
    blocks.push(...runs.map((run) => runTable(run, colors)));
  else blocks.push(sweepTable(runs, colors));
  blocks.push(...comparisons.map((each) => comparisonTable(each, colors)));
  if (slo === null) blocks.push(...loads.map((load) => loadTable(load, colors)));
  else blocks.push(sloTable(loads, colors), sloSummary(slo, colors));
  if (assertions.length > 0) blocks.push(limitLines(assertions, colors));
  if (warnings.length > 0) {
    blocks.push(
      warnings.map((text) => `${colors.yellow('warning')}: ${printable(text)}`).join('\n'),
    );
  }
  return blocks.filter((block) => block !== '').join('\n\n');
}

function engineLine(engine: BenchEngine, count: number, colors: Colors): string {
  const name = engine.runtime === 'tensorrt-rtx' ? 'TensorRT-RTX' : 'TensorRT';
  const facts = [
    `${name} ${engine.runtimeVersion}`,
    ...(engine.precision === null ? [] : [engine.precision.join('+')]),
    `${engine.lanes} ${engine.lanes === 1 ? 'lane' : 'lanes'}`,
    `graphs ${engine.graphs}`,
    `waiting ${engine.waiting}`,
    `loaded in ${engine.loadMs.toFixed(0)} ms`,
  ];
  const label = count > 1 ? `${engine.id}: ` : '';
  return `${label}${colors.bold(printable(engine.path))}  ${colors.dim(printable(facts.join(', ')))}`;
}

export function gpuLine({ gpu, driver, container }: BenchRecord['environment']): string {
  const parts = [
    gpu === null ? 'no GPU seen' : `${gpu.name} (compute capability ${gpu.computeCapability})`,
    driver === null ? 'driver unknown' : `driver ${driver}`,
    ...(container === null ? [] : ['in a container']),
  ];
  return printable(parts.join(', '));
}

function runTable(run: BenchRun, colors: Colors): string {
  const { engine, convention, concurrency, batch, count, inputs, shapes } = run;
  const dims = Object.entries(shapes).map(
    ([name, each]) => `${name} ${each.join('x') || 'scalar'}`,
  );
  const title = [
    `engine ${engine}`,
    ...(batch === null ? [] : [`batch ${batch}`]),
    `${concurrency} at a time`,
    `${count} inferences`,
  ].join(', ');
  const wide = run.percentiles.map(({ percent }) => `p${percent}`);
  const extra = (span: (typeof spans)[number][1]): string =>
    run.percentiles
      .map((each) =>
        span === 'endToEnd' || span === 'compute' || span === 'gpuLatency'
          ? ms(each[span])
          : ''.padStart(10),
      )
      .join('');
  const header = [...statisticColumns.map(([label]) => label), ...wide].map((each) =>
    each.padStart(10),
  );
  return [
    `${colors.bold(title)}  ${colors.dim(`${conventionText(convention)}; milliseconds`)}`,
    colors.dim(printable(`inputs: ${dims.join(', ')}; ${inputs.source}, ${inputs.memory} memory`)),
    ''.padEnd(12) + header.join(''),
    ...spans.map(
      ([label, span]) =>
        label.padEnd(12) +
        statisticColumns.map(([, key]) => ms(run[span][key])).join('') +
        extra(span),
    ),
    `Throughput: ${throughputText(run)}`,
    cpuText(run),
    `GPU: ${momentsText(run.gpu)}`,
    `Graphs: ${run.graphs.replays} of ${run.graphs.replays + run.graphs.eager} inferences were replays` +
      (run.graphs.reason === null ? '' : `; not captured: ${printable(run.graphs.reason)}`),
    ...(run.cpuBound ? [colors.yellow('CPU-bound: enqueue is above 0.8 of compute')] : []),
    ...run.notes.map((note) => `Note: ${printable(note)}`),
  ].join('\n');
}

export function conventionText(convention: BenchRun['convention']): string {
  return convention === '10'
    ? "with transfers (trtexec 10's convention)"
    : "without transfers (trtexec 11's convention)";
}

function throughputText({ throughput, samplesPerSecond }: BenchRun): string {
  const samples = samplesPerSecond === null ? '' : `, ${samplesPerSecond.toFixed(1)} samples/s`;
  return `${throughput.toFixed(1)} inferences/s${samples}`;
}

function sweepTable(runs: readonly BenchRun[], colors: Colors): string {
  const header = [
    ...['engine', 'batch', 'at a time', 'inferences/s', 'samples/s', 'end to end p50', 'p99'],
    ...['compute p50', 'GPU latency p50', 'CPU/inference'],
  ];
  const rows = runs.map((run) => [
    run.engine,
    run.batch === null ? '–' : String(run.batch),
    String(run.concurrency),
    run.throughput.toFixed(1),
    run.samplesPerSecond?.toFixed(1) ?? '–',
    run.endToEnd.p50.toFixed(4),
    run.endToEnd.p99.toFixed(4),
    run.compute.p50.toFixed(4) + (run.cpuBound ? '*' : ''),
    run.gpuLatency.p50.toFixed(4),
    run.cpuPerInference.totalMs.toFixed(4),
  ]);
  const first = runs[0];
  return [
    colors.dim(`${first === undefined ? '' : conventionText(first.convention)}; milliseconds`),
    ...columns([header, ...rows]),
    ...(runs.some(({ cpuBound }) => cpuBound)
      ? ['* CPU-bound: enqueue is above 0.8 of compute']
      : []),
  ].join('\n');
}

function comparisonTable(comparison: EngineComparison, colors: Colors): string {
  const { engine, baseline, batch, concurrency, rounds, figures, verdict } = comparison;
  const size = batch === null ? '' : `, batch ${batch}`;
  return [
    colors.bold(
      `${engine} against ${baseline}${size}, ${concurrency} at a time: ${verdictText(verdict, colors)}`,
    ),
    ...figureRows(figures, engine, baseline, colors),
    colors.dim(
      `${rounds} turns of each; ratios ${engine}/${baseline} with 95 % bootstrap intervals over the turns`,
    ),
  ].join('\n');
}

function figureRows(
  figures: readonly ComparedFigure[],
  value: string,
  baseline: string,
  colors: Colors,
): readonly string[] {
  const rows = figures.map(({ figure, value: one, baseline: other, ratio, verdict }) => [
    figure,
    other.toFixed(4),
    one.toFixed(4),
    ratio.ratio.toFixed(4),
    ratio.low === null || ratio.high === null
      ? '–'
      : `${ratio.low.toFixed(4)} … ${ratio.high.toFixed(4)}`,
    verdict === 'unknown' ? '–' : verdict,
  ]);
  const header = ['figure', baseline, value, 'ratio', '95 % interval', ''];
  const [title = '', ...lines] = columns([header, ...rows]);
  return [colors.dim(title), ...lines];
}

function verdictText(verdict: Verdict, colors: Colors): string {
  switch (verdict) {
    case 'faster':
      return colors.green('faster');
    case 'slower':
      return colors.red('slower');
    case 'no difference':
      return 'no difference';
    case 'unknown':
      return 'too little to tell';
  }
}

export function limitLines(results: readonly LimitResult[], colors: Colors): string {
  return results
    .map(({ limit, holds, value, unit }) => {
      const measured = measuredText(value, (number) => valueText(number, unit));
      return `${holds ? colors.green('✓') : colors.red('✗')} ${printable(limit)}: ${measured}`;
    })
    .join('\n');
}

function valueText(value: number, unit: LimitResult['unit']): string {
  if (unit === '%') return `${(100 * value).toFixed(3)} %`;
  return unit === 'ms' ? `${value.toFixed(4)} ms` : `${value.toFixed(1)}/s`;
}

export function renderDiff(diff: BenchDiff, colors: Colors): string {
  const { a, b, environment, runs, unmatched } = diff;
  const sides = [`a: ${a.path} (${a.createdAt})`, `b: ${b.path} (${b.createdAt})`].map(printable);
  const differences =
    environment.length === 0
      ? ['Nothing else differs between the two.']
      : columns([
          ['differs', 'a', 'b'],
          ...environment.map((each) =>
            [each.name, String(each.a ?? '–'), String(each.b ?? '–')].map(printable),
          ),
        ]);
  const blocks = runs.map(({ name, figures, verdict }) =>
    [
      colors.bold(`${printable(name)}: b is ${verdictText(verdict, colors)}`),
      ...figureRows(figures, 'b', 'a', colors),
    ].join('\n'),
  );
  return [
    sides.join('\n'),
    differences.join('\n'),
    ...blocks,
    ...(runs.length === 0 ? ['The two have no run in common.'] : []),
    ...(unmatched.length === 0 ? [] : [`Not in both: ${printable(unmatched.join('; '))}`]),
  ].join('\n\n');
}
