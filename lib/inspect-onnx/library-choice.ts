import type { NativeDriver } from '../binding';
import {
  chooseForBuild,
  goalOfBuild,
  type Discovery,
  type FindLibrariesOptions,
  type UsableLibrary,
} from '../discovery';
import { invalidArgument, TrtError } from '../errors';
import type { CheckedInspectOptions } from './options';

export interface ParserChoice {
  readonly library: UsableLibrary;
  /** null: no GPU takes part. */
  readonly device: number | null;
}

/** TensorRT-RTX makes a parser for any target that is named. */
const anyTarget = ['8.6'];

/**
 * The library that builds would use on this machine's GPU; else TensorRT-RTX, whose parser needs no GPU.
 *
 * Rejects with what `chooseForBuild` throws, and ERR_TRT_INVALID_ARG for a `device` that is not there.
 */
export async function chooseParser(
  findLibraries: (options: FindLibrariesOptions) => Promise<Discovery>,
  driver: NativeDriver,
  options: CheckedInspectOptions,
): Promise<ParserChoice> {
  const { runtime, library } = options;
  const device = options.device ?? 0;
  const gpu = driver.gpus.find(({ index }) => index === device) ?? null;
  if (gpu === null && options.device !== null) {
    const expected =
      driver.gpus.length === 0
        ? 'nothing (leave `device` out: no GPU is here)'
        : `the index of one of this machine's ${driver.gpus.length} GPUs, or nothing,`;
    throw invalidArgument('options.device', expected, options.device);
  }
  const withoutGpu = runtime === 'tensorrt' ? [] : anyTarget;
  const computeCapabilities = gpu === null ? withoutGpu : [];
  const target = { runtime, device, driver, computeCapabilities };
  const found = await findLibraries({
    library: library ?? undefined,
    flavour: runtime === 'auto' ? undefined : runtime,
    goal: goalOfBuild({ ...target, driver: Promise.resolve(driver) }),
  });
  try {
    return { library: chooseForBuild({ ...target, found }), device: gpu?.index ?? null };
  } catch (error) {
    if (gpu === null || runtime === 'tensorrt' || !(error instanceof TrtError)) throw error;
    return withoutThisGpu(found, driver, error);
  }
}

/** TensorRT-RTX where it does not run on the GPU that is here: it parses all the same. */
function withoutThisGpu(found: Discovery, driver: NativeDriver, why: TrtError): ParserChoice {
  try {
    const target = { runtime: 'tensorrt-rtx', driver, computeCapabilities: anyTarget } as const;
    return { library: chooseForBuild({ ...target, found }), device: null };
  } catch {
    throw why;
  }
}
