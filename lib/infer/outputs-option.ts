import { nativeTargets } from '../binding';
import type { NativeArray, NativeDeviceMemory } from '../binding';
import { acceptedArrays, byteLengthOf, holds, typedArrayName } from '../data-types';
import type { TensorData } from '../data-types';
import type { DeviceTensor } from '../device-tensor';
import { nativeMemoryOf } from '../device-tensor-internals';
import { describeValue, invalidArgument, TrtError } from '../errors';
import type { Profile, TensorInfo } from '../manifest-schema';
import { suggestion } from '../nearest-name';
import { quotedNames } from '../quoted-names';
import { elementCount } from '../tensor';

/** Memory of the caller's that an output goes to. */
export type Destination =
  | {
      readonly data: TensorData;
      /** What it was given as; null: a bare array. */
      readonly tensor: object | null;
    }
  | { readonly memory: NativeDeviceMemory; readonly tensor: DeviceTensor };

/** What the check of `outputs` needs to know of an engine. */
export interface OutputContract {
  readonly outputs: readonly TensorInfo[];
  readonly profiles: readonly Profile[];
  /** CUDA's index of its GPU. */
  readonly device: number;
}

export interface CheckedOutputs {
  readonly targets: readonly number[];
  readonly destinations: readonly (Destination | null)[] | null;
  readonly memory: readonly (NativeArray | NativeDeviceMemory | null)[] | null;
}

export function allOutputs(outputs: readonly TensorInfo[]): readonly number[] {
  return outputs.map(() => nativeTargets.cpu);
}

/**
 * The option `outputs` of an inference: names, or targets by name.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`, `ERR_TRT_OUTPUT_UNKNOWN`
 */
export function checkOutputs(given: unknown, engine: OutputContract): CheckedOutputs {
  if (Array.isArray(given)) return checkNames(given as unknown[], engine.outputs);
  if (typeof given !== 'object' || given === null || typedArrayName(given) !== undefined) {
    const expected = 'an array of names, or an object of targets by name,';
    throw invalidArgument('options.outputs', expected, given);
  }
  const targets: number[] = engine.outputs.map(() => nativeTargets.none);
  let destinations: (Destination | null)[] | null = null;
  for (const name of Object.keys(given)) {
    const index = indexOf(name, engine.outputs);
    const target = (given as Readonly<Record<string, unknown>>)[name];
    if (target === true || target === 'cpu') {
      targets[index] = nativeTargets.cpu;
    } else if (target === 'device') {
      targets[index] = nativeTargets.device;
    } else {
      const destination = destinationOf(engine, index, target);
      targets[index] = 'memory' in destination ? nativeTargets.device : nativeTargets.cpu;
      destinations ??= engine.outputs.map(() => null);
      destinations[index] = destination;
    }
  }
  return { targets, destinations, memory: destinations?.map(memoryOf) ?? null };
}

function memoryOf(destination: Destination | null): NativeArray | NativeDeviceMemory | null {
  if (destination === null) return null;
  return 'memory' in destination ? destination.memory : destination.data;
}

function checkNames(names: readonly unknown[], outputs: readonly TensorInfo[]): CheckedOutputs {
  const targets: number[] = outputs.map(() => nativeTargets.none);
  for (const name of names) {
    if (typeof name !== 'string') {
      throw invalidArgument('options.outputs', 'an array of names', names);
    }
    const index = indexOf(name, outputs);
    if (targets[index] !== nativeTargets.none) {
      throw invalidArgument('options.outputs', 'each name once', names);
    }
    targets[index] = nativeTargets.cpu;
  }
  return { targets, destinations: null, memory: null };
}

function indexOf(name: string, outputs: readonly TensorInfo[]): number {
  const index = outputs.findIndex((output) => output.name === name);
  if (index !== -1) return index;
  const names = outputs.map((output) => output.name);
  throw new TrtError(
    'ERR_TRT_OUTPUT_UNKNOWN',
    `the engine has no output ${JSON.stringify(name)}; its outputs are ${quotedNames(names)}` +
      suggestion(name, names),
    { details: { output: name, outputs: names } },
  );
}

function destinationOf(engine: OutputContract, index: number, value: unknown): Destination {
  const info = engine.outputs[index] as TensorInfo;
  if (typedArrayName(value) !== undefined) {
    return { data: checkedArray(engine, info, value), tensor: null };
  }
  if (typeof value !== 'object' || value === null) throw badTarget(info, describeValue(value));
  const memory = nativeMemoryOf(value);
  const tensor = value as Readonly<Record<'type' | 'data' | 'location', unknown>>;
  const { type } = tensor;
  if (type !== info.type) {
    const got = typeof type === 'string' ? type : describeValue(type);
    throw badTarget(info, `one of type ${got}`);
  }
  if (memory === undefined) {
    const { location } = tensor;
    if (location !== undefined && location !== 'cpu' && location !== 'cpu-pinned') {
      throw badTarget(info, `one whose location is ${describeValue(location)}`);
    }
    return { data: checkedArray(engine, info, tensor.data), tensor: value };
  }
  if (memory.device !== engine.device) {
    throw badTarget(info, `one on GPU ${memory.device}, and the engine is on GPU ${engine.device}`);
  }
  checkRoom(engine, info, memory.sizeBytes);
  return { memory, tensor: value as DeviceTensor };
}

function checkedArray(engine: OutputContract, info: TensorInfo, data: unknown): TensorData {
  if (!holds(info.type, data)) {
    throw badTarget(info, typedArrayName(data) ?? describeValue(data));
  }
  checkRoom(engine, info, data.byteLength);
  return data;
}

/**
 * Where the plan leaves dims open, only the inference tells how much is needed: the native side looks then. So it does where there are
 * several profiles, as TensorRT tells an output's dims as they are in the first.
 */
function checkRoom({ profiles }: OutputContract, info: TensorInfo, bytes: number): void {
  const { name, type, dims } = info;
  if (profiles.length > 1 || dims.includes(-1)) return;
  const needed = byteLengthOf(type, elementCount(dims));
  if (bytes >= needed) return;
  throw new TrtError(
    'ERR_TRT_INVALID_ARG',
    `expected memory of at least ${needed} bytes for output ${JSON.stringify(name)} (${type} [${dims.join(', ')}]) in ` +
      `\`options.outputs\`, but it has ${bytes}. Pass a larger one that was neither transferred nor resized.`,
    {
      details: {
        argument: 'options.outputs',
        output: name,
        expectedBytes: needed,
        gotBytes: bytes,
      },
    },
  );
}

function badTarget({ name, type }: TensorInfo, got: string): TrtError {
  return new TrtError(
    'ERR_TRT_INVALID_ARG',
    `expected true, 'cpu', 'device', a ${acceptedArrays(type).join(' or ')}, or a tensor of type ${type} for output ` +
      `${JSON.stringify(name)} in \`options.outputs\` but received ${got}.`,
    { details: { argument: 'options.outputs', output: name } },
  );
}
