import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect } from 'vitest';
import type { NativeLibraryFiles } from '../../lib/binding';
import type { TrtError, TrtErrorCode } from '../../lib/errors';

// On a GPU host too, these suites see a machine without a GPU. The driver reads this when it is first asked.
process.env['CUDA_VISIBLE_DEVICES'] = '-1';

export const root = path.join(import.meta.dirname, '..', '..');
export const cli = path.join(root, 'dist', 'cli', 'main.js');
export const digits = path.join(root, 'models', 'digits', 'digits.onnx');

const compiled = (file: string): string => path.join(root, 'dist', file);

/** The compiled package: what users load, and what its child processes are made from. */
export const trtNode = (await import(compiled('index.js'))) as typeof import('../../lib/index');
export const { loadBinding } = (await import(
  compiled('binding.js')
)) as typeof import('../../lib/binding');
export const { findLibraries } = (await import(
  compiled('discovery.js')
)) as typeof import('../../lib/discovery');
export const { readPlanHeader } = (await import(
  compiled('plan-header.js')
)) as typeof import('../../lib/plan-header');

/** The TensorRT-RTX that builds here. Without one a suite fails: it never passes by not having run. */
export async function requireRtx(): Promise<NativeLibraryFiles> {
  const { libraries, missing } = await trtNode.probeRuntimes();
  const found = libraries.find(({ flavour, canBuild }) => flavour === 'tensorrt-rtx' && canBuild);
  if (found) return { core: found.path, parser: found.parser };
  const seen = libraries.map(
    ({ path: file, problem }) => `${file}: ${problem?.message ?? 'no builder'}`,
  );
  throw new Error(
    'the native suites need a TensorRT-RTX that can build, and none was found. `npm test` fetches one; by hand: ' +
      `npx trt-node setup. ${[...seen, ...missing.build.map(({ message }) => message)].join('\n')}`,
  );
}

/** What a job that needs a GPU says here: there is no driver, or (on a GPU host, see above) it shows no GPU. */
export async function codeWithoutGpu(): Promise<TrtErrorCode> {
  const { status } = await loadBinding().probeDriver();
  return status === 'not-found' ? 'ERR_TRT_NO_DRIVER' : 'ERR_TRT_NO_GPU';
}

/** A folder of the calling test file, gone when it ends. */
export async function temporaryFolder(): Promise<string> {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'trt-node-native-'));
  afterAll(() => fs.rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The error that a call fails with, of whatever kind; a call that succeeds fails the test. */
export async function rejectionOf(call: Promise<unknown> | (() => unknown)): Promise<unknown> {
  try {
    await (typeof call === 'function' ? call() : call);
  } catch (error) {
    return error;
  }
  throw new Error('expected a rejection, but the call succeeded');
}

/** The TrtError with this code that a call fails with. */
export async function failure(
  code: TrtErrorCode,
  call: Promise<unknown> | (() => unknown),
): Promise<TrtError> {
  const error = await rejectionOf(call);
  expect(error).toMatchObject({ code });
  return error as TrtError;
}
