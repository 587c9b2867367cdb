import type { NativeDeviceMemory } from './binding';
import { acceptedArrays, holds, typedArrayName } from './data-types';
import type { TensorData } from './data-types';
import { describeValue, invalidArgument, TrtError } from './errors';
import type { TensorInfo } from './manifest-schema';
import { suggestion } from './nearest-name';
import { quotedNames } from './quoted-names';

/** What a caller gave for each of the engine's inputs, in the engine's order. */
export interface GivenInputs {
  /** An array of the right kind, or memory on the engine's GPU. How long it is has not been looked at. */
  readonly sources: readonly (TensorData | NativeDeviceMemory)[];
  /** Not looked at yet. Of a bare array the engine's own, or `noDims` where these are not all static. */
  readonly dims: readonly unknown[];
}

/** Stands for the dims that a bare array does not have. */
export const noDims = Symbol('no dims');

/** How device tensors are let in. */
export interface DeviceInputs {
  /** CUDA's index of the engine's GPU. */
  readonly device: number;
  readonly memoryOf: (value: unknown) => NativeDeviceMemory | undefined;
}

/**
 * Reads every property of the caller's objects once, and checks names, types and kinds of arrays.
 *
 * @param gpu null: device tensors are refused
 * @throws TrtError `ERR_TRT_INVALID_ARG`, `ERR_TRT_INPUT_UNKNOWN`, `ERR_TRT_INPUT_MISSING`, `ERR_TRT_INPUT_TYPE`
 */
export function readInputs(
  infos: readonly TensorInfo[],
  inputs: unknown,
  gpu: DeviceInputs | null,
): GivenInputs {
  const given = checkNames(infos, inputs);
  const sources: (TensorData | NativeDeviceMemory)[] = [];
  const dims: unknown[] = [];
  // A plain loop, as every inference runs through here.
  for (const info of infos) readInput(info, given[info.name], gpu, sources, dims);
  return { sources, dims };
}

/** The other is memory on a GPU. */
export function isArray(source: TensorData | NativeDeviceMemory | undefined): source is TensorData {
  return ArrayBuffer.isView(source);
}

function checkNames(infos: readonly TensorInfo[], inputs: unknown): Record<string, unknown> {
  if (typeof inputs !== 'object' || inputs === null || typedArrayName(inputs) !== undefined) {
    throw invalidArgument('inputs', 'an object of tensors by input name', inputs);
  }
  const keys = Object.keys(inputs);
  if (areNamesOf(infos, keys)) return inputs as Record<string, unknown>;
  const names = infos.map(({ name }) => name);
  for (const name of keys) {
    if (!names.includes(name)) throw unknownInput(name, names);
  }
  const missing = names.filter((name) => !Object.hasOwn(inputs, name));
  if (missing.length > 0) {
    throw new TrtError(
      'ERR_TRT_INPUT_MISSING',
      `expected a tensor for each of the engine's inputs, but there is none for ${quotedNames(missing)}. ` +
        `The inputs are ${quotedNames(names)}.`,
      { details: { missing, inputs: names } },
    );
  }
  return inputs as Record<string, unknown>;
}

/** As they nearly always are: all of them, in the engine's order. */
function areNamesOf(infos: readonly TensorInfo[], keys: readonly string[]): boolean {
  if (keys.length !== infos.length) return false;
  for (let i = 0; i < keys.length; i += 1) if (keys[i] !== infos[i]?.name) return false;
  return true;
}

function unknownInput(name: string, names: readonly string[]): TrtError {
  return new TrtError(
    'ERR_TRT_INPUT_UNKNOWN',
    `the engine has no input ${JSON.stringify(name)}; its inputs are ${quotedNames(names)}` +
      suggestion(name, names),
    { details: { tensor: name, inputs: names } },
  );
}

function readInput(
  info: TensorInfo,
  value: unknown,
  gpu: DeviceInputs | null,
  sources: (TensorData | NativeDeviceMemory)[],
  dims: unknown[],
): void {
  if (typedArrayName(value) !== undefined) {
    sources.push(checkArray(info, value));
    dims.push(info.dims.includes(-1) ? noDims : info.dims);
    return;
  }
  if (typeof value !== 'object' || value === null) {
    throw typeError(info, `a tensor { type: '${info.type}', data, dims }`, describeValue(value));
  }
  const tensor = value as Readonly<Record<'type' | 'data' | 'dims' | 'location', unknown>>;
  const { type, location } = tensor;
  if (type !== info.type) {
    throw typeError(info, info.type, typeof type === 'string' ? type : describeValue(type));
  }
  // ONNX Runtime's tensors tell where they are, and their `data` throws when that is not the CPU.
  if (location === undefined || location === 'cpu' || location === 'cpu-pinned') {
    sources.push(checkArray(info, tensor.data));
  } else {
    sources.push(deviceInput(info, value, location, gpu));
  }
  dims.push(tensor.dims);
}

function deviceInput(
  info: TensorInfo,
  value: object,
  location: unknown,
  gpu: DeviceInputs | null,
): NativeDeviceMemory {
  const memory = location === 'cuda' ? gpu?.memoryOf(value) : undefined;
  if (gpu === null || memory === undefined) {
    const expected = gpu === null ? 'a tensor on the CPU' : 'a tensor on the CPU or a DeviceTensor';
    throw typeError(info, expected, `one whose location is ${describeValue(location)}`);
  }
  if (info.isShapeTensor) {
    throw typeError(info, 'a tensor on the CPU (it is a shape tensor)', 'one on a GPU');
  }
  if (memory.device !== gpu.device) {
    throw typeError(info, `a tensor on GPU ${gpu.device}`, `one on GPU ${memory.device}`);
  }
  return memory;
}

function checkArray(info: TensorInfo, data: unknown): TensorData {
  if (holds(info.type, data)) return data;
  const expected = `a ${acceptedArrays(info.type).join(' or ')} (type ${info.type})`;
  throw typeError(info, expected, typedArrayName(data) ?? describeValue(data));
}

function typeError(info: TensorInfo, expected: string, got: string): TrtError {
  return new TrtError(
    'ERR_TRT_INPUT_TYPE',
    `input ${JSON.stringify(info.name)}: expected ${expected} but received ${got}.`,
    { details: { tensor: info.name, expected: info.type, got } },
  );
}
