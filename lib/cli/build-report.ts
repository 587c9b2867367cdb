import type { LayerInfo, Manifest, Profile, TensorInfo } from '../manifest-schema';
import type { Fact, ReportDocument, ReportSection, TableSection } from '../report/document';
import { jsonOfBuild, jsonOfBuilds, type BuildOutcome, type BuiltOutcome } from './build-outcome';
import { counted, describeTarget, factRows } from './build-summary';
import { TrtError } from '../errors';
import { reportOf } from './report-frame';

/** What was built, for `--report`. `argv` as in process.argv. */
export function buildReport(
  outcomes: readonly BuildOutcome[],
  argv: readonly string[],
): ReportDocument {
  const built = outcomes.filter((outcome) => outcome.status === 'built');
  const [single] = built;
  const isOne = outcomes.length === 1 && single !== undefined;
  const content = {
    title: isOne ? `Build of ${single.manifest.model.name}` : `Builds of ${outcomes.length} models`,
    ...(isOne ? { highlights: highlightsOf(single) } : {}),
    sections: [
      ...(isOne ? [] : [overviewOf(outcomes)]),
      ...built.flatMap((outcome, index) => sectionsOf(outcome, isOne ? '' : `-${index + 1}`)),
    ],
    data: isOne ? jsonOfBuild(single) : jsonOfBuilds(outcomes),
  };
  return reportOf(content, argv);
}

function highlightsOf({ manifest, sizeBytes }: BuiltOutcome): readonly Fact[] {
  const layers = manifest.layers?.length;
  return [
    { name: 'engine', value: mebibytes(sizeBytes), unit: 'MiB' },
    { name: 'build time', value: Number(manifest.buildSeconds.toFixed(2)), unit: 's' },
    ...(layers === undefined ? [] : [{ name: 'layers', value: layers }]),
  ];
}

function overviewOf(outcomes: readonly BuildOutcome[]): TableSection {
  return {
    kind: 'table',
    id: 'models',
    title: 'Models',
    columns: [
      { title: 'model' },
      { title: 'result' },
      { title: 'engine', unit: 'MiB' },
      { title: 'build time', unit: 's' },
      { title: 'runs on' },
    ],
    rows: outcomes.map((outcome) => {
      const name = outcome.request.name ?? outcome.request.model;
      if (outcome.status !== 'built') {
        const { status } = outcome;
        const code =
          status === 'failed' && outcome.error instanceof TrtError ? outcome.error.code : status;
        return [name, code, null, null, null];
      }
      const { manifest, sizeBytes } = outcome;
      const seconds = Number(manifest.buildSeconds.toFixed(2));
      return [name, 'built', mebibytes(sizeBytes), seconds, describeTarget(manifest)];
    }),
  };
}

/** `suffix` keeps the anchors of several models apart. */
function sectionsOf(outcome: BuiltOutcome, suffix: string): readonly ReportSection[] {
  const { manifest, request } = outcome;
  const of = suffix === '' ? '' : ` of ${request.name ?? request.model}`;
  const rows = factRows(manifest);
  const sections: (ReportSection | null)[] = [
    {
      kind: 'facts',
      id: `build${suffix}`,
      title: `Build${of}`,
      facts: [
        { name: 'engine', value: request.options.output },
        { name: 'model', value: manifest.model.name },
        { name: 'SHA-256 of the model', value: manifest.model.sha256 },
        { name: 'SHA-256 of the engine', value: manifest.plan.sha256 },
        ...rows.map(([name, value]) => ({ name, value })),
        { name: 'GPU', value: manifest.gpu?.name ?? 'none: built for other machines' },
        { name: 'driver', value: manifest.driver },
        { name: 'built at', value: manifest.builtAt },
      ],
    },
    tensorsOf(manifest, suffix, of),
    profilesOf(manifest, suffix, of),
    typesOf(manifest, suffix, of),
    verificationOf(manifest, suffix, of),
    layersOf(manifest, suffix, of),
  ];
  return sections.filter((section) => section !== null);
}

function tensorsOf({ inputs, outputs }: Manifest, suffix: string, of: string): ReportSection {
  const rowOf = (kind: string) => (tensor: TensorInfo) => [
    ...[kind, tensor.name, tensor.type],
    tensor.dims.map((dim) => (dim < 0 ? '?' : String(dim))).join(' × ') || 'scalar',
  ];
  return {
    kind: 'table',
    id: `tensors${suffix}`,
    title: `Inputs and outputs${of}`,
    columns: [{ title: 'kind' }, { title: 'name' }, { title: 'type' }, { title: 'dims' }],
    rows: [...inputs.map(rowOf('input')), ...outputs.map(rowOf('output'))],
  };
}

function profilesOf(manifest: Manifest, suffix: string, of: string): ReportSection | null {
  const { profiles, profileNames } = manifest;
  if (profiles.length === 0) return null;
  const rows = profiles.flatMap((profile, index) =>
    rowsOf(profile, profileNames?.[index] ?? String(index)),
  );
  return {
    kind: 'table',
    id: `profiles${suffix}`,
    title: `Optimization profiles${of}`,
    text: 'What the dynamic dims may be at inference; TensorRT tuned for opt.',
    columns: ['profile', 'input', 'min', 'opt', 'max'].map((title) => ({ title })),
    rows,
  };
}

function rowsOf(profile: Profile, name: string): readonly (readonly string[])[] {
  return Object.entries(profile).flatMap(([input, range]) => [
    [name, input, ...[range.min, range.opt, range.max].map((dims) => dims.join(' × '))],
    ...(range.values
      ? [
          [
            ...[name, `${input} (values)`],
            ...[range.values.min, range.values.opt, range.values.max].map((dims) =>
              dims.join(', '),
            ),
          ],
        ]
      : []),
  ]);
}

function typesOf({ layerSummary }: Manifest, suffix: string, of: string): ReportSection | null {
  if (!layerSummary) return null;
  return {
    kind: 'bars',
    id: `types${suffix}`,
    title: `Types of the layers${of}`,
    text: 'How many layers give each type, as the engine inspector tells it.',
    unit: 'layers',
    bars: Object.entries(layerSummary.byType)
      .sort(([, a], [, b]) => b - a)
      .map(([type, count]) => ({ name: type, value: count, group: type })),
  };
}

function verificationOf(manifest: Manifest, suffix: string, of: string): ReportSection | null {
  const { verification } = manifest;
  if (!verification) return null;
  return {
    kind: 'table',
    id: `verification${suffix}`,
    title: `Verification${of}`,
    text: `The worst of ${counted(verification.cases, 'case')}, compared with: ${verification.reference}.`,
    columns: [{ title: 'output' }, { title: 'measure' }, { title: 'value' }],
    rows: Object.entries(verification.outputs).flatMap(([output, measures]) =>
      Object.entries(measures).map(([name, value]) => [output, name, value]),
    ),
  };
}

function layersOf({ layers, network }: Manifest, suffix: string, of: string): ReportSection {
  const shown: readonly LayerInfo[] = layers ?? network.layers;
  const withKernels = shown.some(({ tactic }) => tactic !== undefined);
  return {
    kind: 'table',
    id: `layers${suffix}`,
    title: `Layers${of}`,
    text:
      layers === null
        ? 'Of the network as it was parsed; the layers of the engine are not known.'
        : 'Of the engine, after fusion.',
    columns: ['layer', 'type', 'output types', ...(withKernels ? ['kernel'] : [])].map((title) => ({
      title,
    })),
    rows: shown.map(({ name, type, outputTypes, tactic = null }) => [
      ...[name, type, outputTypes.join(', ')],
      ...(withKernels ? [tactic] : []),
    ]),
  };
}

function mebibytes(bytes: number): number {
  return Number((bytes / 2 ** 20).toFixed(2));
}
