import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { failure, loadBinding } from '../support/native-host';
import { held, loadStub, setFaults, stubReport } from '../support/stub-host';
import { counting, everything, identity, vector } from '../support/stub-models';
import { stubAbis } from '../support/stub-plans';

// Before anything asks the driver: the second GPU has 2 MiB, the third is one that TensorRT-RTX does not know.
process.env['TRT_NODE_STUB_GPUS'] = 'First@8.6@4096,Second@8.9@2,Third@9.0@512';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

beforeEach(() => {
  setFaults();
});
afterEach(() => {
  setFaults();
});

const used = () => stubReport().devices.map(({ usedBytes }) => usedBytes);

it('the stub driver has every function that trt-node looks up, and three GPUs', async () => {
  const driver = await loadBinding().probeDriver();
  expect(driver).toMatchObject({ status: 'ok', message: '', cudaVersion: '13.0' });
  expect(driver.gpus).toMatchObject([
    { index: 0, name: 'First', computeCapability: '8.6', memoryTotalBytes: 2 ** 32 },
    { index: 1, name: 'Second', computeCapability: '8.9', memoryTotalBytes: 2 ** 21 },
    { index: 2, name: 'Third', computeCapability: '9.0', memoryTotalBytes: 2 ** 29 },
  ]);
  expect(new Set(driver.gpus.map(({ uuid }) => uuid)).size).toBe(3);
});

// The stub dies when a stream, an event, memory or a context is used while another device is current.
describe.each(stubAbis)('#76 several GPUs under %s', (abi) => {
  const inputs = (count: number) => ({
    x: vector(counting(count)),
    rows: BigInt64Array.of(BigInt(count >> 1)),
  });

  it('each run what was loaded onto them, at once and from one thread', async () => {
    const engines = await Promise.all([
      loadStub(abi, everything, { device: 0 }),
      loadStub(abi, everything, { device: 1 }),
      loadStub(abi, { ...everything, delay: 300 }, { device: 1 }),
    ]);
    expect(engines.map(({ device }) => device.name)).toEqual(['First', 'Second', 'Second']);
    await Promise.all(
      engines.map(async (engine, index) => {
        for (let round = 0; round < 20; round += 1) {
          const count = 3 + index + ((round * 7) % 50);
          const { some } = await engine.infer(inputs(count));
          expect(some?.data).toEqual(counting(count));
        }
      }),
    );
    // inferSync works on this very thread, whose current device changes each time.
    for (const count of [4, 40, 5]) {
      for (const engine of engines) {
        expect(engine.inferSync(inputs(count))['same']?.data).toEqual(counting(count));
      }
    }
    expect(used().map((bytes) => bytes > 0)).toEqual([true, true, false]);
    await engines[0].close();
    expect(used().map((bytes) => bytes > 0)).toEqual([false, true, false]);
    await Promise.all([engines[1].close(), engines[2].close()]);
    expect(held()).toMatchObject({ streams: 0, events: 0, pinnedBytes: 0 });
    expect(used()).toEqual([0, 0, 0]);
  });

  it('tell their own memory', async () => {
    const binding = loadBinding();
    await using engine = await loadStub(abi, identity, { device: 1 });
    expect(engine.device.index).toBe(1);
    expect(await binding.deviceMemory(0)).toEqual({ freeBytes: 2 ** 32, totalBytes: 2 ** 32 });
    const second = await binding.deviceMemory(1);
    expect(second).toEqual({ freeBytes: 2 ** 21 - used()[1]!, totalBytes: 2 ** 21 });
  });

  it('run out of memory each for itself', async () => {
    await using first = await loadStub(abi, identity, { device: 0 });
    await using second = await loadStub(abi, identity, { device: 1 });
    const x = vector(counting(1 << 19)); // 2 MiB
    await failure('ERR_TRT_OUT_OF_MEMORY', second.infer({ x }));
    expect((await first.infer({ x }))['y']?.dims).toEqual([1 << 19]);
    const small = vector(counting(100));
    expect((await second.infer({ x: small }))['y']?.data).toEqual(small.data);
  });

  it('lose their contexts each for itself', async () => {
    const poison = { call: 1, cudaError: 700 };
    const lost = await loadStub(abi, { ...identity, poison }, { device: 1 });
    await using first = await loadStub(abi, identity, { device: 0 });
    const x = vector(counting(10));
    await failure('ERR_TRT_CUDA_CONTEXT_LOST', lost.infer({ x }));
    await failure('ERR_TRT_CUDA_CONTEXT_LOST', loadStub(abi, identity, { device: 1 }));
    expect((await first.infer({ x }))['y']?.data).toEqual(x.data);
    await lost.close();
  });

  it('are freed each on its own by the garbage collector', async () => {
    const x = vector(counting(40_000)); // outputs of 160 KB are lent
    // A function of its own: a suspended one keeps its variables alive.
    const use = async (device: number) => {
      const engine = await loadStub(abi, identity, { device });
      await engine.infer({ x });
    };
    for (const device of [0, 1, 0, 1]) await use(device);
    for (let i = 0; i < 200 && stubReport().pinnedBytes + stubReport().streams > 0; i += 1) {
      collect();
      await nextTurn();
    }
    expect(held()).toMatchObject({ streams: 0, events: 0, pinnedBytes: 0 });
    expect(used()).toEqual([0, 0, 0]);
  });

  it('that are not there, or that the runtime cannot use, are refused', async () => {
    await failure('ERR_TRT_INVALID_ARG', loadStub(abi, identity, { device: 3 }));
    if (abi === 'rtx') {
      await failure('ERR_TRT_GPU_UNSUPPORTED', loadStub(abi, identity, { device: 2 }));
    } else {
      await using engine = await loadStub(abi, identity, { device: 2 });
      expect(engine.device.computeCapability).toBe('9.0');
    }
  });
});
