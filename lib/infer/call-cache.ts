import type { NativeDeviceMemory, NativeEngine } from '../binding';
import type { TensorData } from '../data-types';
import { isArray } from '../input-reading';
import type { GivenInputs } from '../input-reading';
import { checkGiven } from '../input-validation';
import type { InputBytes, InputContract } from '../input-validation';
import { asTrtError } from '../native-call';

/** What requests of the same dims and outputs have in common. */
export interface Call {
  /** The native side's number of it. */
  readonly id: number;
  /** What the caller said of the profile; null: nothing. */
  readonly asked: number | null;
  readonly dims: readonly (readonly number[])[];
  readonly targets: readonly number[];
  readonly byteLengths: readonly number[];
  readonly totalBytes: number;
  /** Of its outputs, as the native side told last. */
  outputDims: readonly (readonly number[])[];
  /** Requests that will still name it to the native side. */
  pins: number;
}

/** Sources that native code may be handed, and the call that they belong to. */
export interface Resolved {
  readonly call: Call;
  readonly sources: readonly (TensorData | NativeDeviceMemory)[];
}

/** As many calls as an engine remembers; the one that was not used for longest makes room. */
const maxCalls = 1024;

/**
 * Finds the call of a request. A caller mostly repeats the one before, so that comes first, and costs a comparison of dims and lengths;
 * everything else runs through all checks.
 */
export class CallCache {
  readonly #native: Pick<NativeEngine, 'registerCall' | 'releaseCall'>;
  readonly #engine: InputContract;
  /** Their values decide the profile, and are checked each time. */
  readonly #hasShapeTensors: boolean;
  readonly #calls = new Map<string, Call>();
  #last: Call | null = null;

  constructor(native: Pick<NativeEngine, 'registerCall' | 'releaseCall'>, engine: InputContract) {
    this.#native = native;
    this.#engine = engine;
    this.#hasShapeTensors = engine.inputs.some(({ isShapeTensor }) => isShapeTensor);
  }

  /** @throws TrtError what `checkGiven` throws, and what the native side does */
  resolve(
    given: GivenInputs,
    asked: number | null,
    targets: readonly number[],
    assertOpen: () => void,
  ): Resolved {
    const last = this.#last;
    if (last !== null && !this.#hasShapeTensors && isRepeated(last, given, asked, targets)) {
      assertOpen();
      return { call: last, sources: given.sources };
    }
    const checked = checkGiven(this.#engine, given, asked);
    // The elements of dims may have been getters.
    assertOpen();
    const { profile, dims, bytes } = checked;
    const call = this.#callOf(profile, asked, dims, targets, bytes);
    this.#last = call;
    return { call, sources: this.#hasShapeTensors ? this.#private(given, bytes) : given.sources };
  }

  #callOf(
    profile: number,
    asked: number | null,
    dims: readonly (readonly number[])[],
    targets: readonly number[],
    bytes: readonly InputBytes[],
  ): Call {
    const key = `${profile}|${asked}|${targets.join('')}|${dims.join(';')}`;
    const known = this.#calls.get(key);
    if (known !== undefined) {
      // To the end of the map's order.
      this.#calls.delete(key);
      this.#calls.set(key, known);
      return known;
    }
    if (this.#calls.size >= maxCalls) this.#forgetOldest();
    const byteLengths = bytes.map(({ byteLength }) => byteLength);
    try {
      const call: Call = {
        id: this.#native.registerCall(profile, dims, targets),
        asked,
        dims,
        targets,
        byteLengths,
        totalBytes: byteLengths.reduce((sum, length) => sum + length, 0),
        outputDims: [],
        pins: 0,
      };
      this.#calls.set(key, call);
      return call;
    } catch (error) {
      throw asTrtError(error);
    }
  }

  #forgetOldest(): void {
    for (const [key, call] of this.#calls) {
      if (call.pins > 0) continue;
      this.#calls.delete(key);
      this.#native.releaseCall(call.id);
      return;
    }
  }

  /** The values of shape tensors that were checked: the caller's own may be another thread's to change. */
  #private({ sources }: GivenInputs, bytes: readonly InputBytes[]): Resolved['sources'] {
    return sources.map((source, index) => {
      const isShapeTensor = this.#engine.inputs[index]?.isShapeTensor === true;
      return isShapeTensor ? (bytes[index]?.parts[0] ?? new Uint8Array(0)) : source;
    });
  }
}

function isRepeated(
  call: Call,
  { sources, dims }: GivenInputs,
  asked: number | null,
  targets: readonly number[],
): boolean {
  if (call.asked !== asked || !areEqual(call.targets, targets)) return false;
  for (let i = 0; i < dims.length; i += 1) {
    if (!isSame(call.dims[i] as readonly number[], dims[i])) return false;
  }
  // After all dims: an element of them may be a getter, which may transfer a buffer.
  for (let i = 0; i < sources.length; i += 1) {
    const source = sources[i];
    const bytes = call.byteLengths[i] as number;
    if (isArray(source) ? source.byteLength !== bytes : (source?.sizeBytes ?? 0) < bytes) {
      return false;
    }
  }
  return true;
}

function isSame(known: readonly number[], dims: unknown): boolean {
  return Array.isArray(dims) && areEqual(known, dims);
}

function areEqual(known: readonly number[], others: readonly unknown[]): boolean {
  if (known === others) return true;
  if (others.length !== known.length) return false;
  for (let i = 0; i < known.length; i += 1) if (known[i] !== others[i]) return false;
  return true;
}
