/**
 * TEST ONLY. A machine for `loadThrough`: plans are real files and real bytes, the driver and TensorRT are what the test
 * says. `calls` tells what was asked of it, in order.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { NativeDriver, NativeLoadRequest, NativePlan } from '../../lib/binding';
import type { Discovery } from '../../lib/discovery';
import type { LoadMachine } from '../../lib/load';
import { FakeNativeEngine, nativeError } from './fake-native-engine';
import { hashFile } from './manifests';

class FakePlan implements NativePlan {
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly header: Uint8Array;
  released = 0;

  constructor(readonly bytes: Buffer) {
    this.sizeBytes = bytes.length;
    this.sha256 = sha256(bytes);
    this.header = new Uint8Array(bytes.subarray(0, 64));
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
  /** Runs when a plan has been read from its file, before anything is said of it. */
  afterRead: (() => Promise<void>) | null = null;

  /** Runs while libraries are looked for: after all checks of the plan. */
  whileFinding: (() => Promise<void>) | null = null;

  constructor(
    public driver: NativeDriver,
    public found: Discovery,
  ) {}

  readonly binding: LoadMachine['binding'] = {
    hashFile: (path) => {
      this.calls.push('hashFile');
      return hashFile(path);
    },
    hashExternalFile: () => Promise.reject(new Error('no test has external data')),
    lockFolder: () => Promise.resolve({ release: () => undefined }),
    probeDriver: () => {
      this.calls.push('probeDriver');
      return this.probeError === null
        ? Promise.resolve(this.driver)
        : Promise.reject(this.probeError);
    },
    readPlan: async (path) => {
      this.calls.push('readPlan');
      const bytes = await readFile(path).catch(() => {
        throw nativeError('ERR_TRT_ENGINE_NOT_FOUND');
      });
      await this.afterRead?.();
      return this.keep(bytes);
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
          return Promise.resolve(this.keep(bytes));
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
    return this.found;
  };

  private keep(bytes: Buffer): FakePlan {
    const plan = new FakePlan(bytes);
    this.plans.push(plan);
    return plan;
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
