import { describe, expect, it } from 'vitest';
import { everything, identity, pair } from '../support/stub-models';
import { stubAbis, type StubAbi, type StubEngine } from '../support/stub-plans';
import { runOnStubs } from '../support/stub-scripts';

/** What a script printed as JSON, of a process whose GPU maps pinned memory. */
async function printed(
  abi: StubAbi,
  engine: StubEngine,
  body: string,
  options = '{}',
): Promise<unknown> {
  const script = `
    const assert = require('node:assert');
    const tensor = (data, dims = [data.length]) => ({ type: 'float32', data, dims });
    const ramp = (count, from = 0) => Float32Array.from({ length: count }, (_, i) => from + i);
    const calls = () => {
      const { calls } = JSON.parse(stubs.control().report());
      return ['cuMemcpyHtoDAsync', 'cuMemcpyDtoHAsync', 'cuMemcpyDtoDAsync'].map((name) => calls[name] ?? 0);
    };
    const copiesOf = async (work) => {
      stubs.control().setFaults('');
      await work();
      return calls();
    };
    (async () => {
      const engine = await loadEngine(stubs.plan(), { library: stubs.library, lanes: 1, graphs: 'on', ...${options} });
      const result = await (async () => { ${body} })();
      await engine.close();
      console.log(JSON.stringify({ result, held: await stubs.settled() }));
    })();`;
  const env = { TRT_NODE_STUB_MAPS: '1' };
  const exit = await runOnStubs(abi, script, { engine, env });
  expect(exit, exit.stderr).toMatchObject({ code: 0, signal: null });
  const { result, held } = JSON.parse(exit.stdout) as { result: unknown; held: string | null };
  expect(held).toBeNull();
  return result;
}

describe.each(stubAbis)('small tensors under %s', (abi) => {
  it('are read and written where they are, by each way to infer', async () => {
    const result = await printed(
      abi,
      identity,
      `const x = ramp(8);
       await engine.infer({ x: tensor(x) });
       const pinned = engine.allocate('x', [8]);
       pinned.data.set(ramp(8, 100));
       const into = new Float32Array(8);
       const outputs = { y: engine.allocate('y', [8]) };
       const copies = await copiesOf(async () => {
         assert.deepEqual((await engine.infer({ x: tensor(ramp(8, 1)) })).y.data, ramp(8, 1));
         assert.deepEqual((await engine.inferTimed({ x: tensor(ramp(8, 2)) })).outputs.y.data, ramp(8, 2));
         assert.deepEqual((await engine.infer({ x: pinned }, { outputs: { y: into } })).y.data, ramp(8, 100));
         assert.deepEqual(into, ramp(8, 100));
         for (let i = 0; i < 5; i += 1) {
           pinned.data.set(ramp(8, i));
           assert.deepEqual(engine.inferSync({ x: pinned }, { outputs }).y.data, ramp(8, i));
           assert.deepEqual(engine.inferSync({ x: pinned }).y.data, ramp(8, i));
         }
       });
       const { captured } = engine.graphs;
       pinned.close();
       outputs.y.close();
       return { copies, captured };`,
    );
    expect(result).toEqual({ copies: [0, 0, 0], captured: 1 });
  });

  it('become large and small again with their dims', async () => {
    // 1 KiB of input is read in place, 4 KiB of output are written in place.
    const result = await printed(
      abi,
      identity,
      `const copies = {};
       for (const count of [8, 256, 257, 1024, 1025, 8, 5000, 257]) {
         for (let i = 0; i < 3; i += 1) {
           copies[count] = await copiesOf(async () => {
             const { y } = await engine.infer({ x: tensor(ramp(count, i)) });
             assert.deepEqual(y.data, ramp(count, i));
           });
         }
       }
       return copies;`,
    );
    expect(result).toEqual({
      8: [0, 0, 0],
      256: [0, 0, 0],
      257: [1, 0, 0],
      1024: [1, 0, 0],
      1025: [1, 1, 0],
      5000: [1, 1, 0],
    });
  });

  it('go to and come from device tensors', async () => {
    const result = await printed(
      abi,
      identity,
      `const { y: device } = await engine.infer({ x: tensor(ramp(8)) }, { outputs: { y: 'device' } });
       const seen = [];
       for (let i = 0; i < 3; i += 1) {
         const { y } = await engine.infer({ x: device });
         seen.push([...y.data]);
         await engine.infer({ x: tensor(ramp(8, i + 1)) }, { outputs: { y: device } });
       }
       seen.push([...(await device.getData())]);
       await device.close();
       return seen;`,
    );
    const ramp = (from: number) => Array.from({ length: 8 }, (_, i) => from + i);
    expect(result).toEqual([ramp(0), ramp(1), ramp(2), ramp(3)]);
  });

  it('leave those alone whose memory is not the lane’s to choose', async () => {
    const result = await printed(
      abi,
      everything,
      `const rows = { type: 'int64', data: BigInt64Array.of(3n), dims: [1] };
       const x = ramp(8);
       const { same, some, first } = await engine.infer({ x: tensor(x), rows });
       return [same, some, first].map(({ data }) => [...data]);`,
    );
    const all = [0, 1, 2, 3, 4, 5, 6, 7];
    expect(result).toEqual([all, all.slice(1), all.slice(0, 3)]);
  });

  it('stand beside large ones', async () => {
    const result = await printed(
      abi,
      pair,
      `const copies = await copiesOf(async () => {
         for (let i = 0; i < 3; i += 1) {
           const [a, b] = [ramp(2, i), ramp(31, i)];
           const outputs = await engine.infer({ a: tensor(a), b: tensor(b) });
           assert.deepEqual([outputs['a out'].data, outputs['b out'].data], [a, b]);
         }
       });
       return copies;`,
    );
    expect(result).toEqual([0, 0, 0]);
  });

  it('are copied where that is wanted', async () => {
    const body = `return await copiesOf(() => engine.infer({ x: tensor(ramp(8)) }));`;
    expect(await printed(abi, identity, body, '{ directTensors: false }')).toEqual([1, 1, 0]);
    expect(await printed(abi, identity, body)).toEqual([0, 0, 0]);
  });
});
