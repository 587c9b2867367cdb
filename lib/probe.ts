import type { NativeDriver } from './binding';
import { findLibraries, type Discovery, type FoundLibrary } from './discovery';
import { isUsable } from './discovery/found-library';
import { diagnose } from './doctor/diagnose';
import { cudaOfLibraries, gatherTraces, type MachineTraces } from './doctor/gather-evidence';
import { gatherHost, recordedVariables, type HostReport } from './doctor/host-report';
import { invalidArgument, TrtError } from './errors';
import { describeSupport, runtimeSupportsGpu } from './gpu-support';
import { checkedOptions } from './known-keys';
import { flavours } from './manifest-schema';
import { askProbeChild, type MachineProbe } from './probe-process';
import { missingForBuild, missingForInfer } from './readiness';
import {
  problemOf,
  type GpuReport,
  type LibraryReport,
  type Problem,
  type RuntimeReport,
} from './runtime-report';
import { packageVersion } from './package-version';

export interface ProbeOptions {
  /** A TensorRT library or its folder; only it is looked at then. Omitted: this machine is searched. */
  readonly library?: string | undefined;
  /** Milliseconds that one library, or the driver, may take to answer. Default 30000; what takes longer is reported as a problem. */
  readonly timeoutMs?: number | undefined;
}

const defaultTimeoutMs = 30_000;
const maxTimeoutMs = 2 ** 31 - 1;

/**
 * Every TensorRT and GPU of this machine, and why a job cannot run here. All of it is asked in child processes, so a broken
 * driver or library is a line of the report. Resolves on unsupported platforms too.
 *
 * Rejects with ERR_TRT_INVALID_ARG for wrong options, ERR_TRT_LIBRARY_NOT_FOUND when `library` does not exist.
 */
export async function probeRuntimes(options?: ProbeOptions): Promise<RuntimeReport> {
  const { library, timeoutMs } = checkedProbeOptions(options);
  const { env } = process;
  const [machine, found, traces] = await Promise.all([
    probeMachine(env, timeoutMs),
    findLibraries({ library, env, timeoutMs }),
    gatherTraces(env),
  ]);
  const host = await gatherHost(traces);
  const libraries = found.libraries.map(libraryReport);
  const libraryCuda = await cudaOfLibraries(libraries);
  return report({ machine, found, traces, host, libraries, libraryCuda });
}

interface CheckedProbeOptions {
  readonly library: string | undefined;
  readonly timeoutMs: number;
}

function checkedProbeOptions(options: ProbeOptions | undefined): CheckedProbeOptions {
  const { library, timeoutMs = defaultTimeoutMs } = checkedOptions(options, 'options', [
    'library',
    'timeoutMs',
  ]);
  if (library !== undefined && (typeof library !== 'string' || library === '')) {
    throw invalidArgument('options.library', 'the path of a TensorRT library or folder', library);
  }
  // Node's timers take what is larger for 1 ms.
  if (typeof timeoutMs !== 'number' || !(timeoutMs > 0 && timeoutMs <= maxTimeoutMs)) {
    const expected = `milliseconds greater than 0 and up to ${maxTimeoutMs}`;
    throw invalidArgument('options.timeoutMs', expected, timeoutMs);
  }
  return { library, timeoutMs };
}

interface Gathered {
  readonly machine: MachineProbe | TrtError;
  readonly found: Discovery;
  readonly traces: MachineTraces;
  readonly host: HostReport;
  readonly libraries: readonly LibraryReport[];
  readonly libraryCuda: Readonly<Record<string, number>>;
}

async function probeMachine(
  env: NodeJS.ProcessEnv,
  timeoutMs: number,
): Promise<MachineProbe | TrtError> {
  const outcome = await askProbeChild({ kind: 'machine' }, { env, timeoutMs });
  switch (outcome.kind) {
    case 'answer':
      return outcome.value;
    case 'error':
      return outcome.error;
    case 'lost':
      return new TrtError(
        'ERR_TRT_ADDON_LOAD',
        `the process that asked the driver ${outcome.how}. Look whether nvidia-smi works here, and install trt-node again if it does.` +
          (outcome.stderr ? `\n${outcome.stderr}` : ''),
      );
  }
}

function report({ machine, found, traces, host, libraries, libraryCuda }: Gathered): RuntimeReport {
  // Without the addon nothing runs, and nothing else that is missing matters yet.
  const [broken, { abis, driver, gpuStates }] =
    machine instanceof TrtError
      ? [machine, { abis: {}, driver: null, gpuStates: [] }]
      : [null, machine];
  const findings = diagnose({ ...traces, driver, gpuStates, libraries, libraryCuda });
  const advice =
    driver && driver.status === 'ok' && driver.gpus.length > 0
      ? undefined
      : findings.find(({ severity }) => severity === 'problem')?.nextStep;
  const missing = (job: typeof missingForBuild): Problem[] =>
    (driver ? job({ found, driver, advice }) : broken ? [broken] : []).map(problemOf);
  return {
    version: packageVersion(),
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    libc: libc(),
    addon: {
      abis,
      problem: broken && problemOf(broken),
    },
    driver: driver && driverReport(driver),
    gpus: (driver?.gpus ?? []).map((gpu) => ({ ...gpu, ...supportOf(gpu.computeCapability) })),
    gpuStates,
    host,
    variables: recordedVariables(traces.env),
    libraries,
    places: found.places,
    missing: {
      build: missing(missingForBuild),
      infer: missing(missingForInfer),
    },
    findings,
  };
}

function supportOf(computeCapability: string): Pick<GpuReport, 'runtimes' | 'supportedBy'> {
  return {
    runtimes: flavours.filter((flavour) => runtimeSupportsGpu(flavour, computeCapability)),
    supportedBy: flavours
      .map((flavour) => describeSupport(flavour, computeCapability))
      .filter((text) => text !== null),
  };
}

/** The GPUs stand in the report by themselves. */
function driverReport(driver: NativeDriver): RuntimeReport['driver'] {
  const { status, message, path, cudaError, cudaVersion, driverVersion } = driver;
  return { status, message, path, cudaError, cudaVersion, driverVersion };
}

function libraryReport(library: FoundLibrary): LibraryReport {
  const usable = isUsable(library);
  return {
    flavour: library.flavour,
    version: library.version,
    path: library.files.core,
    parser: library.files.parser,
    source: library.source,
    canBuild: usable && library.hasBuilder,
    canLoad: usable && library.hasRuntime,
    problem: usable ? null : problemOf(library.problem),
  };
}

function libc(): RuntimeReport['libc'] {
  if (process.platform !== 'linux') return null;
  const facts = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  const glibc = facts.header?.glibcVersionRuntime;
  return glibc === undefined ? { name: 'musl', version: null } : { name: 'glibc', version: glibc };
}
