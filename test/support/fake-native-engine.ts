/**
 * TEST ONLY. A stand-in for the addon's engine that records what TypeScript hands over. Nothing of it is in the package,
 * and no test that uses it says anything about TensorRT.
 */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type {
  NativeArray,
  NativeContext,
  NativeDebugTensor,
  NativeDeviceMemory,
  NativeEngine,
  NativeEngineMemory,
  NativeGraphState,
  NativeInferResult,
  NativeLayerTimes,
  NativeRefitSource,
  NativeStaging,
  NativeTiming,
  NativeWaiting,
} from '../../lib/binding';
import type { TensorType } from '../../lib/data-types';
import type { Profile, TensorInfo } from '../../lib/manifest-schema';
import { chunksSha256Of } from './manifests';

export function tensorInfo(name: string, type: TensorType, dims: readonly number[]): TensorInfo {
  return { name, type, dims, isShapeTensor: false };
}

export const fakeTiming: NativeTiming = {
  queue: 1,
  enqueue: 2,
  h2d: 3,
  compute: 4,
  d2h: 5,
  total: 15,
};

/** One output that the engine has. */
export interface FakeOutput {
  readonly dims: readonly number[];
  readonly data: ArrayBuffer;
}

/** One call of `write`, with a copy of the bytes that it saw. */
export interface Write {
  readonly index: number;
  readonly offsetBytes: number;
  readonly data: Uint8Array;
}

type Memory = NativeArray | NativeDeviceMemory;

export class FakeCall {
  /** Dims that JavaScript was told last. */
  told: string | null = null;
  released = false;

  constructor(
    readonly profile: number,
    readonly dims: readonly (readonly number[])[],
    readonly targets: readonly number[],
  ) {}
}

export class FakeStaging implements NativeStaging {
  readonly writes: Write[] = [];
  released = 0;
  prepared = 0;

  constructor(
    readonly call: FakeCall,
    private readonly owner: FakeNativeEngine,
  ) {}

  async prepare(): Promise<void> {
    this.prepared += 1;
    await this.owner.whilePreparing;
  }

  write(index: number, offsetBytes: number, data: Uint8Array): void {
    this.owner.beforeWrite?.(this.writes.length);
    this.writes.push({ index, offsetBytes, data: data.slice() });
  }

  release(): void {
    this.released += 1;
  }
}

/** One inference that was submitted, or run. */
export class FakeRequest {
  /** Copies of the arrays, as they were when they came. */
  readonly inputs: readonly (Uint8Array | NativeDeviceMemory | null)[];
  ran: 'submit' | 'runSync' = 'submit';
  /** Not begun yet: `cancel` removes it. */
  queued = false;
  done = false;
  collected = false;
  discarded = false;
  cancelled = false;
  error: Error | null = null;
  debug: readonly string[] | null = null;

  constructor(
    readonly call: FakeCall,
    inputs: readonly (Memory | null)[],
    readonly staging: FakeStaging | null,
    readonly outputs: readonly (Memory | null)[] | null,
    readonly timed: boolean,
    readonly deadlineMs: number,
    readonly slot: number,
    private readonly owner: FakeNativeEngine,
  ) {
    this.inputs = inputs.map((input) =>
      ArrayBuffer.isView(input) ? bytesOf(input).slice() : input,
    );
  }

  get profile(): number {
    return this.call.profile;
  }

  get dims(): readonly (readonly number[])[] {
    return this.call.dims;
  }

  /** What arrived for input `index`, put together. */
  received(index: number): Uint8Array {
    const input = this.inputs[index];
    if (input instanceof Uint8Array) return input;
    const writes = (this.staging?.writes ?? []).filter((write) => write.index === index);
    return new Uint8Array(Buffer.concat(writes.map(({ data }) => data)));
  }

  /** Completes a held one. */
  finish(): void {
    this.done = true;
    this.owner.complete(this.slot);
  }

  fail(error: Error): void {
    this.error = error;
    this.finish();
  }

  result(): NativeInferResult {
    const result = this.owner.results.map((output, i) => this.#output(output, i));
    const dims = this.owner.results.map((output) => output.dims);
    const told = JSON.stringify(dims);
    const isNew = told !== this.call.told;
    this.call.told = told;
    const debug = this.debug?.map((name) => fakeDebugTensor(name));
    return Object.assign(
      result,
      isNew ? { dims } : {},
      this.timed ? { timing: fakeTiming } : {},
      debug === undefined ? {} : { debug },
    );
  }

  #output({ data }: FakeOutput, index: number): ArrayBuffer | NativeDeviceMemory | null {
    const target = this.call.targets[index];
    const memory = this.outputs?.[index] ?? null;
    if (target === 0) return null;
    if (memory !== null) {
      if (ArrayBuffer.isView(memory)) bytesOf(memory).set(new Uint8Array(data));
      return null;
    }
    return target === 1 ? data : fakeDeviceMemory(data.byteLength);
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: NativeArray): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

let nextAddress = 4096n;

function newAddress(sizeBytes: number): bigint {
  const address = nextAddress;
  // As CUDA's, and TensorRT wants them so: multiples of 256.
  nextAddress += ((BigInt(sizeBytes) + 255n) / 256n) * 256n;
  return address;
}

/** Device memory that only has a place. */
export function fakeDeviceMemory(
  sizeBytes: number,
  device = 0,
  address = newAddress(sizeBytes),
): NativeDeviceMemory {
  return {
    sizeBytes,
    device,
    address,
    part: (offset: number, size: number) =>
      fakeDeviceMemory(size, device, address + BigInt(offset)),
    release: () => Promise.resolve(),
  } as NativeDeviceMemory;
}

/** The value of every debug tensor: the length of its name. */
function fakeDebugTensor(name: string): NativeDebugTensor {
  return { type: 'int32', dims: [1], data: Int32Array.of(name.length).buffer };
}

export class FakeNativeEngine implements NativeEngine {
  readonly flavour = 'tensorrt';
  readonly version = '10.6.0';
  readonly gpu = {
    index: 0,
    name: 'Test GPU',
    computeCapability: '9.0',
    uuid: 'GPU-0',
    memoryTotalBytes: 1,
  };
  readonly deviceMemoryBytes = 0;
  readonly lanes = 2;
  waiting: NativeWaiting = 'auto';
  readonly calls: FakeCall[] = [];
  readonly stagings: FakeStaging[] = [];
  readonly requests: FakeRequest[] = [];
  readonly warmed: (readonly (Uint8Array | null)[])[] = [];
  /** Calls of `discardQueued`, and of `close`. */
  discards = 0;
  closed = 0;
  /** Submitted requests stay until their `finish()`. */
  holdRuns = false;
  /** Held ones count as queued. */
  holdQueued = false;
  runError: Error | null = null;
  /** What `submit` throws at once. */
  submitError: Error | null = null;
  createError: Error | null = null;
  inspection = '{"Layers":[]}';
  beforeWrite: ((writesSoFar: number) => void) | null = null;
  whilePreparing: Promise<void> = Promise.resolve();
  /** Buffers that count as pinned. */
  readonly pinned = new Set<ArrayBufferLike>();
  /** Calls of `onComplete`. */
  wakeUps = 0;
  polls = 0;
  /** Looks in a row that find nothing before JavaScript is to ask no more. */
  patience = Infinity;
  #lookedInVain = 0;
  #sleeps = true;

  #onComplete: ((slots: readonly number[]) => void) | null = null;
  #ready: number[] = [];
  readonly #slots: (FakeRequest | undefined)[] = [];

  constructor(
    readonly inputs: readonly TensorInfo[],
    readonly outputs: readonly TensorInfo[],
    readonly profiles: readonly Profile[] = [{}],
    public results: readonly FakeOutput[] = [],
  ) {}

  registerCall(
    profile: number,
    dims: readonly (readonly number[])[],
    targets: readonly number[],
  ): number {
    if (this.createError !== null) throw this.createError;
    return this.calls.push(new FakeCall(profile, dims, targets)) - 1;
  }

  releaseCall(call: number): void {
    this.#call(call).released = true;
  }

  runSync(
    call: number,
    inputs: readonly (Memory | null)[],
    staged: NativeStaging | null,
    outputs: readonly (Memory | null)[] | null,
    timed: boolean,
  ): NativeInferResult {
    const request = this.#request(call, inputs, staged, outputs, timed, 0, -1);
    request.ran = 'runSync';
    if (this.runError !== null) throw this.runError;
    return request.result();
  }

  /** This one says of no request that it can be run again. */
  runAgain(): never {
    throw new Error('there is nothing to run again');
  }

  submit(
    call: number,
    inputs: readonly (Memory | null)[],
    staged: NativeStaging | null,
    outputs: readonly (Memory | null)[] | null,
    timed: boolean,
    deadlineMs: number,
    debug?: readonly string[],
  ): number {
    if (this.submitError !== null) throw this.submitError;
    const free = this.#slots.indexOf(undefined);
    const slot = free === -1 ? this.#slots.length : free;
    const request = this.#request(call, inputs, staged, outputs, timed, deadlineMs, slot);
    request.debug = debug ?? null;
    this.#slots[slot] = request;
    if (this.#isPolled()) this.#sleeps = false;
    this.#lookedInVain = 0;
    request.error = this.runError;
    request.queued = this.holdQueued;
    if (!this.holdRuns) request.finish();
    return slot;
  }

  cancel(slot: number): boolean {
    const request = this.#inSlot(slot);
    if (!request.queued || request.done) return false;
    request.cancelled = true;
    this.#slots[slot] = undefined;
    return true;
  }

  collect(slot: number, outputs: readonly (Memory | null)[] | null): NativeInferResult {
    const request = this.#inSlot(slot);
    if (request.outputs !== outputs) throw new Error('collected with other outputs');
    request.collected = true;
    this.#slots[slot] = undefined;
    if (request.error !== null) throw request.error;
    return request.result();
  }

  discard(slot: number): void {
    this.#inSlot(slot).discarded = true;
    this.#slots[slot] = undefined;
  }

  completed(): readonly number[] | null {
    this.polls += 1;
    return this.#takeReady();
  }

  poll(): readonly number[] | null | false {
    this.polls += 1;
    const slots = this.#takeReady();
    if (slots !== null) {
      this.#lookedInVain = 0;
      return slots;
    }
    this.#lookedInVain += 1;
    const isUnderWay = this.#slots.some((request) => request !== undefined);
    this.#sleeps = !isUnderWay || !this.#isPolled() || this.#lookedInVain >= this.patience;
    return this.#sleeps ? false : null;
  }

  setOnComplete(callback: (slots: readonly number[]) => void): void {
    this.#onComplete = callback;
  }

  /** A request's slot is ready: JavaScript hears of all that are so by the next turn at once. */
  complete(slot: number): void {
    this.#ready.push(slot);
    if (this.#ready.length > 1 || !this.#sleeps) return;
    setImmediate(() => {
      const slots = this.#takeReady();
      if (slots === null) return;
      this.wakeUps += 1;
      this.#onComplete?.(slots);
    });
  }

  isPinned(data: NativeArray): boolean {
    return this.pinned.has(data.buffer);
  }

  stage(call: number): NativeStaging {
    const staging = new FakeStaging(this.#call(call), this);
    this.stagings.push(staging);
    return staging;
  }

  warm(_call: number, values: readonly (Uint8Array | null)[]): Promise<void> {
    this.warmed.push(values);
    return Promise.resolve();
  }

  allocate(sizeBytes: number): ArrayBuffer {
    const buffer = new ArrayBuffer(sizeBytes);
    this.pinned.add(buffer);
    return buffer;
  }

  graphState(): NativeGraphState {
    const lane = { held: 1, captured: 2, replays: 3, eager: 4 };
    return {
      mode: 'auto',
      lanes: [
        { ...lane, reason: null },
        { ...lane, reason: 'it synchronizes' },
      ],
    };
  }

  memory(): NativeEngineMemory {
    throw new Error('no test asks for it');
  }

  profileLayers(): Promise<NativeLayerTimes> {
    return Promise.reject(new Error('no test asks for it'));
  }

  createContext(): Promise<NativeContext> {
    return Promise.reject(new Error('no test asks for it'));
  }

  inspect(): Promise<string> {
    return Promise.resolve(this.inspection);
  }

  streamableWeightsBytes = 0;
  weightStreamingBudgetBytes = 0;
  refittable = false;
  readonly hardwareCompatibilityLevel = 'none';
  readonly auxStreams = 0;
  readonly marked = new Set<string>();

  isDebugTensor(name: string): boolean {
    return this.marked.has(name);
  }

  readonly refits: NativeRefitSource[] = [];
  missingWeights: readonly string[] = [];
  refitError: Error | null = null;
  /** What `serialize` writes; null: it fails. */
  serialized: Uint8Array | null = null;

  refit(source: NativeRefitSource): Promise<readonly string[]> {
    this.refits.push(source);
    if (this.refitError !== null) return Promise.reject(this.refitError);
    return Promise.resolve(this.missingWeights);
  }

  refittableWeights(): ReturnType<NativeEngine['refittableWeights']> {
    return Promise.resolve({ all: [], missing: this.missingWeights });
  }

  async serialize(planPath: string): ReturnType<NativeEngine['serialize']> {
    const bytes = this.serialized;
    if (bytes === null) throw new Error(`nothing is written to ${planPath}`);
    await writeFile(planPath, bytes, { flag: 'wx' });
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return { sha256, sizeBytes: bytes.length, chunksSha256: chunksSha256Of(bytes) };
  }

  discardQueued(): void {
    this.discards += 1;
    for (const request of this.#slots) {
      if (request?.queued === true && !request.done)
        request.fail(nativeError('ERR_TRT_ENGINE_CLOSED'));
    }
  }

  close(): Promise<void> {
    this.closed += 1;
    return Promise.resolve();
  }

  get lastRequest(): FakeRequest {
    const request = this.requests.at(-1);
    if (request === undefined) throw new Error('no request was made');
    return request;
  }

  get lastStaging(): FakeStaging {
    const staging = this.stagings.at(-1);
    if (staging === undefined) throw new Error('nothing was staged');
    return staging;
  }

  #request(
    call: number,
    inputs: readonly (Memory | null)[],
    staged: NativeStaging | null,
    ...rest: [FakeRequest['outputs'], boolean, number, number]
  ): FakeRequest {
    const staging = staged as FakeStaging | null;
    const request = new FakeRequest(this.#call(call), inputs, staging, ...rest, this);
    this.requests.push(request);
    return request;
  }

  #call(number: number): FakeCall {
    const call = this.calls[number];
    if (call === undefined || call.released) throw new Error(`there is no call ${number}`);
    return call;
  }

  #inSlot(slot: number): FakeRequest {
    const request = this.#slots[slot];
    if (request === undefined) throw new Error(`nothing is in slot ${slot}`);
    return request;
  }

  #isPolled(): boolean {
    return this.waiting !== 'block';
  }

  #takeReady(): readonly number[] | null {
    if (this.#ready.length === 0) return null;
    return this.#ready.splice(0);
  }
}

/** An error as the addon rejects with it. */
export function nativeError(code: string, message = 'from the addon'): Error {
  return Object.assign(new Error(message), { code });
}
