import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, vi } from 'vitest';
import type { NativeBuildRequest, NativeBuildResult, NativeDriver } from '../../lib/binding';
import { buildThrough, type BuildMachine } from '../../lib/build';
import { type BuildOptions } from '../../lib/build-options';
import { checkedBuildOptions } from '../../lib/checked-build-options';
import type { BuiltEngine } from '../../lib/built-engine';
import type { FoundLibrary } from '../../lib/discovery';
import { modelSourceOf } from '../../lib/model-source';
import { fileWork, hashFile, planDigestOf } from './manifests';

export const digits = path.join(__dirname, '../../models/digits/digits.onnx');
const digitsProfiles = [{ images: { min: [1, 1, 8, 8], opt: [8, 1, 8, 8], max: [8, 1, 8, 8] } }];

export const noDriver: NativeDriver = {
  status: 'not-found',
  message: 'libcuda.so.1 was not found',
  path: null,
  cudaError: null,
  cudaVersion: null,
  driverVersion: null,
  gpus: [],
};

/** What the fake TensorRT says that it built: the plan is the text `the plan`. */
export const buildResult: NativeBuildResult = {
  flavour: 'tensorrt-rtx',
  version: '1.7.1',
  ...planDigestOf('the plan'),
  inputs: [{ name: 'image', type: 'float32', dims: [1, 1, 8, 8], isShapeTensor: false }],
  outputs: [{ name: 'logits', type: 'float32', dims: [1, 10], isShapeTensor: false }],
  networkLayers: [{ name: 'conv', type: 'Convolution', outputTypes: ['float32'] }],
  engineInformation: null,
  engineInformationReason: 'no GPU',
  buildSeconds: 0.5,
  calibrationSeconds: null,
  memory: null,
  timingCache: null,
  log: [],
};

/** What lay in the folders of a request while TensorRT had it. */
interface Lent {
  readonly model: Uint8Array;
  readonly data: Readonly<Record<string, string>>;
}

/** What came to the fake TensorRTs of one test. */
export interface SeenBuilds {
  readonly requests: NativeBuildRequest[];
  readonly lent: Lent[];
}

const systemTemporary = tmpdir();

/** Folders for each test of the calling file. */
export interface BuildFolders {
  folder: string;
  /** Stands in for the system's; a test fails when a build leaves something there. */
  temporary: string;
}

export function freshBuildFolders(): BuildFolders {
  const folders: BuildFolders = { folder: '', temporary: '' };
  beforeEach(async () => {
    folders.folder = await mkdtemp(path.join(systemTemporary, 'build-'));
    folders.temporary = await mkdtemp(path.join(systemTemporary, 'build-tmp-'));
    vi.stubEnv('TMPDIR', folders.temporary);
  });
  afterEach(async () => {
    const left = await readdir(folders.temporary);
    vi.unstubAllEnvs();
    await rm(folders.folder, { recursive: true, force: true });
    await rm(folders.temporary, { recursive: true, force: true });
    expect(left).toEqual([]);
  });
  return folders;
}

/** A machine whose TensorRT writes `the plan` at once, or fails after it did. */
export function fakeBuildMachine(
  seen: SeenBuilds,
  libraries: readonly FoundLibrary[],
  driver: NativeDriver,
  outcome: Partial<NativeBuildResult> | Error = {},
): BuildMachine {
  return {
    binding: {
      ...fileWork,
      hashExternalFile: async (inside, location) => ({
        ...(await hashFile(path.join(inside, location))),
        identity: `state of ${location}`,
      }),
      probeDriver: () => Promise.resolve(driver),
    },
    findLibraries: () => Promise.resolve({ libraries, places: [], requested: null }),
    build: async (request, { onProgress } = {}) => {
      seen.requests.push(request);
      seen.lent.push(await whatIsLent(request));
      await writeFile(request.planPath, 'the plan', { flag: 'wx' });
      onProgress?.({ kind: 'step', phase: 'Building', parent: null, step: 1, steps: 2 });
      if (outcome instanceof Error) throw outcome;
      return { ...buildResult, ...outcome };
    },
  };
}

async function whatIsLent({ model, externalData, stage }: NativeBuildRequest): Promise<Lent> {
  expect(await readdir(stage)).toEqual([]);
  expect((await stat(path.dirname(stage))).mode & 0o777).toBe(0o700);
  const { folder = '', files = [] } = externalData ?? {};
  const data = files.map(async ({ location }): Promise<[string, string]> => [
    location,
    await readFile(path.join(folder, location), 'utf8'),
  ]);
  return { model: await readFile(model), data: Object.fromEntries(await Promise.all(data)) };
}

/** Builds the digits model with a profile for it, or another model. */
export function buildOn(
  machine: BuildMachine,
  options: BuildOptions,
  model: string | Uint8Array = digits,
): Promise<BuiltEngine> {
  const checked = checkedBuildOptions({ profiles: digitsProfiles, ...options });
  return buildThrough(machine, modelSourceOf(model, checked.externalData), checked);
}
