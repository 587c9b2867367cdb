/**
 * TEST ONLY. A stand-in for the addon's engine that records what TypeScript hands over. Nothing of it is in the package,
 * and no test that uses it says anything about TensorRT.
 */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type {
  NativeEngine,
  NativeInferResult,
  NativeOutput,
  NativeRefitSource,
  NativeRequest,
  NativeTiming,
} from '../../lib/binding';
import type { TensorType } from '../../lib/data-types';
import type { Profile, TensorInfo } from '../../lib/manifest-schema';

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

/** One call of `write`, with a copy of the bytes that it saw. */
export interface Write {
  readonly index: number;
  readonly offsetBytes: number;
  readonly data: Uint8Array;
}

export class FakeRequest implements NativeRequest {
  readonly writes: Write[] = [];
  released = 0;
  prepared = 0;
  ran: 'no' | 'run' | 'runSync' = 'no';
  timed: boolean | null = null;
  #finish: ((result: NativeInferResult) => void) | null = null;
  #fail: ((error: Error) => void) | null = null;

  constructor(
    readonly profile: number,
    readonly dims: readonly (readonly number[])[],
    readonly wanted: readonly boolean[],
    private readonly owner: FakeNativeEngine,
  ) {}

  prepare(): Promise<void> {
    this.prepared += 1;
    return Promise.resolve();
  }

  write(index: number, offsetBytes: number, data: Uint8Array): void {
    this.owner.beforeWrite?.(this.writes.length);
    this.writes.push({ index, offsetBytes, data: data.slice() });
  }

  run(timed: boolean): Promise<NativeInferResult> {
    this.ran = 'run';
    this.timed = timed;
    if (this.owner.runError !== null) return Promise.reject(this.owner.runError);
    if (!this.owner.holdRuns) return Promise.resolve(this.result());
    return new Promise((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
  }

  runSync(timed: boolean): NativeInferResult {
    this.ran = 'runSync';
    this.timed = timed;
    if (this.owner.runError !== null) throw this.owner.runError;
    return this.result();
  }

  release(): void {
    this.released += 1;
  }

  /** Completes a held run. */
  finish(): void {
    this.#finish?.(this.result());
  }

  fail(error: Error): void {
    this.#fail?.(error);
  }

  /** What arrived for input `index`, put together. */
  received(index: number): Uint8Array {
    return new Uint8Array(
      Buffer.concat(this.writes.filter((write) => write.index === index).map(({ data }) => data)),
    );
  }

  private result(): NativeInferResult {
    const outputs = this.owner.results.map((output, i) =>
      this.wanted[i] === true ? output : null,
    );
    return { outputs, timing: this.timed === true ? fakeTiming : null };
  }
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
  readonly requests: FakeRequest[] = [];
  closed = 0;
  /** Runs stay pending until their request's `finish()`. */
  holdRuns = false;
  runError: Error | null = null;
  createError: Error | null = null;
  inspection = '{"Layers":[]}';
  beforeWrite: ((writesSoFar: number) => void) | null = null;

  constructor(
    readonly inputs: readonly TensorInfo[],
    readonly outputs: readonly TensorInfo[],
    readonly profiles: readonly Profile[] = [{}],
    public results: readonly NativeOutput[] = [],
  ) {}

  createRequest(
    profile: number,
    dims: readonly (readonly number[])[],
    wanted: readonly boolean[],
  ): NativeRequest {
    if (this.createError !== null) throw this.createError;
    const request = new FakeRequest(profile, dims, wanted, this);
    this.requests.push(request);
    return request;
  }

  inspect(): Promise<string> {
    return Promise.resolve(this.inspection);
  }

  streamableWeightsBytes = 0;
  weightStreamingBudgetBytes = 0;
  refittable = false;
  readonly hardwareCompatibilityLevel = 'none';
  readonly auxStreams = 0;
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

  async serialize(planPath: string): Promise<{ sha256: string; sizeBytes: number }> {
    const bytes = this.serialized;
    if (bytes === null) throw new Error(`nothing is written to ${planPath}`);
    await writeFile(planPath, bytes, { flag: 'wx' });
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return { sha256, sizeBytes: bytes.length };
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
}

/** An error as the addon rejects with it. */
export function nativeError(code: string, message = 'from the addon'): Error {
  return Object.assign(new Error(message), { code });
}
