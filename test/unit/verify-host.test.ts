import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { TrtError } from '../../lib/errors';
import { hostInThisProcess, type PlanSetup, type VerifyHost } from '../../lib/verify/host';
import { hostInChild } from '../../lib/verify/host-in-child';
import { toPlainTensors } from '../../lib/verify/plain-tensors';
import { Tensor } from '../../lib/tensor';
import { FakeNativeEngine, tensorInfo } from '../support/fake-native-engine';
import { noDriver } from '../support/fake-build-machine';
import type { NativeLoadRequest, NativePlan } from '../../lib/binding';

const program = path.join(__dirname, '..', 'fixtures', 'verify-children', 'double.cjs');
const setup: PlanSetup = {
  library: { core: '/opt/a tensorrt/libnvinfer.so.10', parser: null },
  device: 0,
  plugins: ['/opt/plugin.so'],
  standardPlugins: true,
  hostCode: false,
  sha256: null,
};
const x = (...values: number[]) =>
  toPlainTensors({ x: new Tensor('float32', Float32Array.from(values), [values.length]) });

async function errorOf(promise: Promise<unknown>): Promise<TrtError> {
  return promise.then(
    () => expect.unreachable('the call should have failed'),
    (error: unknown) => error as TrtError,
  );
}

function started(): VerifyHost {
  const host = hostInChild(setup.library.core, program);
  onTestFinished(() => host.close());
  return host;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('a host in a child process', () => {
  it('opens engines and models, and runs several at once', async () => {
    const host = started();
    const engine = await host.open('plan', setup);
    const reference = await host.openReference('model.onnx');
    expect(engine.inputs).toEqual([tensorInfo('x', 'float32', [-1])]);
    const [first, second, third] = await Promise.all([
      engine.infer(x(1, 2)),
      reference.infer(x(3)),
      engine.infer(x()),
    ]);
    expect(first.y).toEqual(new Tensor('float32', Float32Array.of(2, 4), [2]));
    expect(second.y?.data).toEqual(Float32Array.of(6));
    expect(third.y?.dims).toEqual([0]);
  });

  it('takes the inputs as they were when it was called', async () => {
    const engine = await started().open('plan', setup);
    const data = Float32Array.of(1, 2);
    const running = engine.infer(toPlainTensors({ x: new Tensor('float32', data, [2]) }));
    data.fill(9);
    expect((await running).y?.data).toEqual(Float32Array.of(2, 4));
  });

  it('hands errors on, and ends its child when it is closed', async () => {
    const host = started();
    const error = await errorOf(host.open('refused', setup));
    expect(error).toMatchObject({ code: 'ERR_TRT_ENGINE_DESERIALIZE' });
    expect(error.details['environment']).toMatch(/^\/opt\/a tensorrt(:|$)/);
    expect(error.stack).toContain('verify-host.test');
    await host.close();
    expect(isAlive(error.details['pid'] as number)).toBe(false);
    expect((await errorOf(host.open('plan', setup))).code).toBe('ERR_TRT_BUILD_CRASHED');
  });

  it('survives a crash of the engine, which rejects what is under way', async () => {
    const host = started();
    const engine = await host.open('crash', setup);
    const errors = await Promise.all([errorOf(engine.infer(x(1))), errorOf(engine.infer(x(2)))]);
    for (const error of errors) {
      expect(error.code).toBe('ERR_TRT_BUILD_CRASHED');
      expect(error.details).toMatchObject({ signal: 'SIGSEGV' });
    }
  });
});

describe('a host in this process', () => {
  const gpu = {
    index: 0,
    name: 'Test GPU',
    computeCapability: '9.0',
    uuid: 'GPU-0',
    memoryTotalBytes: 1,
  };
  const driver = { ...noDriver, status: 'ok' as const, gpus: [gpu] };

  it('loads a plan with its setup, infers and frees it', async () => {
    const y = { dims: [2], data: Float32Array.of(2, 4).buffer };
    const io = (name: string) => [tensorInfo(name, 'float32', [2])];
    const engine = new FakeNativeEngine(io('x'), io('y'), [{}], [y]);
    const requests: NativeLoadRequest[] = [];
    const host = hostInThisProcess({
      probeDriver: () => Promise.resolve(driver),
      readPlan: () => Promise.resolve({ release: () => undefined } as NativePlan),
      loadEngine: (request) => {
        requests.push(request);
        return Promise.resolve(engine);
      },
    });
    const opened = await host.open('plan', setup);
    const outputs = await opened.infer(x(1, 2));
    expect(outputs['y']?.data).toEqual(Float32Array.of(2, 4));
    const { sha256: _, ...asked } = setup;
    expect(requests).toMatchObject([asked]);
    await host.close();
    expect(engine.closed).toBe(1);
  });

  it('refuses another plan than the one that was built', async () => {
    let released = 0;
    const hash = (): Promise<string> => Promise.resolve('b'.repeat(64));
    const plan = { hash, release: () => (released += 1) };
    const host = hostInThisProcess({
      probeDriver: () => Promise.resolve(driver),
      readPlan: () => Promise.resolve(plan as unknown as NativePlan),
      loadEngine: () => expect.unreachable('TensorRT must not see it'),
    });
    const opening = host.open('plan', { ...setup, sha256: 'a'.repeat(64) });
    expect((await errorOf(opening)).code).toBe('ERR_TRT_ENGINE_DIGEST');
    expect(released).toBe(1);
  });

  it('frees what it was opening when it was closed', async () => {
    const engine = new FakeNativeEngine([], []);
    let reach = (): void => undefined;
    const reached = new Promise<void>((resolve) => (reach = resolve));
    let load = (): void => undefined;
    const host = hostInThisProcess({
      probeDriver: () => Promise.resolve(driver),
      readPlan: () => Promise.resolve({ release: () => undefined } as NativePlan),
      loadEngine: () => {
        reach();
        return new Promise((resolve) => (load = () => resolve(engine)));
      },
    });
    const opening = host.open('plan', setup);
    await reached;
    await host.close();
    load();
    await opening;
    expect(engine.closed).toBe(1);
  });

  it('needs a driver, and releases a plan that does not load', async () => {
    let released = 0;
    const binding = {
      readPlan: () => Promise.resolve({ release: () => (released += 1) } as unknown as NativePlan),
      loadEngine: () =>
        Promise.reject(Object.assign(new Error('no'), { code: 'ERR_TRT_ENGINE_DESERIALIZE' })),
    };
    const without = hostInThisProcess({ ...binding, probeDriver: async () => noDriver });
    expect((await errorOf(without.open('plan', setup))).code).toBe('ERR_TRT_NO_DRIVER');
    const host = hostInThisProcess({ ...binding, probeDriver: async () => driver });
    expect((await errorOf(host.open('plan', setup))).code).toBe('ERR_TRT_ENGINE_DESERIALIZE');
    expect(released).toBe(1);
  });
});
