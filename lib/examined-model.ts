import type { NativeBinding, NativeExternalData, NativeExternalFile } from './binding';
import type { FileWork } from './file-work';
import type { ModelIdentity } from './manifest-schema';
import { nativeCall } from './native-call';
import { checkedExternalData, digestExternalData } from './onnx/external-data';
import { aboutLink } from './onnx/linked-model';
import { checkInputShapes } from './onnx/input-shapes';
import { changedModel } from './onnx/model-error';
import { readOnnxModel } from './onnx/onnx-model';
import type { OnnxInput } from './onnx/value-info';
import type { StagedModel } from './staged-model';

/** What is known about a model before TensorRT sees it. */
export interface ExaminedModel {
  readonly identity: ModelIdentity;
  readonly inputs: readonly OnnxInput[];
  /** The files that the parser may see; null without any. */
  readonly externalData: NativeExternalData | null;
}

/** Rejects with `ERR_TRT_ONNX_NOT_FOUND`, `ERR_TRT_ONNX_INVALID`, `ERR_TRT_EXTERNAL_DATA` and what `bringData` rejects with. */
export async function examineModel(
  staged: StagedModel,
  binding: Pick<NativeBinding, 'hashExternalFile'>,
  work: FileWork,
  signal: AbortSignal | null,
): Promise<ExaminedModel> {
  const { path, name, where, dataFolder } = staged;
  const { inputs, externalTensors, identity: state } = await readOnnxModel(path, { where, signal });
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
  if (hashed !== state) throw changedModel(where);
  const identity = { sha256, sizeBytes, name };
  if (data.files.length === 0) return { identity, inputs, externalData: null };
  return {
    identity: { ...identity, externalData: digests },
    inputs,
    externalData: { folder: dataFolder, files },
  };
}
