import type { NativeBinding, NativeExternalData, NativeExternalFile } from './binding';
import type { TensorType } from './data-types';
import type { FileWork } from './file-work';
import type { ModelIdentity } from './manifest-schema';
import { nativeCall } from './native-call';
import { checkedExternalData, digestExternalData } from './onnx/external-data';
import { aboutLink } from './onnx/linked-model';
import { checkInputShapes } from './onnx/input-shapes';
import { changedModel } from './onnx/model-error';
import { readOnnxModel, type OnnxModel } from './onnx/onnx-model';
import type { OnnxInput, OnnxValue } from './onnx/value-info';
import type { StagedModel } from './staged-model';

/** What is known about a model before TensorRT sees it. */
export interface ExaminedModel {
  readonly identity: ModelIdentity;
  readonly inputs: readonly OnnxInput[];
  readonly outputs: readonly OnnxValue[];
  /** Nodes by operator, `OnnxModel.operators`. */
  readonly operators: ReadonlyMap<string, number>;
  /** The types that TensorRT makes of those that Q/DQ nodes quantize to: it imports `uint8` as int8. */
  readonly quantized: ReadonlySet<TensorType>;
  /** The files that the parser may see; null without any. */
  readonly externalData: NativeExternalData | null;
}

/** An examined model with all that a look at its file says. */
export interface ExaminedOnnx {
  readonly examined: ExaminedModel;
  readonly onnx: OnnxModel;
}

/** Rejects with `ERR_TRT_ONNX_NOT_FOUND`, `ERR_TRT_ONNX_INVALID`, `ERR_TRT_EXTERNAL_DATA` and what `bringData` rejects with. */
export async function examineModel(
  staged: StagedModel,
  binding: Pick<NativeBinding, 'hashExternalFile'>,
  work: FileWork,
  signal: AbortSignal | null,
): Promise<ExaminedModel> {
  return (await examineOnnx(staged, binding, work, signal)).examined;
}

/** `examineModel` for one who wants to know more of the model. */
export async function examineOnnx(
  staged: StagedModel,
  binding: Pick<NativeBinding, 'hashExternalFile'>,
  work: FileWork,
  signal: AbortSignal | null,
): Promise<ExaminedOnnx> {
  const { path, name, where, dataFolder } = staged;
  const onnx = await readOnnxModel(path, { where, signal });
  const { inputs, outputs, operators, externalTensors } = onnx;
  checkInputShapes(where, inputs);
  const data = checkedExternalData(externalTensors);
  await staged.bringData(data);
  const files: NativeExternalFile[] = [];
  const digests = await digestExternalData(data, async (location) => {
    signal?.throwIfAborted();
    const hashed = await nativeCall(() => binding.hashExternalFile(dataFolder, location)).catch(
      async (error: unknown) => {
        throw where === null ? error : await aboutLink(error, where);
      },
    );
    files.push({ location, identity: hashed.identity });
    return hashed;
  });
  const { sha256, sizeBytes, identity: hashed } = await work.hashFile(path);
  // Else the model that is built would be another one than was examined.
  if (hashed !== onnx.identity) throw changedModel(where);
  const identity = { sha256, sizeBytes, name };
  const facts = { inputs, outputs, operators, quantized: imported(onnx.quantized) };
  if (data.files.length === 0) {
    return { examined: { identity, ...facts, externalData: null }, onnx };
  }
  const examined = {
    identity: { ...identity, externalData: digests },
    ...facts,
    externalData: { folder: dataFolder, files },
  };
  return { examined, onnx };
}

function imported(quantized: ReadonlySet<TensorType>): ReadonlySet<TensorType> {
  return new Set([...quantized].map((type) => (type === 'uint8' ? 'int8' : type)));
}
