import { createColors } from 'picocolors';
import { findingLines } from './doctor/render-findings';
import { gpuStateLine } from './doctor/render-gpu-state';
import { flavourNames, runtimeSupportsGpu } from './gpu-support';
import type { LibraryReport, Problem, RuntimeReport } from './runtime-report';

export const jobs = ['build', 'infer'] as const;
export type Job = (typeof jobs)[number];

const jobNames: Readonly<Record<Job, string>> = {
  build: 'Build engines from ONNX',
  infer: 'Run inference',
};

/** Whether every one of the jobs can run here. */
export function canRun(report: RuntimeReport, asked: readonly Job[]): boolean {
  return asked.every((job) => report.missing[job].length === 0);
}

/** The report for a person. Pure: `color` decides about escape codes, not the terminal. */
export function renderReport(
  report: RuntimeReport,
  asked: readonly Job[],
  options: { readonly color: boolean },
): string {
  const paint = createColors(options.color);
  const good = (text: string): string => `  ${paint.green('✓')} ${text}`;
  const bad = (text: string): string => `  ${paint.red('✗')} ${indent(text)}`;
  const section = (title: string, lines: readonly string[]): string =>
    [paint.bold(title), ...lines].join('\n');

  return [
    `${paint.bold(`trt-node ${report.version}`)} ${paint.dim(machineLine(report))}`,
    section('Addon', [addonLine(report, good, bad)]),
    section('NVIDIA driver', driverLines(report, good, bad, paint.dim)),
    section('TensorRT', libraryLines(report, good, bad, paint.dim)),
    ...(report.findings.length === 0
      ? []
      : [section('Findings', findingLines(report.findings, paint))]),
    ...asked.map((job, index) =>
      section(jobNames[job], jobLines(report, job, asked.slice(0, index), good, bad)),
    ),
  ].join('\n\n');
}

type Line = (text: string) => string;

function machineLine({ node, platform, libc }: RuntimeReport): string {
  const c = libc === null ? '' : `, ${libc.name}${libc.version ? ` ${libc.version}` : ''}`;
  return `· Node.js ${node}, ${platform}${c}`;
}

function addonLine({ addon }: RuntimeReport, good: Line, bad: Line): string {
  if (addon.problem) return bad(describe(addon.problem));
  const names = { v10: 'TensorRT 10', v11: 'TensorRT 11', rtx: 'TensorRT-RTX' } as const;
  const abis = (['v10', 'v11', 'rtx'] as const)
    .filter((abi) => addon.abis[abi] !== undefined)
    .map((abi) => names[abi]);
  return good(`made for ${abis.join(', ') || 'no TensorRT'}`);
}

function driverLines(
  { driver, gpus, gpuStates }: RuntimeReport,
  good: Line,
  bad: Line,
  dim: Line,
): string[] {
  if (driver === null) return [bad('not asked: the addon cannot be loaded')];
  if (driver.status !== 'ok') {
    return [
      bad(driver.message || (driver.status === 'not-found' ? 'not installed' : 'not working')),
    ];
  }
  const version = driver.driverVersion ? `driver ${driver.driverVersion}, ` : '';
  const lines = [good(`${version}CUDA ${driver.cudaVersion ?? 'unknown'}`)];
  if (gpus.length === 0) lines.push(bad('no GPU'));
  const width = widest(gpus.map(({ name }) => name));
  for (const gpu of gpus) {
    const gib = (gpu.memoryTotalBytes / 2 ** 30).toFixed(1);
    const runs = gpu.supportedBy.join(', ') || 'no TensorRT';
    const facts = `compute capability ${gpu.computeCapability.padEnd(4)}  ${gib.padStart(6)} GiB  supported by ${runs}`;
    lines.push(
      (gpu.runtimes.length > 0 ? good : bad)(
        `GPU ${gpu.index}  ${gpu.name.padEnd(width)}  ${facts}`,
      ),
    );
    const state = gpuStates.find(({ uuid }) => uuid === gpu.uuid);
    if (state) lines.push(`           ${dim(gpuStateLine(state))}`);
  }
  return lines;
}

function libraryLines(
  { libraries, places }: RuntimeReport,
  good: Line,
  bad: Line,
  dim: Line,
): string[] {
  const unreadable = places.flatMap(({ path, source, unreadable: code }) =>
    code === undefined ? [] : [bad(`${path} cannot be looked at: ${code} (${source})`)],
  );
  if (libraries.length === 0) {
    return [bad(`none found in ${places.length} places (--json lists them)`), ...unreadable];
  }
  const titles = libraries.map(
    ({ flavour, version }) => `${flavourNames[flavour]} ${version ?? '?'}`,
  );
  const width = widest(titles);
  const ableWidth = widest(libraries.map(abilities));
  const lines = libraries.flatMap((library, index) => {
    const able = abilities(library).padEnd(ableWidth);
    const head = `${(titles[index] ?? '').padEnd(width)}  ${able}  ${dim(library.source)}`;
    const where = `    ${dim(library.path)}`;
    if (library.problem === null) return [good(head), where];
    return [bad(head), where, `    ${indent(describe(library.problem))}`];
  });
  return [...lines, ...unreadable];
}

function abilities({ problem, canBuild, canLoad }: LibraryReport): string {
  if (problem) return 'cannot be used';
  if (canBuild && canLoad) return 'can build and load';
  if (canBuild) return 'can build, cannot load';
  return canLoad ? 'can load, cannot build' : 'can neither build nor load';
}

/** What is missing is said at length once: where it first appears. */
function jobLines(
  report: RuntimeReport,
  job: Job,
  before: readonly Job[],
  good: Line,
  bad: Line,
): string[] {
  const missing = report.missing[job];
  if (missing.length === 0) return [good(readyLine(report, job))];
  const said = [
    ...(report.addon.problem ? [report.addon.problem] : []),
    ...before.flatMap((other) => report.missing[other]),
  ].map(describe);
  return missing.map((problem) => {
    const text = describe(problem);
    return bad(said.includes(text) ? `[${problem.code}] as above` : withoutAdvice(text, report));
  });
}

/** A finding's next step stands above already, with what it follows from. */
function withoutAdvice(text: string, { findings }: RuntimeReport): string {
  const finding = findings.find(({ nextStep }) => text.includes(nextStep));
  return finding ? text.replace(finding.nextStep, `See [${finding.id}] above.`) : text;
}

function readyLine({ libraries, gpus, driver }: RuntimeReport, job: Job): string {
  if (job === 'infer') return 'ready';
  const onGpu = driver?.status === 'ok' ? gpus : [];
  const buildsForGpu = libraries.some(
    ({ flavour, canBuild, version }) =>
      canBuild && onGpu.some((gpu) => runtimeSupportsGpu(flavour, gpu.computeCapability, version)),
  );
  return buildsForGpu
    ? 'ready'
    : 'ready with TensorRT-RTX; name the GPUs that shall run the plan: --compute-capability 8.6,8.9';
}

function describe({ code, message }: Problem): string {
  return `[${code}] ${message}`;
}

function indent(text: string): string {
  return text.replaceAll('\n', '\n    ');
}

function widest(texts: readonly string[]): number {
  return Math.max(0, ...texts.map(({ length }) => length));
}
