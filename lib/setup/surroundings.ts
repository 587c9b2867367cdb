import { loadBinding, type NativeDriver } from '../binding';
import { runtimePins, type RuntimePins } from './pins';

/** Everything that setup takes from the machine around it, so that a test can bring its own. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly platform: NodeJS.Platform;
  readonly arch: string;
  /** `2.36`; null where the C library is another one. */
  readonly glibc: string | null;
  readonly pins: RuntimePins;
  /** Waits between attempts of one request, milliseconds; their number is the number of retries. */
  readonly retryDelays: readonly number[];
  /** A connection that brings no byte for so long is given up, milliseconds. */
  readonly stallTimeout: number;
  probeDriver(): Promise<NativeDriver>;
}

export function thisMachine(): Surroundings {
  return {
    env: process.env,
    platform: process.platform,
    arch: process.arch,
    glibc: glibcVersion(),
    pins: runtimePins,
    retryDelays: [1_000, 2_000, 4_000],
    stallTimeout: 30_000,
    probeDriver: async () => await loadBinding().probeDriver(),
  };
}

function glibcVersion(): string | null {
  if (process.platform !== 'linux') return null;
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: unknown } };
  const version = report.header?.glibcVersionRuntime;
  return typeof version === 'string' ? version : null;
}
