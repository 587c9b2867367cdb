import { describe, expect, it } from 'vitest';
import { everything } from '../support/stub-models';
import type { StubAbi } from '../support/stub-plans';
import { runOnStubs } from '../support/stub-scripts';

type Version = readonly [number, number, number];

/** Loads and runs, or says the code of the error. */
const script = `
  loadEngine(stubs.plan(), { library: stubs.library }).then(async (engine) => {
    const x = { type: 'float32', data: Float32Array.of(1, 0, 2, 3), dims: [4] };
    const { some, first } = await engine.infer({ x, rows: BigInt64Array.of(2n) });
    await engine.inspect();
    const { values } = engine.profiles[1].rows;
    await engine.close();
    console.log(engine.version, some.data.join(), first.dims.join(), JSON.stringify(values));
  }).catch(({ code, details }) => console.log(code, JSON.stringify(details)));`;

const answerOf = async (abi: StubAbi, version: Version, env: NodeJS.ProcessEnv = {}) => {
  const exit = await runOnStubs(abi, script, { engine: everything, version, env });
  expect(exit).toMatchObject({ code: 0, signal: null, stderr: '' });
  return exit.stdout.trim();
};

// The stub dies at a method that its version does not have: a library of that version has no such slot in its vtable.
describe('a library of version', () => {
  const versions: readonly (readonly [StubAbi, Version])[] = [
    ['v10', [10, 0, 1]],
    ['v10', [10, 1, 0]],
    ['v10', [10, 10, 0]],
    ['v10', [10, 11, 0]],
    ['v10', [10, 15, 1]],
    ['v10', [10, 99, 0]],
    ['v11', [11, 0, 0]],
    ['v11', [11, 4, 0]],
    ['v11', [11, 99, 0]],
    ['rtx', [1, 5, 0]],
    ['rtx', [1, 7, 1]],
    ['rtx', [1, 99, 0]],
  ];
  it.each(versions.map(([abi, version]) => [version.join('.'), abi, version] as const))(
    '%s is driven by %s with the methods that it has',
    async (text, abi, version) => {
      const values = JSON.stringify({ min: [0], opt: [1], max: [1056] });
      expect(await answerOf(abi, version)).toBe(`${text} 1,2,3 2 ${values}`);
    },
  );

  it.each([
    ['1.4.0', 'rtx', [1, 4, 0]],
    ['1.0.0', 'rtx', [1, 0, 0]],
  ] as const)('%s is refused before anything of it is called', async (_text, abi, version) => {
    // The factory would throw.
    const answer = await answerOf(abi, version, { TRT_NODE_STUB_FACTORY: 'exception' });
    expect(answer).toMatch(/^ERR_TRT_LIBRARY_UNSUPPORTED /);
  });
});

describe('#4 a plan of another version', () => {
  it.each([
    ['v10', [10, 6, 0], '10.6.1'],
    ['v10', [10, 6, 0], '10.7.0'],
    ['v11', [11, 4, 0], '11.3.0'],
    ['rtx', [1, 7, 1], '1.7.0'],
  ] as const)('for %s, of %s under %s: both are named', async (abi, plan, library) => {
    const answer = await answerOf(abi, plan, { TRT_NODE_STUB_VERSION: library });
    expect(answer).toMatch(/^ERR_TRT_ENGINE_VERSION /);
    expect(answer).toContain(`"planVersion":"${plan.join('.')}"`);
    expect(answer).toContain(`"${library}"`);
  });
});
