/**
 * TEST ONLY. Builds with the builders of the stub TensorRTs: straight through the addon, in this process. A stub's plan holds a
 * record of all that its builder was told, under the names that its ABI's own headers give to the numbers.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type {
  NativeBuildRequest,
  NativeBuildResult,
  NativeProgress,
  NativeTuning,
} from '../../lib/binding';
import { defaultTuning } from '../../lib/builder-tuning';
import { loadBinding, temporaryFolder } from './native-host';
import { writeOnnx, type TinyModel } from './onnx-writer';
import { stubFolder, stubLibraries } from './stub-host';
import type { StubAbi } from './stub-plans';

export const stubParsers: Readonly<Record<StubAbi, string>> = {
  v10: path.join(stubFolder, 'v10', 'libnvonnxparser.so.10'),
  v11: path.join(stubFolder, 'v11', 'libnvonnxparser.so.11'),
  rtx: path.join(stubFolder, 'rtx', 'libtensorrt_onnxparser_rtx.so.1'),
};

export const stubPlugin = path.join(stubFolder, 'plugin', 'libstub_plugin.so');

/** What a stub's builder was told. Names are TensorRT's, without their `k`. */
export interface StubRecord {
  readonly version: string;
  readonly flags: readonly string[];
  /** The flags as the number that TensorRT was given. */
  readonly flagBits: number;
  readonly networkFlags: readonly string[];
  readonly memoryPools: Readonly<Record<string, number>>;
  readonly previewFeatures: Readonly<Record<string, boolean>>;
  readonly tacticSources?: readonly string[];
  readonly computeCapabilities: readonly number[];
  readonly plugins: readonly string[];
  readonly debugTensors: readonly string[];
  readonly calibration?: StubCalibration;
  readonly timingCache?: { readonly hits: readonly string[]; readonly misses: readonly string[] };
  /** Of setters that take a number or an enumerator, by name. */
  readonly [setter: string]: unknown;
}

export interface StubCalibration {
  readonly algorithm: string;
  readonly batchSize: number;
  readonly quantile?: number;
  readonly regressionCutoff?: number;
  /** The cache that the calibrator offered. */
  readonly cacheRead: string | null;
  readonly cacheWritten?: string;
  readonly dims?: Readonly<Record<string, readonly number[]>>;
  /** As they lay in device memory, in hexadecimal. */
  readonly batches?: readonly Readonly<Record<string, string>>[];
}

/** The record in a stub's plan. */
export function recordOf(plan: Uint8Array): StubRecord {
  const line = /^record (.*)$/m.exec(Buffer.from(plan).toString('latin1'));
  if (line?.[1] === undefined) throw new Error('the plan has no record: no stub built it');
  const bytes = line[1].replace(/%([0-9a-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(parseInt(hex, 16)),
  );
  return JSON.parse(Buffer.from(bytes, 'latin1').toString('utf8')) as StubRecord;
}

/** One layer: `y` is `x`, whose first dimension `n` is open. */
export const identityModel: TinyModel = {
  inputs: [{ name: 'x', type: 'float32', dims: ['n', 4] }],
  nodes: [{ op: 'Identity', name: 'copy', inputs: ['x'], outputs: ['y'] }],
  outputs: [{ name: 'y', type: 'float32', dims: ['n', 4] }],
};

export const identityProfile = { x: { min: [1, 4], opt: [2, 4], max: [8, 4] } } as const;

/** `y` is `x`, and `v` and `w` are the model's weights. */
export const weightsModel = (v: readonly number[], w: readonly number[]): TinyModel => ({
  inputs: [{ name: 'x', type: 'float32', dims: [2] }],
  constants: [
    { name: 'weights.v', type: 'float32', dims: [v.length], data: floats(v) },
    { name: 'weights.w', type: 'float32', dims: [w.length], data: floats(w) },
  ],
  nodes: [
    { op: 'Identity', name: 'copy', inputs: ['x'], outputs: ['y'] },
    { op: 'Identity', name: 'give v', inputs: ['weights.v'], outputs: ['v'] },
    { op: 'Identity', name: 'give w', inputs: ['weights.w'], outputs: ['w'] },
  ],
  outputs: [
    { name: 'y', type: 'float32', dims: [2] },
    { name: 'v', type: 'float32', dims: [v.length] },
    { name: 'w', type: 'float32', dims: [w.length] },
  ],
});

export function floats(values: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

export type StubBuildOptions = Partial<Omit<NativeBuildRequest, 'library' | 'tuning' | 'model'>> & {
  readonly model?: TinyModel;
  readonly tuning?: Partial<NativeTuning>;
  readonly onProgress?: (event: NativeProgress) => void;
  readonly onStart?: (cancel: () => void) => void;
};

export interface StubBuild {
  readonly result: NativeBuildResult;
  readonly plan: Uint8Array;
  readonly planPath: string;
  readonly record: StubRecord;
}

const folder = await temporaryFolder();

/** A path of its own, in a folder that goes with the test file. */
export async function freshFolder(): Promise<string> {
  const fresh = path.join(folder, randomUUID());
  await mkdir(fresh);
  return fresh;
}

/** The model as a file, and its digest. */
export async function writtenModel(
  model: TinyModel,
): Promise<{ readonly path: string; readonly sha256: string }> {
  const file = path.join(await freshFolder(), 'model.onnx');
  await writeFile(file, writeOnnx(model));
  const { sha256 } = await loadBinding().hashFile(file);
  return { path: file, sha256 };
}

/** Builds the identity model, or another one, as `buildEngine` asks the addon to once all is checked. */
export async function buildOnStub(
  abi: StubAbi,
  { model, tuning, onProgress, onStart, ...options }: StubBuildOptions = {},
): Promise<StubBuild> {
  const written = await writtenModel(model ?? identityModel);
  const planPath = path.join(await freshFolder(), 'plan');
  const request: NativeBuildRequest = {
    library: { core: stubLibraries[abi], parser: stubParsers[abi] },
    model: written.path,
    modelSha256: written.sha256,
    externalData: null,
    stage: await freshFolder(),
    planPath,
    device: abi === 'rtx' ? null : 0,
    tf32: null,
    typing: 'strong',
    precisions: [],
    calibration: null,
    profiles: model ? [] : [identityProfile],
    computeCapabilities: abi === 'rtx' ? ['8.6'] : [],
    optimizationLevel: null,
    memoryPools: {},
    timingCache: null,
    plugins: [],
    standardPlugins: false,
    ...options,
    tuning: { ...defaultTuning, ...tuning },
  };
  const result = await loadBinding().build(request, onProgress ?? (() => undefined), onStart);
  const plan = await readFile(planPath);
  return { result, plan, planPath, record: recordOf(plan) };
}
