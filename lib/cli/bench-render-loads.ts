import type { LoadRun, SloResult } from '../bench/record';
import { columns, momentsText, ms, type Colors } from './bench-render-parts';
import { statisticColumns } from '../benchmark/table';
import { rateText } from './bench-run';

export function loadTable(load: LoadRun, colors: Colors): string {
  const {
    arrival,
    rate,
    achievedRate,
    offered,
    completed,
    dropped,
    errors,
    backlog,
    latency,
    lag,
  } = load;
  const failures = Object.entries(errors).map(([code, count]) => `${count} × ${code}`);
  const rows = [
    ['latency', latency],
    ['generator late by', lag],
  ] as const;
  return [
    `${colors.bold(`${rateText(rate)}, ${arrival} arrivals for ${(load.durationMs / 1000).toFixed(1)} s`)}  ${colors.dim('from the scheduled arrival; milliseconds')}`,
    ''.padEnd(18) + statisticColumns.map(([label]) => label.padStart(10)).join(''),
    ...rows.map(([label, summary]) =>
      summary === null
        ? `${label.padEnd(18)}nothing was measured`
        : label.padEnd(18) + statisticColumns.map(([, key]) => ms(summary[key])).join(''),
    ),
    `Answered: ${achievedRate.toFixed(1)}/s while it lasted; ${completed} of ${offered} in all`,
    `Not answered: ${dropped} refused by a full queue${failures.map((each) => `, ${each}`).join('')}`,
    `Backlog: at most ${backlog.most}, ${backlog.atEnd} at the end`,
    `GPU: ${momentsText(load.gpu)}`,
  ].join('\n');
}

export function sloTable(steps: readonly LoadRun[], colors: Colors): string {
  const header = [
    'rate',
    'holds',
    'p50',
    'p90',
    'p99',
    'max',
    'answered/s',
    'not answered',
    'backlog',
  ];
  const sorted = steps.toSorted((a, b) => a.rate - b.rate);
  const rows = sorted.map((step) => [
    rateText(step.rate),
    step.holds === true ? 'yes' : 'no',
    ...(['p50', 'p90', 'p99', 'max'] as const).map((key) => step.latency?.[key].toFixed(4) ?? '–'),
    step.achievedRate.toFixed(1),
    String(step.offered - step.completed),
    `${step.backlog.atEnd} of ${step.backlog.most}`,
  ]);
  const [title = '', ...lines] = columns([header, ...rows]);
  return [colors.dim(title), ...lines].join('\n');
}

export function sloSummary({ limits, rate, failedRate, cost }: SloResult, colors: Colors): string {
  const what = limits.join(', ');
  if (rate === null) return colors.red(`No rate holds ${what}.`);
  const above = failedRate === null ? '' : ` (${rateText(failedRate)} does not)`;
  const lines = [colors.bold(`${rateText(rate)} is the highest rate that holds ${what}${above}.`)];
  if (cost === null) return lines.join('\n');
  const { targetRate, gpus, costPerHour, costPerMillion } = cost;
  if (targetRate !== null && gpus !== null) {
    const price = costPerHour === null ? '' : `, ${money(costPerHour)} an hour`;
    lines.push(
      `${rateText(targetRate)} need ${gpus} ${gpus === 1 ? 'GPU' : 'GPUs'} of this kind${price}`,
    );
  }
  if (costPerMillion !== null) {
    const load = targetRate === null ? 'at that rate' : 'at that load';
    lines.push(`A million requests cost ${money(costPerMillion)} ${load}`);
  }
  return lines.join('\n');
}

function money(value: number): string {
  return value >= 0.1 ? value.toFixed(2) : value.toPrecision(2);
}
