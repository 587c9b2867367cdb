import type { TensorType } from '../data-types';
import { byteLengthOf } from '../data-types';
import type { TrtError } from '../errors';
import { elementCount } from '../tensor';
import type { ByteSource } from './byte-source';
import { dataFileError, type ArrayPlace } from './data-file-error';

/** What stands before an array's elements in NumPy's `.npy` format, 1.0 to 3.0. */
export interface NpyHeader {
  readonly type: TensorType;
  readonly dims: readonly number[];
  readonly headerBytes: number;
  readonly dataBytes: number;
}

const magic = '\x93NUMPY';

/** NumPy itself reads no more than 10,000 characters; a plain array needs about 100. */
const maxHeaderBytes = 64 * 1024;

/** NumPy's limit (64 from 2.0 on). */
const maxRank = 64;

/** By NumPy's `kind` and item size. Float64 has no tensor type, and converting it in silence would hide what is fed. */
const types: Readonly<Record<string, TensorType>> = {
  f2: 'float16',
  f4: 'float32',
  i1: 'int8',
  u1: 'uint8',
  i4: 'int32',
  i8: 'int64',
  b1: 'bool',
  V2: 'bfloat16', // ml_dtypes' one type of two bytes that NumPy has no name for
};

const saveAgain = 'Save it again with numpy.save or numpy.savez';

/** Rejects with ERR_TRT_DATA_FILE. */
export async function readNpyHeader(source: ByteSource, place: ArrayPlace): Promise<NpyHeader> {
  const start = await take(source, 8, place);
  if (start.toString('latin1', 0, 6) !== magic) {
    const found = start.toString('hex', 0, 6);
    throw dataFileError(
      place,
      'format',
      `it does not start as NumPy's .npy format does (but with the bytes ${found})`,
      `${saveAgain}; text and pickles are not read.`,
    );
  }
  const version = start[6] ?? 0;
  if (version < 1 || version > 3) {
    throw dataFileError(
      place,
      'format',
      `it is of version ${version}.${start[7]} of the .npy format`,
      'Known are 1.0 to 3.0: update trt-node, or save it with another NumPy.',
    );
  }
  const lengthBytes = version === 1 ? 2 : 4;
  const length = (await take(source, lengthBytes, place)).readUIntLE(0, lengthBytes);
  if (length > maxHeaderBytes) {
    throw dataFileError(
      place,
      'format',
      `its header has ${length} bytes, more than ${maxHeaderBytes}`,
      `${saveAgain} as a plain array, without fields.`,
    );
  }
  const text = (await take(source, length, place)).toString(version === 3 ? 'utf8' : 'latin1');
  const { descr, fortranOrder, dims } = parseDictionary(text, place);
  const type = typeOf(descr, place);
  const dataBytes = byteLengthOf(type, elementCount(dims));
  if (!Number.isSafeInteger(dataBytes)) {
    throw dataFileError(
      place,
      'too-large',
      `its shape (${dims.join(', ')}) has more bytes than any file`,
      `The header is damaged. ${saveAgain}.`,
    );
  }
  // The two orders are the same where at most one axis has more than one element.
  if (fortranOrder && dataBytes > 0 && dims.filter((dim) => dim > 1).length > 1) {
    throw dataFileError(
      place,
      'order',
      'it is stored in Fortran order, and tensors are in C order',
      `${saveAgain} after numpy.ascontiguousarray(array).`,
    );
  }
  return { type, dims, headerBytes: 8 + lengthBytes + length, dataBytes };
}

async function take(source: ByteSource, length: number, place: ArrayPlace): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  if ((await source.read(bytes)) === length) return bytes;
  const problem = `it ends inside of its header, after ${source.sizeBytes} bytes`;
  throw dataFileError(place, 'truncated', problem, `Copy it again. ${saveAgain} if it stays so.`);
}

interface Dictionary {
  /** `<f4`; null: a structured type. */
  readonly descr: string | null;
  readonly fortranOrder: boolean;
  readonly dims: readonly number[];
}

const entry =
  /\s*(['"])(descr|fortran_order|shape)\1\s*:\s*(?:(['"])([^'"\\]*)\3|(True|False)|\(([\d\s,L]*)\)|(\[))\s*(?:,|(?=\}))/y;

/** The Python literal of the header. It has three keys, in any order, and is never evaluated. */
function parseDictionary(text: string, place: ArrayPlace): Dictionary {
  const malformed = (): TrtError =>
    dataFileError(
      place,
      'format',
      `its header is not NumPy's: ${JSON.stringify(text.slice(0, 200).trim())}`,
      `${saveAgain}.`,
    );
  const open = /^\s*\{/.exec(text);
  if (open === null) throw malformed();
  let descr: string | null | undefined;
  let fortranOrder: boolean | undefined;
  let dims: readonly number[] | undefined;
  entry.lastIndex = open[0].length;
  for (let end = entry.lastIndex; ; end = entry.lastIndex) {
    const match = entry.exec(text);
    if (match === null) {
      if (!/^\s*\}\s*$/.test(text.slice(end))) {
        // A list of fields is nested, so nothing after it is looked at.
        if (/^\s*(['"])descr\1\s*:\s*\[/.test(text.slice(end))) throw structured(place);
        throw malformed();
      }
      break;
    }
    const [, , key, , string, boolean, tuple] = match;
    if (key === 'descr' && string !== undefined) descr = string;
    else if (key === 'fortran_order' && boolean !== undefined) fortranOrder = boolean === 'True';
    else if (key === 'shape' && tuple !== undefined) dims = dimsOf(tuple) ?? undefined;
    else throw malformed();
  }
  if (descr === undefined || fortranOrder === undefined || dims === undefined) throw malformed();
  if (dims.length > maxRank) throw malformed();
  return { descr, fortranOrder, dims };
}

/** The inside of `(3, 4)`, `(3,)` or `()`; Python 2 wrote long integers as `3L`. */
function dimsOf(tuple: string): readonly number[] | null {
  if (tuple.trim() === '') return [];
  const parts = tuple.split(',').map((part) => part.trim());
  if (parts.at(-1) === '') parts.pop();
  const dims = parts.map((part) => (/^\d+L?$/.test(part) ? Number.parseInt(part, 10) : NaN));
  return dims.every(Number.isSafeInteger) ? dims : null;
}

function typeOf(descr: string | null, place: ArrayPlace): TensorType {
  const [, order, code] = /^([<>|=])([a-zA-Z]\d+)/.exec(descr ?? '') ?? [];
  const type = code === undefined ? undefined : types[code];
  if (type === undefined || !Object.hasOwn(types, code ?? '')) throw noTensorType(descr, place);
  if (order === '>') {
    throw dataFileError(
      place,
      'order',
      `its elements are big-endian (${descr})`,
      `${saveAgain} after array.astype(array.dtype.newbyteorder('<')).`,
    );
  }
  return type;
}

function noTensorType(descr: string | null, place: ArrayPlace): TrtError {
  const shown = JSON.stringify(descr);
  const kind = /^[<>|=]?([a-zA-Z])/.exec(descr ?? '')?.[1] ?? '';
  if (kind === 'O') {
    return dataFileError(
      place,
      'type',
      'it holds pickled Python objects, which are code and are never loaded',
      `${saveAgain} as an array of numbers (rows of unequal lengths make one of objects).`,
    );
  }
  if (descr === '<f8' || descr === '>f8') {
    return dataFileError(
      place,
      'type',
      "it is of type float64, NumPy's default, which no tensor has",
      `${saveAgain} after array.astype(numpy.float32), or whatever type the model's input has.`,
    );
  }
  const byte =
    kind === 'V'
      ? ' (a type of ml_dtypes that NumPy stores without its name: give such tensors from JavaScript)'
      : '';
  return dataFileError(
    place,
    'type',
    `it is of NumPy's type ${shown}, which no tensor has${byte}`,
    `${saveAgain} after array.astype to one of float32, float16, int8, uint8, int32, int64 and bool.`,
  );
}

function structured(place: ArrayPlace): TrtError {
  const problem = 'it is an array of records with fields';
  return dataFileError(place, 'type', problem, `${saveAgain}: each field as an array of its own.`);
}
