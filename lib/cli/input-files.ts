import { open, stat, type FileHandle } from 'node:fs/promises';
import { openTensorFiles } from '../data-files/tensor-files';
import { dataFileError, unreadableFile } from '../data-files/data-file-error';
import { byteLengthOf, viewAs } from '../data-types';
import { invalidArgument, TrtError } from '../errors';
import type { TensorInfo } from '../manifest-schema';
import { suggestion } from '../nearest-name';
import { quotedNames } from '../quoted-names';
import { elementCount, Tensor, type TensorLike } from '../tensor';
import { unquoted } from './parse-shapes';

interface Contract {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
}

/**
 * The inputs that `path` has: of a `.npz` file its arrays by name, of a folder its `.npy` files by name, of a `.npy` file the engine's only
 * input. Arrays that are named after outputs are passed over: a case of `verify` serves too.
 *
 * @throws TrtError `ERR_TRT_DATA_FILE`, `ERR_TRT_INPUT_UNKNOWN`, `ERR_TRT_INVALID_ARG`; what is missing, the check of the inputs finds
 */
export async function readInputFiles(
  path: string,
  engine: Contract,
): Promise<Readonly<Record<string, TensorLike>>> {
  const found = new Map<string, TensorLike>();
  let files = 0;
  for await (const { tensors } of openTensorFiles(path)) {
    files += 1;
    for (const [name, tensor] of Object.entries(tensors)) {
      if (found.has(name)) {
        throw invalidArgument(
          '--inputs',
          `one array for ${JSON.stringify(name)}: one file, not a folder of samples,`,
          path,
        );
      }
      found.set(name, tensor);
    }
  }
  const [only] = found.values();
  const [input] = engine.inputs;
  if (
    files === 1 &&
    found.size === 1 &&
    only &&
    input &&
    engine.inputs.length === 1 &&
    /\.npy$/i.test(path)
  ) {
    return { [input.name]: only };
  }
  const names = engine.inputs.map(({ name }) => name);
  const outputs = engine.outputs.map(({ name }) => name);
  const inputs = [...found].filter(([name]) => names.includes(name) || !outputs.includes(name));
  const unknown = inputs.find(([name]) => !names.includes(name))?.[0];
  if (unknown !== undefined) throw unknownInput(unknown, names, path);
  return Object.fromEntries(inputs);
}

/**
 * trtexec's `x:file.bin,'y:0':other.bin`: the bytes of an input as they lie in memory.
 *
 * @param dims in the order of `inputs`
 * @throws TrtError `ERR_TRT_INVALID_ARG`, `ERR_TRT_INPUT_UNKNOWN`, `ERR_TRT_DATA_FILE`
 */
export async function readRawInputs(
  list: string,
  inputs: readonly TensorInfo[],
  dims: readonly (readonly number[])[],
): Promise<Readonly<Record<string, TensorLike>>> {
  const tensors = new Map<string, TensorLike>();
  for (const item of list.split(',')) {
    const { info, path } = splitItem(item, inputs, list);
    if (tensors.has(info.name))
      throw invalidArgument('--load-inputs', `${info.name} only once`, list);
    const shape = dims[inputs.indexOf(info)] ?? [];
    const bytes = await readExactly(
      path,
      byteLengthOf(info.type, elementCount(shape)),
      info,
      shape,
    );
    tensors.set(info.name, new Tensor(info.type, viewAs(info.type, bytes), shape));
  }
  return Object.fromEntries(tensors);
}

/** Both names and paths may hold colons: the longest name of an input that fits is meant. */
function splitItem(
  item: string,
  inputs: readonly TensorInfo[],
  list: string,
): { readonly info: TensorInfo; readonly path: string } {
  const candidates = [...item.matchAll(/:/g)].map(({ index }) => ({
    name: unquoted(item.slice(0, index).trim()),
    path: item.slice(index + 1).trim(),
  }));
  const fitting = candidates
    .reverse()
    .flatMap(({ name, path }) =>
      inputs.filter((each) => each.name === name).map((info) => ({ info, path })),
    );
  const [found] = fitting;
  if (found && found.path !== '') return found;
  const [first] = candidates.slice(-1);
  if (found || first === undefined || first.path === '') {
    throw invalidArgument('--load-inputs', 'files by input such as x:x.bin,y:y.bin', list);
  }
  throw unknownInput(
    first.name,
    inputs.map(({ name }) => name),
    first.path,
  );
}

function unknownInput(name: string, names: readonly string[], path: string): TrtError {
  return new TrtError(
    'ERR_TRT_INPUT_UNKNOWN',
    `the engine has no input ${JSON.stringify(name)}, which ${path} is for${suggestion(name, names) || '.'} Its inputs are ${quotedNames(names)}.`,
    { details: { tensor: name, inputs: names, path } },
  );
}

async function readExactly(
  path: string,
  wanted: number,
  { name, type }: TensorInfo,
  dims: readonly number[],
): Promise<ArrayBuffer> {
  let file: FileHandle | undefined;
  try {
    // Opening a pipe would wait for whoever writes to it.
    const stats = await stat(path);
    const place = { path, array: null };
    if (!stats.isFile()) {
      throw dataFileError(place, 'format', 'it is not a regular file', 'Give a file of raw bytes.');
    }
    if (stats.size !== wanted) {
      throw dataFileError(
        place,
        'format',
        `it has ${stats.size} bytes, and input ${JSON.stringify(name)} of dims [${dims.join(', ')}] and type ${type} has ${wanted}`,
        'Give the dims that it was written for with --shapes.',
      );
    }
    file = await open(path, 'r');
    const buffer = new ArrayBuffer(wanted);
    const step = 2 ** 30; // Node 20 has no Uint8Array of 4 GiB and more
    for (let offset = 0; offset < wanted;) {
      const part = new Uint8Array(buffer, offset, Math.min(step, wanted - offset));
      const { bytesRead } = await file.read(part, 0, part.length);
      if (bytesRead === 0) {
        throw dataFileError(
          place,
          'truncated',
          'it became shorter while it was read',
          'Write it first.',
        );
      }
      offset += bytesRead;
    }
    return buffer;
  } catch (error) {
    throw unreadableFile(path, error);
  } finally {
    await file?.close();
  }
}
