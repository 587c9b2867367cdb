import { rmdir } from 'node:fs/promises';
import path from 'node:path';
import { fileState } from './cache/digest-memo';
import { takeKeyLock, type KeyLock, type LockingBinding } from './cache/key-lock';
import type { BuildOptions } from './build-options';
import { checkedBuildOptions } from './checked-build-options';
import { invalidArgument, TrtError, type TrtErrorCode } from './errors';
import { filePathOf } from './file-path';
import { modelSourceOf } from './model-source';
import { writeError } from './write-error';

/** What `loadEngine` does with a plan that is missing, or that another TensorRT or GPU made. */
export type OnMismatch = 'throw' | 'rebuild';

/** The options of `loadEngine` that bring a plan up to date. */
export interface MismatchOptions {
  /**
   * `'rebuild'`: a plan that is missing, or is of another TensorRT version, flavour or GPU than are here, is built again from
   * `model` with `build`, to the same path, and loaded. Processes that do so at once build it once. Damaged plans, and those
   * whose signature is wrong, are errors as ever. Default `'throw'`.
   */
  readonly onMismatch?: OnMismatch | undefined;
  /** The ONNX file to build from; `onMismatch: 'rebuild'` needs it. */
  readonly model?: string | URL | undefined;
  /**
   * How to build; `output` is the plan's path, and `library`, `device`, `plugins` and `standardPlugins` are those of the
   * load where they are left out. With a
   * `verificationKey`, `signingKey` must be one that it confirms.
   * Default: `buildEngine`'s defaults.
   */
  readonly build?: Omit<BuildOptions, 'output'> | undefined;
}

/** What a build takes from the load where it says nothing itself. */
export type SharedOptions = Pick<
  BuildOptions,
  'library' | 'device' | 'plugins' | 'standardPlugins'
>;

/** A plan that may be built again. */
export interface CheckedRebuild {
  /** As given; absolute. */
  readonly model: string;
  readonly options: BuildOptions;
}

/**
 * The three options; null: a mismatch is thrown.
 *
 * @param load what the load was told, for a build that was not told otherwise
 * @throws TrtError `ERR_TRT_INVALID_ARG` and what `buildEngine` says of its options
 */
export function checkedMismatch(
  { onMismatch = 'throw', model, build }: Readonly<Record<keyof MismatchOptions, unknown>>,
  load: SharedOptions,
): CheckedRebuild | null {
  if (onMismatch !== 'throw' && onMismatch !== 'rebuild') {
    throw invalidArgument('options.onMismatch', "'throw' or 'rebuild'", onMismatch);
  }
  if (onMismatch === 'throw') {
    const given = model !== undefined ? 'model' : build !== undefined ? 'build' : null;
    if (given === null) return null;
    const expected = "nothing without `onMismatch: 'rebuild'`";
    throw invalidArgument(`options.${given}`, expected, given === 'model' ? model : build);
  }
  if (model === undefined) {
    throw invalidArgument(
      'options.model',
      "the path of the model, to build from (onMismatch: 'rebuild'),",
      model,
    );
  }
  const options = buildOptionsOf(build, load);
  return { model: path.resolve(filePathOf(model, 'options.model')), options };
}

function buildOptionsOf(build: unknown, load: SharedOptions): BuildOptions {
  if (build !== undefined && (typeof build !== 'object' || build === null)) {
    throw invalidArgument('options.build', 'an object (options of buildEngine)', build);
  }
  const given: BuildOptions = build ?? {};
  if (given.output !== undefined) {
    const expected = 'nothing (the plan is built to the path that is loaded)';
    throw invalidArgument('options.build.output', expected, given.output);
  }
  const shared = Object.entries(load).filter(([, value]) => value !== undefined);
  const options: BuildOptions = { ...Object.fromEntries(shared), ...given };
  // Wrong options are told now, not once a plan does not fit.
  const checked = checkedBuildOptions(options);
  modelSourceOf('model.onnx', checked.externalData);
  return options;
}

/** Codes that a new build helps against: the plan is not for this machine. */
const curable: readonly TrtErrorCode[] = [
  'ERR_TRT_ENGINE_VERSION',
  'ERR_TRT_ENGINE_FLAVOUR',
  'ERR_TRT_ENGINE_GPU',
  'ERR_TRT_GPU_UNSUPPORTED',
  'ERR_TRT_LIBRARY_NOT_FOUND',
];

/** Whether building a plan again helps against what its load rejected with. */
export function isMismatch(error: unknown): boolean {
  if (!(error instanceof TrtError)) return false;
  // Not a file that is there and cannot be read.
  if (error.code === 'ERR_TRT_ENGINE_NOT_FOUND') return error.details['errno'] === 'ENOENT';
  return curable.includes(error.code);
}

/** Rounds in which others replaced the plan, and it still did not fit. */
const patience = 3;

/**
 * Loads a plan; where it does not fit this machine, builds it again at the same path first, under a lock that other
 * processes with the same plan wait for.
 *
 * @param plan absolute path
 * @param load loads the plan at that path, from the start
 * @param build builds `rebuild.model` with `output: plan`; default: `buildEngine`
 * @throws what `load` and `build` reject with; `ERR_TRT_WRITE` where there can be no lock beside the plan
 */
export async function loadOrRebuild<T>(
  plan: string,
  rebuild: CheckedRebuild | null,
  binding: LockingBinding,
  load: () => Promise<T>,
  build: (model: string, options: BuildOptions) => Promise<unknown> = buildWithoutCycle,
): Promise<T> {
  if (rebuild === null) return await load();
  const { model, options } = rebuild;
  for (let round = 1; ; round += 1) {
    const state = await stateOf(plan);
    try {
      return await load();
    } catch (error) {
      if (!isMismatch(error)) throw error;
    }
    const isReplaced = async (): Promise<boolean> =>
      round < patience && (await stateOf(plan)) !== state;
    const lock = await lockBeside(plan, binding, options.signal ?? null, isReplaced);
    if (lock === null) continue;
    try {
      if (await isReplaced()) continue;
      await build(model, { ...options, output: plan });
    } finally {
      // Whoever waits for it makes it again; what is left is empty, and the next one's.
      await rmdir(lockFolderOf(plan)).catch(() => undefined);
      lock.release();
    }
    return await load();
  }
}

async function lockBeside(
  plan: string,
  binding: LockingBinding,
  signal: AbortSignal | null,
  isReplaced: () => Promise<boolean>,
): Promise<KeyLock | null> {
  try {
    return await takeKeyLock(binding, lockFolderOf(plan), signal, isReplaced);
  } catch (error) {
    signal?.throwIfAborted();
    throw writeError(plan, 'lock the plan for its rebuild', error);
  }
}

function lockFolderOf(plan: string): string {
  return path.join(path.dirname(plan), `.${path.basename(plan)}.rebuild`);
}

/** Changes whenever the plan is replaced; null: there is none. */
async function stateOf(plan: string): Promise<string | null> {
  return (await fileState(plan))?.identity ?? null;
}

/** build.ts leads to load.ts, which leads here: only when it is needed, both are whole. */
async function buildWithoutCycle(model: string, options: BuildOptions): Promise<unknown> {
  const { buildEngine } = await import('./build.js');
  return await buildEngine(model, options);
}
