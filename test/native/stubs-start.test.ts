import { afterEach, describe, expect, it } from 'vitest';
import { failure, loadBinding } from '../support/native-host';
import { held, loadStub, setFaults, stubReport } from '../support/stub-host';
import { identity } from '../support/stub-models';
import { stubAbis } from '../support/stub-plans';
import { runOnStubs } from '../support/stub-scripts';

// A process asks a GPU once what it is and keeps its context, so each try here has a GPU of its own.
process.env['TRT_NODE_STUB_GPUS'] = Array(160).fill('Stub GPU@8.6@64').join();
let fresh = 0;

afterEach(() => {
  setFaults();
});

describe.each(stubAbis)('the first engine of %s on a GPU', (abi) => {
  it.each([
    [1, 'ERR_TRT_CUDA'],
    [2, 'ERR_TRT_OUT_OF_MEMORY'],
    [101, 'ERR_TRT_CUDA'], // CUDA_ERROR_INVALID_DEVICE
    [304, 'ERR_TRT_CUDA'], // CUDA_ERROR_OPERATING_SYSTEM
  ] as const)(
    'fails with the driver’s calls that start it (%s → %s), and the next one loads',
    async (cudaError, code) => {
      // `probeDriver`, which goes before a load, asks every GPU; the calls of the load itself come after those.
      setFaults();
      await loadBinding().probeDriver();
      const probed = stubReport().calls;
      const device = (fresh += 1);
      setFaults();
      await (await loadStub(abi, identity, { device })).close();
      const started = Object.entries(stubReport().calls).filter(([name]) =>
        /^cu(Device|DevicePrimary|CtxSet)/.test(name),
      );
      expect(started.map(([name]) => name)).toContain('cuDevicePrimaryCtxRetain');
      for (const [name, count] of started) {
        const call = (probed[name] ?? 0) + 1;
        if (call > count) continue;
        const device = (fresh += 1);
        setFaults(`${name}:${call}=${cudaError}`);
        const error = await failure(code, loadStub(abi, identity, { device }));
        expect(error.message).toContain(name);
        setFaults();
        await (await loadStub(abi, identity, { device })).close();
      }
      expect(held()).toMatchObject({ streams: 0, events: 0, pinnedBytes: 0 });
    },
  );
});

describe('a process whose driver', () => {
  const script = `
    loadEngine(stubs.plan(), { library: stubs.library }).then(
      () => console.log('loaded'),
      ({ code, message }) => console.log(code, message),
    );`;
  const one = { TRT_NODE_STUB_GPUS: 'Stub GPU@8.6@64' };

  it.each([
    ['starts not at all', { ...one, TRT_NODE_STUB_FAULTS: 'cuInit:1+=999' }, 'ERR_TRT_NO_DRIVER'],
    ['is too old', { ...one, TRT_NODE_STUB_FAULTS: 'cuInit:1+=803' }, 'ERR_TRT_NO_DRIVER'],
    ['shows no GPU', { ...one, TRT_NODE_STUB_FAULTS: 'cuInit:1+=100' }, 'ERR_TRT_NO_GPU'],
    ['has no GPU', { TRT_NODE_STUB_GPUS: '' }, 'ERR_TRT_NO_GPU'],
    ['cannot count', { ...one, TRT_NODE_STUB_FAULTS: 'cuDeviceGetCount:1+=999' }, 'ERR_TRT_CUDA'],
    ['loses its GPU', { ...one, TRT_NODE_STUB_FAULTS: 'cuDeviceGetName:1+=700' }, 'ERR_TRT_CUDA'],
  ])('%s says so', async (_what, env, code) => {
    const exit = await runOnStubs('v11', script, { engine: identity, env });
    expect(exit).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(exit.stdout).toMatch(new RegExp(`^${code}`));
  });

  it('answers loads', async () => {
    const exit = await runOnStubs('v11', script, { engine: identity, env: one });
    expect(exit).toEqual({ code: 0, signal: null, stderr: '', stdout: 'loaded\n' });
  });
});
