import type { ReportDocument, ReportSection, SampleSeries } from '../../lib/report/document';

/** Names that a file or a model may have, each of which would break a page that took one for markup, or a table of Markdown. */
export const oddNames = [
  '<script>globalThis.broken = true</script>',
  '<img src=x onerror="globalThis.broken = true">',
  '</script><script>globalThis.broken = true</script>',
  'two\nlines | and a cell',
  '**bold** _slanted_ `code` [link](https://example.invalid) &amp; "quoted" \'too\'',
  'Größe · 層 · طبقة · 🧪',
  '/model/encoder/layer.11/attention/self/query/MatMul + /model/encoder/layer.11/attention/self/query/Add + reformat_'.repeat(
    2,
  ),
  'turned \u202e round \u0007',
  '',
] as const;

/** Every kind of section, with figures that nobody measured: they exist in tests alone. */
export function sampleReport({ samples = 2000, layers = 250 } = {}): ReportDocument {
  const random = randomFrom(7);
  const compute = latencies(random, samples, 0.374);
  const endToEnd = compute.map((value) => value + 0.06 + random() * 0.03);
  return {
    schema: 'trt-node/report',
    schemaVersion: 1,
    title: 'resnet50.engine on NVIDIA H200',
    command:
      'trt-node bench resnet50.engine --shapes image:1x3x224x224 --cuda-graph --spin --report resnet50.html',
    createdAt: '2026-11-22T04:05:06.789Z',
    version: '0.1.0',
    highlights: [
      { name: 'GPU time, p50', value: 0.3741, unit: 'ms', text: 'CUDA events, 2,000 inferences' },
      { name: 'GPU time, p99', value: 0.4219, unit: 'ms' },
      { name: 'Throughput', value: 2612.4, unit: 'inferences/s', text: 'one at a time' },
      { name: 'Cold start', value: null },
    ],
    sections: sectionsOf(random, { compute, endToEnd, layers }),
    data: { gpuTime: { p50: 0.3741 } },
  };
}

interface Figures {
  readonly compute: readonly number[];
  readonly endToEnd: readonly number[];
  readonly layers: number;
}

function sectionsOf(random: () => number, figures: Figures): ReportSection[] {
  const { compute, endToEnd, layers } = figures;
  const both: SampleSeries[] = [
    { name: 'GPU time', values: compute },
    { name: 'end to end', values: endToEnd },
  ];
  const line = (values: readonly number[]) => values.map((y, index) => ({ x: index + 1, y }));
  return [
    {
      ...{ kind: 'notes', id: 'notes', title: 'What to know' },
      notes: [
        {
          level: 'warning',
          text: 'The GPU’s clock moved from 1,980 to 1,830 MHz while it was measured: lock it, or measure again.',
        },
        { level: 'note', text: `Enqueue took 0.81 of the network’s time. ${oddNames[0]}` },
      ],
    },
    {
      ...{ kind: 'histogram', id: 'gpu-time', title: 'GPU time' },
      text: 'Of each inference, between CUDA events outside of the captured graph. 50 inferences before were not measured.',
      unit: 'ms',
      series: [{ name: 'GPU time', values: compute }],
    },
    {
      ...{ kind: 'histogram', id: 'gpu-and-wall', title: 'GPU time and wall clock' },
      unit: 'ms',
      series: both,
    },
    {
      ...{ kind: 'percentiles', id: 'percentiles', title: 'Percentiles' },
      unit: 'ms',
      series: both,
    },
    {
      ...{ kind: 'timeline', id: 'timeline', title: 'Latency over time' },
      text: 'In the order they were measured.',
      x: { title: 'inference' },
      y: { title: 'latency', unit: 'ms' },
      series: both.map(({ name, values }) => ({ name, points: line(values) })),
    },
    {
      ...{ kind: 'timeline', id: 'clock', title: 'Clock' },
      x: { title: 'time', unit: 's' },
      y: { title: 'SM clock', unit: 'MHz' },
      series: [
        {
          name: 'SM clock',
          points: Array.from({ length: 24 }, (_, index) => ({
            x: index / 4,
            y: index < 15 ? 1980 : 1830 + 15 * (index % 3),
          })),
        },
      ],
    },
    {
      ...{ kind: 'sweep', id: 'sweep', title: 'Throughput against latency' },
      text: 'Up and to the left is better.',
      x: { title: 'latency p99', unit: 'ms' },
      y: { title: 'throughput', unit: 'images/s' },
      series: ['1 lane', '2 lanes', '4 lanes'].map((name, lane) => ({
        name,
        points: [1, 2, 4, 8, 16, 32, 64].map((batch) => ({
          x: (0.32 + 0.032 * batch) * (1 + lane * 0.45),
          y: (1000 * batch * (1 + lane * 0.28)) / (0.34 + 0.036 * batch),
          label: `batch ${batch}`,
        })),
      })),
    },
    layersSection(random, layers),
    {
      ...{ kind: 'bars', id: 'ladder', title: 'Precision ladder' },
      text: 'GPU time p50 of each rung, batch 8. Shorter is faster.',
      unit: 'ms',
      bars: [
        { name: 'FP32', value: 2.41, group: 'exact' },
        { name: 'TF32', value: 1.32, group: 'exact' },
        { name: 'FP16', value: 0.53, group: 'within tolerance' },
        { name: 'INT8', value: 0.31, group: 'failed verify' },
        { name: 'FP16 + CUDA graph', value: 0.44, group: 'within tolerance' },
      ],
    },
    {
      ...{ kind: 'table', id: 'rungs', title: 'Rungs' },
      columns: [
        { title: 'rung' },
        { title: 'p50', unit: 'ms' },
        { title: 'size', unit: 'MiB' },
        { title: 'largest difference' },
        { title: 'verdict' },
      ],
      rows: [
        ['FP32', 2.41, 98.2, 0, 'the reference'],
        ['FP16', 0.53, 49.4, 0.00182, 'passed'],
        ['INT8', 0.31, 25.1, null, oddNames[3]],
        [oddNames[1], null, 12.3, 0.5, oddNames[4]],
      ],
    },
    {
      ...{ kind: 'facts', id: 'engine', title: 'Engine' },
      facts: [
        { name: 'file', value: '/models/resnet50.engine' },
        { name: 'size', value: 49.4, unit: 'MiB' },
        { name: 'built from', value: oddNames[2] },
        {
          name: 'profiles',
          value: 'image: 1x3x224x224 … 8x3x224x224 … 32x3x224x224\nmask: 1 … 8 … 32',
        },
        { name: 'precision', value: 'FP16 (weak typing)' },
        { name: 'refittable', value: null },
      ],
    },
    {
      ...{ kind: 'facts', id: 'environment', title: 'Environment' },
      facts: [
        { name: 'GPU', value: 'NVIDIA H200' },
        { name: 'driver', value: '580.95.05' },
        { name: 'TensorRT', value: '10.6.0' },
        { name: 'SM clock', value: 1980, unit: 'MHz' },
        { name: 'temperature', value: 41, unit: '°C' },
        { name: 'Node.js', value: 'v22.12.0' },
      ],
    },
  ];
}

const types = [
  'CaskConvolution',
  'PoolingV2',
  'CaskPooling',
  'Reformat',
  'MatrixMultiply',
  'ElementWise',
  'SoftMax',
  'Shuffle',
  'NoOp',
  'Cast',
];

function layersSection(random: () => number, count: number): ReportSection {
  const times = Array.from({ length: count }, () => 0.0006 + 0.02 * random() ** 6);
  const sum = times.reduce((total, each) => total + each, 0);
  return {
    ...{ kind: 'layers', id: 'layers', title: 'Time per layer' },
    text: 'Mean of 200 inferences with the profiler attached, which slows each of them down.',
    layers: times.map((meanMs, index) => ({
      name:
        oddNames[index] ??
        `/layer${1 + (index % 4)}/layer${1 + (index % 4)}.${index % 7}/conv${1 + (index % 3)}/Conv_${index}`,
      type: index % 23 === 22 ? null : (types[Math.floor(types.length * random() ** 2)] ?? null),
      precision: index % 5 === 0 ? null : 'float16',
      meanMs,
      share: meanMs / sum,
    })),
  };
}

/** Most near `middle`, a few far above, as latencies are. */
function latencies(random: () => number, count: number, middle: number): number[] {
  return Array.from({ length: count }, (_, index) => {
    const noise = (random() + random() + random() + random() - 2) * 0.012;
    const straggler = random() < 0.006 ? random() * 0.12 : 0;
    const pause = index === Math.floor(count * 0.7) ? 1.4 : 0;
    return middle + noise + straggler + pause;
  });
}

/** Mulberry32, public domain: the same figures in every run. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
