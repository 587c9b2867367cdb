import path from 'node:path';
import { isTensorType, type TensorType } from '../data-types';
import { TrtError } from '../errors';
import { beginsLikePlan, inspectPlan } from '../inspect-onnx/inspect-plan';
import type { InputRange, Manifest, TensorInfo } from '../manifest-schema';
import { checkInputShapes } from '../onnx/input-shapes';
import { readOnnxModel } from '../onnx/onnx-model';
import type { OnnxValue } from '../onnx/value-info';

/** One input or output of a model, whoever told of it. */
export interface SignatureTensor {
  readonly name: string;
  readonly type: TensorType;
  /** A size; the name of a dynamic dim, or null where it has none. null: not even the rank is known. */
  readonly dims: readonly (number | string | null)[] | null;
  /** For people: what the dims are, and in an engine how large they may be. */
  readonly note: string;
}

export interface ModelSignature {
  /** The file's name, without its folder. */
  readonly file: string;
  readonly from: 'onnx' | 'engine';
  readonly inputs: readonly SignatureTensor[];
  readonly outputs: readonly SignatureTensor[];
}

/**
 * What a model takes and gives: of an ONNX file by its graph, of an engine by its manifest, so that neither a GPU nor TensorRT is needed.
 *
 * @throws TrtError (as a rejection) `ERR_TRT_ONNX_NOT_FOUND`, `ERR_TRT_ONNX_INVALID`, `ERR_TRT_UNSUPPORTED` (a type that TensorRT has not),
 * `ERR_TRT_ENGINE_NOT_FOUND`, `ERR_TRT_ENGINE_INVALID`, `ERR_TRT_MANIFEST_INVALID`, `ERR_TRT_ENGINE_DIGEST`
 */
export async function readSignature(file: string): Promise<ModelSignature> {
  return (await beginsLikePlan(file)) ? await signatureOfPlan(file) : await signatureOfOnnx(file);
}

async function signatureOfOnnx(file: string): Promise<ModelSignature> {
  const model = await readOnnxModel(file);
  checkInputShapes(file, model.inputs);
  return {
    file: path.basename(file),
    from: 'onnx',
    inputs: model.inputs.map((value) => ofOnnx(file, 'input', value)),
    outputs: model.outputs.map((value) => ofOnnx(file, 'output', value)),
  };
}

function ofOnnx(file: string, kind: string, { name, type, dims }: OnnxValue): SignatureTensor {
  if (!isTensorType(type)) {
    throw new TrtError(
      'ERR_TRT_UNSUPPORTED',
      `expected ${kind} ${JSON.stringify(name)} of ${file} to be a tensor of a type that TensorRT has, but it is ` +
        `${type === null ? 'no tensor' : `of type ${type}`}. Cast it in the model; or build the engine first and give that: its manifest says ` +
        'what TensorRT made of it.',
      { details: { path: file, tensor: name, type } },
    );
  }
  return { name, type, dims, note: noteOf(dims?.map((dim) => dim ?? '?') ?? null) };
}

async function signatureOfPlan(file: string): Promise<ModelSignature> {
  const { described, manifest } = await inspectPlan(file);
  if (manifest === null) throw described === false ? ofAnother(file) : withoutManifest(file);
  const of = (tensor: TensorInfo): SignatureTensor => ofEngine(tensor, manifest);
  return {
    file: path.basename(file),
    from: 'engine',
    inputs: manifest.inputs.map(of),
    outputs: manifest.outputs.map(of),
  };
}

function ofEngine({ name, type, dims }: TensorInfo, { profiles }: Manifest): SignatureTensor {
  const ranges = profiles.flatMap((profile) =>
    Object.hasOwn(profile, name) ? (profile[name] ?? []) : [],
  );
  const shown = dims.map((dim, axis) => (dim < 0 ? rangeOfAxis(ranges, axis) : dim));
  return { name, type, dims: dims.map((dim) => (dim < 0 ? null : dim)), note: noteOf(shown) };
}

/** `1…64`, over all profiles. */
function rangeOfAxis(ranges: readonly InputRange[], axis: number): string {
  const least = Math.min(...ranges.map(({ min }) => min[axis] ?? Infinity));
  const most = Math.max(...ranges.map(({ max }) => max[axis] ?? -Infinity));
  if (least > most) return '?';
  return least === most ? String(least) : `${least}…${most}`;
}

function noteOf(dims: readonly (number | string)[] | null): string {
  if (dims === null) return 'shape not known';
  return dims.length === 0 ? 'scalar' : dims.join(' × ');
}

function withoutManifest(file: string): TrtError {
  return new TrtError(
    'ERR_TRT_MANIFEST_INVALID',
    `expected the manifest of ${file} beside it, at ${file}.json, but it is not there (or belongs to the plan that replaces this one): a plan ` +
      'itself says nothing without TensorRT. Copy the manifest too, build the plan with trt-node, or give the ONNX file.',
    { details: { path: `${file}.json` } },
  );
}

function ofAnother(file: string): TrtError {
  return new TrtError(
    'ERR_TRT_ENGINE_DIGEST',
    `expected the manifest ${file}.json to be of ${file}, but it is of another plan: the SHA-256 differs. Copy both files again, or build again.`,
    { details: { path: file } },
  );
}
