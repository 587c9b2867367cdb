/**
 * TEST ONLY. A machine for `loadThrough`: plans are real files and real bytes, the driver and TensorRT are what the test
 * says. `calls` tells what was asked of it, in order.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type {
  NativeDriver,
  NativeLoadRequest,
  NativePlan,
  NativePlanHash,
} from '../../lib/binding';
import type { Discovery } from '../../lib/discovery';
import type { LoadMachine } from '../../lib/load';
import { FakeNativeEngine, nativeError } from './fake-native-engine';
import { hashFile, hashOfPlan } from './manifests';

class FakePlan implements NativePlan {
  readonly sizeBytes: number;
  readonly header: Uint8Array;
  /** What was hashed, on the way in or when it was asked for. */
  readonly hashed: Set<NativePlanHash>;
  released = 0;

  constructor(
    readonly bytes: Buffer,
    hash: NativePlanHash | null,
  ) {
    this.sizeBytes = bytes.length;
    this.header = new Uint8Array(bytes.subarray(0, 64));
    this.hashed = new Set(hash === null ? [] : [hash]);
  }

  hash(kind: NativePlanHash): Promise<string> {
    this.hashed.add(kind);
    return hashOfPlan(this.bytes)(kind);
  }

  release(): void {
    this.released += 1;
  }
}

export class FakeLoadMachine implements LoadMachine {
  readonly calls: string[] = [];
  readonly plans: FakePlan[] = [];
  readonly slices: number[] = [];
  readonly requests: NativeLoadRequest[] = [];
  readonly engines: FakeNativeEngine[] = [];
  loadError: Error | null = null;
  probeError: Error | null = null;
  /** What a refit of a loaded engine fails with. */
  refitError: Error | null = null;
  /** Runs before a plan is read from its file. */
  beforeRead: (() => Promise<void>) | null = null;
  /** Runs when a plan has been read from its file, before anything is said of it. */
  afterRead: (() => Promise<void>) | null = null;

  /** Runs while the driver starts, and while libraries are looked for. */
  whileProbing: (() => Promise<void>) | null = null;
  whileFinding: (() => Promise<void>) | null = null;
  /** Runs when a file, a plugin's, was hashed. */
  afterHash: ((path: string) => Promise<void>) | null = null;
  findError: Error | null = null;

  constructor(
    public driver: NativeDriver,
    public found: Discovery,
  ) {}

  readonly binding: LoadMachine['binding'] = {
    hashFile: async (path) => {
      this.calls.push('hashFile');
      const hashed = await hashFile(path);
      await this.afterHash?.(path);
      return hashed;
    },
    hashExternalFile: () => Promise.reject(new Error('no test has external data')),
    lockFolder: () => Promise.resolve({ release: () => undefined }),
    probeDriver: async () => {
      this.calls.push('probeDriver');
      await this.whileProbing?.();
      if (this.probeError !== null) throw this.probeError;
      return this.driver;
    },
    readPlan: async (path, hash = null) => {
      this.calls.push('readPlan');
      await this.beforeRead?.();
      const bytes = await readFile(path).catch(() => {
        throw nativeError('ERR_TRT_ENGINE_NOT_FOUND');
      });
      await this.afterRead?.();
      return this.keep(bytes, hash);
    },
    createPlan: (sizeBytes) => {
      this.calls.push('createPlan');
      const parts: Buffer[] = [];
      return {
        write: (data) => {
          this.slices.push(data.length);
          parts.push(Buffer.from(data));
        },
        seal: () => {
          const bytes = Buffer.concat(parts);
          if (bytes.length !== sizeBytes) throw new Error('sealed before all was written');
          return this.keep(bytes, null);
        },
      };
    },
    loadEngine: (request) => {
      this.calls.push('loadEngine');
      this.requests.push(request);
      if (this.loadError !== null) return Promise.reject(this.loadError);
      const engine = new FakeNativeEngine([], []);
      engine.refitError = this.refitError;
      this.engines.push(engine);
      return Promise.resolve(engine);
    },
  };

  readonly findLibraries: LoadMachine['findLibraries'] = async () => {
    this.calls.push('findLibraries');
    await this.whileFinding?.();
    if (this.findError !== null) throw this.findError;
    return this.found;
  };

  private keep(bytes: Buffer, hash: NativePlanHash | null): FakePlan {
    const plan = new FakePlan(bytes, hash);
    this.plans.push(plan);
    return plan;
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
