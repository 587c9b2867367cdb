import type { Cell, FactsSection, ReportSection } from '../report/document';
import type { BenchRecord, LoadRun } from './record';

/** Open loops: a table of all, and the samples of those that count. */
export function loadSections(loads: readonly LoadRun[], isSearch: boolean): ReportSection[] {
  if (loads.length === 0) return [];
  const sorted = loads.toSorted((a, b) => a.rate - b.rate);
  const shown = isSearch ? sorted.filter(({ holds }) => holds === true).slice(-1) : sorted;
  const sampled = shown.flatMap(({ rate, samples }) =>
    samples ? [{ name: `${Number(rate.toPrecision(4))}/s`, samples }] : [],
  );
  const series = sampled.map(({ name, samples }) => ({ name, values: samples.latencyMs }));
  return [
    {
      kind: 'table',
      id: 'loads',
      title: isSearch ? 'Rates that were tried' : 'The load',
      text: 'An open loop: requests arrive by the schedule, and latency counts from there.',
      columns: [
        ...[{ title: 'rate', unit: '/s' }, { title: 'arrivals' }, { title: 'holds' }],
        ...['p50', 'p90', 'p99', 'max'].map((title) => ({ title: `latency ${title}`, unit: 'ms' })),
        ...[
          { title: 'answered', unit: '/s' },
          { title: 'requests' },
          { title: 'not answered' },
          { title: 'most waiting' },
        ],
      ],
      rows: sorted.map((load): Cell[] => [
        ...[load.rate, load.arrival, load.holds === null ? null : load.holds ? 'yes' : 'no'],
        ...[load.latency?.p50, load.latency?.p90, load.latency?.p99, load.latency?.max].map(
          (value) => value ?? null,
        ),
        ...[load.achievedRate, load.offered, load.offered - load.completed, load.backlog.most],
      ]),
    },
    ...(sorted.length > 1
      ? [
          {
            kind: 'sweep' as const,
            id: 'rate-latency',
            title: 'Latency against rate',
            x: { title: 'rate', unit: '/s' },
            y: { title: 'latency, p99', unit: 'ms' },
            series: [
              {
                name: 'p99',
                points: sorted.flatMap(({ rate, latency }) =>
                  latency ? [{ x: rate, y: latency.p99 }] : [],
                ),
              },
            ],
          },
        ]
      : []),
    ...(series.length === 0
      ? []
      : [
          {
            kind: 'histogram' as const,
            id: 'load-histogram',
            title: 'Latency',
            unit: 'ms',
            series,
          },
          {
            kind: 'percentiles' as const,
            id: 'load-percentiles',
            title: 'Latency by percentile',
            unit: 'ms',
            series,
          },
          {
            kind: 'timeline' as const,
            id: 'load-timeline',
            title: 'Latency by arrival',
            x: { title: 'arrival', unit: 'ms' },
            y: { title: 'latency', unit: 'ms' },
            series: sampled.map(({ name, samples }) => ({
              name,
              points: samples.arrivalMs
                .map((x, index) => ({ x, y: samples.latencyMs[index] ?? 0 }))
                .sort((a, b) => a.x - b.x),
            })),
          },
        ]),
  ];
}

/** What a search for the highest rate came to. */
export function costSection({ slo }: BenchRecord): FactsSection[] {
  if (slo === null) return [];
  const { rate, failedRate, cost, limits } = slo;
  return [
    {
      kind: 'facts',
      id: 'capacity',
      title: 'Capacity',
      text: `The highest rate at which ${limits.join(' and ')} holds on one GPU, and what a target needs.`,
      facts: [
        { name: 'highest rate that holds', value: rate, unit: '/s' },
        { name: 'lowest rate that does not', value: failedRate, unit: '/s' },
        { name: 'target', value: cost?.targetRate ?? null, unit: '/s' },
        { name: 'GPUs for the target', value: cost?.gpus ?? null },
        { name: 'cost of a GPU and hour', value: cost?.costPerGpuHour ?? null },
        { name: 'cost an hour', value: cost?.costPerHour ?? null },
        { name: 'cost of a million requests', value: cost?.costPerMillion ?? null },
      ],
    },
  ];
}
