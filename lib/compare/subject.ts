import { loadEngine } from '../load';
import type { LoadOptions } from '../load-options';
import { isTensorType } from '../data-types';
import { TrtError } from '../errors';
import { flavourNames } from '../gpu-support';
import { beginsLikePlan } from '../inspect-onnx/inspect-plan';
import type { Profile, TensorInfo } from '../manifest-schema';
import { readOnnxModel } from '../onnx/onnx-model';
import type { OnnxValue } from '../onnx/value-info';
import type { TensorLike, Tensors } from '../tensor';
import { findOnnxRuntime, openReference } from '../verify/onnx-reference';
import { toPlainTensors } from '../verify/plain-tensors';

/** A model that is compared: an engine on the GPU, or an ONNX file that onnxruntime-node computes on the CPU. */
export interface Subject {
  readonly path: string;
  readonly kind: 'engine' | 'onnx';
  /** What computes it, for people. */
  readonly runtime: string;
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** Of an ONNX file one that takes everything: dims that it leaves open are 1 where nobody names them. */
  readonly profiles: readonly Profile[];
  /** @param profile of an engine, the optimization profile; null: the first that takes the inputs */
  infer(inputs: Readonly<Record<string, TensorLike>>, profile: number | null): Promise<Tensors>;
  close(): Promise<void>;
}

/**
 * @throws TrtError (as a rejection) the codes of `loadEngine`, `ERR_TRT_ONNX_NOT_FOUND`, `ERR_TRT_ONNX_INVALID`, `ERR_TRT_UNSUPPORTED` (no
 * onnxruntime-node, or a type that TensorRT has not)
 */
export async function openSubject(path: string, options: LoadOptions): Promise<Subject> {
  return (await beginsLikePlan(path)) ? await openEngine(path, options) : await openOnnx(path);
}

async function openEngine(path: string, options: LoadOptions): Promise<Subject> {
  const engine = await loadEngine(path, options);
  const { inputs, outputs, profiles, flavour, version, device } = engine;
  return {
    path,
    kind: 'engine',
    runtime: `${flavourNames[flavour]} ${version} on ${device.name}`,
    ...{ inputs, outputs, profiles },
    infer: async (given, profile) => await engine.infer(given, profile === null ? {} : { profile }),
    close: () => engine.close(),
  };
}

async function openOnnx(path: string): Promise<Subject> {
  const model = await readOnnxModel(path);
  const inputs = model.inputs.map((value) => infoOf(path, value));
  const outputs = model.outputs.map((value) => infoOf(path, value));
  if (findOnnxRuntime() === null) throw noRuntime(path);
  const reference = await openReference(path);
  return {
    path,
    kind: 'onnx',
    runtime: 'ONNX Runtime on the CPU',
    inputs,
    outputs,
    profiles: [Object.fromEntries(inputs.map((info) => [info.name, anyRange(info)]))],
    infer: async (given) => await reference.infer(toPlainTensors(given)),
    close: () => reference.close(),
  };
}

function noRuntime(path: string): TrtError {
  return new TrtError(
    'ERR_TRT_UNSUPPORTED',
    `expected the package onnxruntime-node, which computes ${path}, but it is not installed. Run \`npm install onnxruntime-node\`, or compare two engines.`,
    { details: { package: 'onnxruntime-node', path } },
  );
}

function infoOf(path: string, { name, type, dims }: OnnxValue): TensorInfo {
  if (!isTensorType(type)) {
    throw new TrtError(
      'ERR_TRT_UNSUPPORTED',
      `expected ${JSON.stringify(name)} of ${path} to be a tensor of a type that TensorRT has, but it is ${type === null ? 'no tensor' : `of type ${type}`}. ` +
        'Cast it in the model.',
      { details: { path, tensor: name, type } },
    );
  }
  const known = (dims ?? []).map((dim) => (typeof dim === 'number' ? dim : -1));
  return { name, type, dims: known, isShapeTensor: false };
}

const mostElements = 2 ** 31 - 1;

function anyRange({ dims }: TensorInfo): Profile[string] {
  const filled = (open: number): number[] => dims.map((dim) => (dim < 0 ? open : dim));
  return { min: filled(0), opt: filled(1), max: filled(mostElements) };
}
