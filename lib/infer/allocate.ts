import type { NativeEngine } from '../binding';
import { byteLengthOf, viewAs } from '../data-types';
import type { TensorData } from '../data-types';
import { invalidArgument, TrtError } from '../errors';
import type { Profile, TensorInfo } from '../manifest-schema';
import { asTrtError } from '../native-call';
import { suggestion } from '../nearest-name';
import { quotedNames } from '../quoted-names';
import { elementCount, firstInvalidDim, Tensor } from '../tensor';
import type { TypedTensor } from '../tensor';
import { giveBack, lend } from './lent-buffers';

interface TensorsOfEngine {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly profiles: readonly Profile[];
}

/** @throws TrtError `ERR_TRT_INVALID_ARG`, `ERR_TRT_UNSUPPORTED`, and what the addon throws */
export function allocateTensor(
  native: Pick<NativeEngine, 'allocate'>,
  engine: TensorsOfEngine,
  name: unknown,
  given: unknown,
): TypedTensor {
  const info = tensorOf(engine, name);
  const dims = dimsOf(given === undefined ? info : rangeOf(info, engine), given);
  const bytes = byteLengthOf(info.type, elementCount(dims));
  if (!Number.isSafeInteger(bytes))
    throw invalidArgument('dims', 'dims of less than 2^53 bytes', given);
  let buffer: ArrayBuffer;
  try {
    buffer = native.allocate(bytes);
  } catch (error) {
    throw asTrtError(error);
  }
  lend(buffer);
  return new Tensor(info.type, viewOf(info, buffer, dims), dims) as TypedTensor;
}

function viewOf(
  { name, type }: TensorInfo,
  buffer: ArrayBuffer,
  dims: readonly number[],
): TensorData {
  try {
    return viewAs(type, buffer);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    giveBack(buffer);
    throw new TrtError(
      'ERR_TRT_UNSUPPORTED',
      `tensor ${JSON.stringify(name)} of dims [${dims.join(', ')}] has ${buffer.byteLength} bytes of ${type}, and this Node.js has no ` +
        'typed array of so many elements. Allocate smaller dims, or use a newer Node.js.',
      { cause, details: { tensor: name, dims, sizeBytes: buffer.byteLength } },
    );
  }
}

function tensorOf({ inputs, outputs }: TensorsOfEngine, name: unknown): TensorInfo {
  const infos = [...inputs, ...outputs];
  const info = infos.find((candidate) => candidate.name === name);
  if (info !== undefined) return info;
  const names = infos.map((candidate) => candidate.name);
  const near = typeof name === 'string' ? suggestion(name, names) : '';
  throw invalidArgument('name', `one of the engine's tensors, ${quotedNames(names)}${near},`, name);
}

/**
 * TensorRT tells an output's dims as they are in the first profile: where that leaves nothing open, they look static, and others are
 * the other profiles' business. Too small an array is refused when it is used.
 */
function rangeOf(info: TensorInfo, { inputs, profiles }: TensorsOfEngine): TensorInfo {
  const [first, ...others] = profiles;
  if (first === undefined || others.length === 0 || inputs.includes(info)) return info;
  const fixed = Object.values(first).every(({ min, max }) => min.join() === max.join());
  return fixed ? { ...info, dims: info.dims.map(() => -1) } : info;
}

function dimsOf(info: TensorInfo, given: unknown): readonly number[] {
  const expected = `dims like [${info.dims.join(', ')}], where -1 stands for any,`;
  if (given === undefined) {
    if (info.dims.includes(-1)) throw invalidArgument('dims', expected, given);
    return info.dims.slice();
  }
  if (!Array.isArray(given) || given.length !== info.dims.length) {
    throw invalidArgument('dims', expected, given);
  }
  const dims = Array.from(given as readonly unknown[]);
  const fits = info.dims.every((dim, axis) => dim === -1 || dim === dims[axis]);
  if (firstInvalidDim(dims) !== -1 || !fits) throw invalidArgument('dims', expected, given);
  return dims as number[];
}
