import { coldStartSteps, type ColdStartRecord } from '../bench/cold-start-record';
import type { Summary } from '../benchmark/statistics';
import { gpuLine, limitLines } from './bench-render';
import { type Colors } from './bench-render-parts';
import { statisticColumns } from '../benchmark/table';
import { printable } from './printable';

const stepTexts: Readonly<Record<(typeof coldStartSteps)[number], string>> = {
  node: 'Node.js starts',
  import: 'trt-node and its addon',
  driver: 'driver (cuInit)',
  context: 'CUDA context',
  library: 'TensorRT found and opened',
  load: 'plan read, checked, deserialized',
  firstInference: 'first inference',
  capture: 'CUDA graph captured',
};

export function renderColdStart(record: ColdStartRecord, colors: Colors): string {
  const { steps, warmInference, whole, wholeLoad, processes, engine } = record;
  const row = (label: string, summary: Summary): string =>
    label.padEnd(34) +
    statisticColumns.map(([, key]) => summary[key].toFixed(2).padStart(10)).join('');
  return [
    `${colors.bold(printable(engine))}  ${colors.dim(`${processes} fresh processes each; milliseconds`)}`,
    gpuLine(record.environment),
    '',
    ''.padEnd(34) + statisticColumns.map(([label]) => label.padStart(10)).join(''),
    ...coldStartSteps.map((step) => row(stepTexts[step], steps[step])),
    row('a warm inference', warmInference),
    '',
    row('in one go: start to first output', whole),
    row('of that, loadEngine', wholeLoad),
    colors.dim(
      'The steps are of processes that take one after the other; in one go, loadEngine takes them side by side.',
    ),
    ...(record.assertions.length === 0 ? [] : ['', limitLines(record.assertions, colors)]),
  ].join('\n');
}
