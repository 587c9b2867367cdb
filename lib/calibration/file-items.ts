import { newArray, viewAs } from '../data-types';
import { dataFileError } from '../data-files/data-file-error';
import { listTensorFiles } from '../data-files/list-files';
import type { NpyArray } from '../data-files/npy-array';
import { openTensorFile, type TensorFile } from '../data-files/tensor-file';
import { quotedNames } from '../quoted-names';
import type { TensorInputs, TensorLike } from '../tensor';
import type { BatchInput, BatchShape } from './batch-shape';

export interface FileItem {
  readonly inputs: TensorInputs;
  readonly file: string;
}

/**
 * The samples in a `.npy` or `.npz` file, or in a folder of them, as items of at most a batch. Rejects with ERR_TRT_DATA_FILE.
 *
 * A folder of `.npy` files named as the inputs is one set of samples, an input a file; else each file is a set of its own.
 */
export async function* fileItems(
  given: string,
  shape: BatchShape,
): AsyncGenerator<FileItem, void, void> {
  for (const files of setsOf(await listTensorFiles(given), shape)) {
    const opened: TensorFile[] = [];
    try {
      for (const file of files) opened.push(await openTensorFile(file));
      yield* itemsIn(opened, shape);
    } finally {
      await Promise.all(opened.map((file) => file.close()));
    }
  }
}

function setsOf(files: readonly string[], { inputs }: BatchShape): readonly (readonly string[])[] {
  const byInput = inputs.map(({ name }) =>
    files.find((file) => file.endsWith(`/${name}.npy`) || file === `${name}.npy`),
  );
  const isOneSet =
    inputs.length > 1 &&
    byInput.every((file) => file !== undefined) &&
    files.every((file) => file.endsWith('.npy'));
  return isOneSet ? [byInput.flatMap((file) => file ?? [])] : files.map((file) => [file]);
}

interface InputArray {
  readonly input: BatchInput;
  readonly array: NpyArray;
}

async function* itemsIn(
  files: readonly TensorFile[],
  shape: BatchShape,
): AsyncGenerator<FileItem, void, void> {
  const arrays: InputArray[] = [];
  try {
    for (const input of shape.inputs) {
      arrays.push({ input, array: await openArray(files, input, shape) });
    }
    const { samples } = shape;
    const total = samplesIn(files, arrays);
    const file = files[0]?.path ?? '';
    if (samples === null || total === null) {
      yield { inputs: await readItem(arrays, null), file };
    } else {
      for (let done = 0; done < total; done += samples) {
        yield { inputs: await readItem(arrays, Math.min(samples, total - done)), file };
      }
    }
    for (const { array } of arrays) await array.finish();
  } finally {
    await Promise.all(arrays.map(({ array }) => array.close()));
  }
}

/** The array of an input: by its name, or the only one there is for the only input, as `numpy.save(file, array)` names none. */
async function openArray(
  files: readonly TensorFile[],
  { name }: BatchInput,
  { inputs }: BatchShape,
): Promise<NpyArray> {
  for (const file of files) if (file.names.includes(name)) return await file.open(name);
  const [file] = files;
  const [only, ...others] = file?.names ?? [];
  const isNameless = only === 'arr_0' || file?.path.endsWith('.npy') === true;
  if (file !== undefined && only !== undefined && others.length === 0 && isNameless) {
    if (inputs.length === 1) return await file.open(only);
  }
  throw dataFileError(
    { path: file?.path ?? '', array: null },
    'not-found',
    `expected an array for each input of the model (${quotedNames(inputs.map((input) => input.name))}), but there is none for ` +
      `${JSON.stringify(name)}; it has ${quotedNames(file?.names.slice(0, 20) ?? [])}`,
    'Save them by name: numpy.savez(file, name=array).',
  );
}

/** Axis 0, when all have it in common; else null: what the file holds is one item, which is judged as any other. */
function samplesIn(files: readonly TensorFile[], arrays: readonly InputArray[]): number | null {
  const counts = arrays.map(({ array }) => array.dims[0]);
  const [first] = counts;
  if (first === undefined || counts.includes(undefined)) return null;
  if (counts.every((count) => count === first)) return first;
  const list = arrays.map(({ input }, index) => `${JSON.stringify(input.name)} ${counts[index]}`);
  throw dataFileError(
    { path: files[0]?.path ?? '', array: null },
    'format',
    `its arrays have different numbers of samples: ${list.join(', ')}`,
    'Axis 0 counts them: give every input the same number.',
  );
}

async function readItem(
  arrays: readonly InputArray[],
  samples: number | null,
): Promise<TensorInputs> {
  const entries: [string, TensorLike][] = [];
  for (const { input, array } of arrays) {
    const { type, dims, dataBytes } = array;
    const itemDims = samples === null ? dims : [samples, ...dims.slice(1)];
    let data = newArray(type, 0);
    // What does not fit is refused for its type and dims, and may be of any size.
    if (fits(array, input, samples === null ? 0 : 1)) {
      const [total = 1] = dims;
      const buffer = new ArrayBuffer(samples === null ? dataBytes : (dataBytes / total) * samples);
      await array.read(new Uint8Array(buffer));
      data = viewAs(type, buffer);
    }
    entries.push([input.name, { type, data, dims: itemDims }]);
  }
  // fromEntries: an input may be called __proto__.
  return Object.fromEntries(entries);
}

function fits({ type, dims }: NpyArray, input: BatchInput, fromAxis: number): boolean {
  return (
    type === input.type &&
    dims.length === input.dims.length &&
    dims.every((dim, axis) => axis < fromAxis || dim === input.dims[axis])
  );
}
