/**
 * How JavaScript learns that an inference is done: it asks for a while, then it is woken. In processes that see eight processors: on few,
 * `'auto'` never asks.
 */
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/native-host';
import { identity } from '../support/stub-models';
import { runOnStubs } from '../support/stub-scripts';

const folder = await temporaryFolder();
const processors = path.join(folder, 'processors.so');

beforeAll(async () => {
  const source = path.join(folder, 'processors.c');
  // What std::thread::hardware_concurrency asks.
  await writeFile(source, 'int get_nprocs(void) { return 8; }\n');
  execFileSync(process.env['CC'] ?? 'cc', ['-shared', '-fPIC', '-o', processors, source]);
});

const tools = `
  const { setTimeout: sleep } = require('node:timers/promises');
  const { readFileSync } = require('node:fs');
  const busy = (microseconds) => {
    const end = performance.now() + microseconds / 1000;
    while (performance.now() < end);
  };
  const inferOwn = async (engine, value) => {
    const x = { type: 'float32', data: Float32Array.of(value, 1, 2), dims: [3] };
    const { y } = await engine.infer({ x });
    if (y.data[0] !== value) throw new Error('the reply of another');
  };
`;

async function run(
  delay: number,
  waiting: 'auto' | 'spin' | 'block',
  body: string,
  options: object = {},
): Promise<string> {
  const given = JSON.stringify({ lanes: 1, waiting, ...options });
  const source = `${tools}
    (async () => {
      const engine = await loadEngine(stubs.plan(), { library: stubs.library, ...${given} });
      ${body}
      await engine.close();
    })();`;
  const engine = { ...identity, delay };
  const exit = await runOnStubs('v10', source, { engine, env: { LD_PRELOAD: processors } });
  expect(exit).toMatchObject({ code: 0, signal: null, stderr: '' });
  return exit.stdout.trim();
}

describe('a completion', () => {
  // JavaScript asks for a millisecond: what is done about then meets the moment in which it falls asleep. Alone under way, nothing
  // but its own wake-up can bring it.
  it.each([0, 150, 900, 960, 1000, 1040, 1100])(
    'is not lost between asking and sleeping (%d microseconds on the GPU)',
    async (delay) => {
      const rounds = `for (let round = 0; round < 200; round += 1) {
        await inferOwn(engine, round);
        if (round % 3 === 1) busy((round * 37) % 400);
        if (round % 10 === 2) await sleep(1);
      }
      console.log('all');`;
      expect(await run(delay, 'auto', rounds)).toBe('all');
    },
  );

  it('is not lost where JavaScript is busy when it comes', async () => {
    const rounds = `for (let round = 0; round < 100; round += 1) {
      const running = inferOwn(engine, round);
      busy((round * 53) % 2000);
      await running;
    }
    console.log('all');`;
    expect(await run(300, 'auto', rounds)).toBe('all');
  });

  it.each(['auto', 'spin', 'block'] as const)('is not lost among others (%s)', async (waiting) => {
    const rounds = `const other = await loadEngine(stubs.plan(), { library: stubs.library });
    await Promise.all([engine, other].map(async (each, which) => {
      for (let round = 0; round < 40; round += 1) {
        const count = 1 + ((which + round) % 3);
        await Promise.all(Array.from({ length: count }, (_, i) => inferOwn(each, round * 10 + i)));
        if ((which + round) % 4 === 0) await sleep((which + round) % 3);
      }
    }));
    await other.close();
    console.log('all');`;
    expect(await run(950, waiting, rounds, { lanes: 2 })).toBe('all');
  });

  it('is not lost behind a request that the queue refuses while JavaScript sleeps', async () => {
    const rounds = `for (let round = 0; round < 10; round += 1) {
      const running = inferOwn(engine, round);
      await sleep(5);
      await inferOwn(engine, -1).catch((error) => console.log(error.code));
      await running;
    }`;
    const printed = await run(20_000, 'auto', rounds, { queueLimit: 0 });
    expect(printed.split('\n')).toEqual(Array<string>(10).fill('ERR_TRT_QUEUE_FULL'));
  });
});

describe('JavaScript', () => {
  /** Of the best of some inferences whose lane sleeps before: turns of the event loop, and system calls that write. */
  const measure = `
    const turns = () => performance.nodeTiming.uvMetricsInfo.loopCount;
    const writes = () => Number(/syscw: (\\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))[1]);
    const most = { turns: 0, writes: Infinity };
    for (let i = 0; i < 15; i += 1) {
      await sleep(3);
      const before = { turns: turns(), writes: writes() };
      await inferOwn(engine, i);
      most.turns = Math.max(most.turns, turns() - before.turns);
      most.writes = Math.min(most.writes, writes() - before.writes);
    }
    console.log(JSON.stringify(most));`;
  const measured = async (waiting: 'auto' | 'spin' | 'block') =>
    JSON.parse(await run(600, waiting, measure)) as { turns: number; writes: number };

  it.each(['auto', 'spin'] as const)(
    'asks in each turn of the event loop, and nobody wakes it (%s)',
    async (waiting) => {
      const { turns, writes } = await measured(waiting);
      expect(turns).toBeGreaterThan(10);
      expect(writes).toBe(0);
    },
  );

  it('is woken (block)', async () => {
    const { turns, writes } = await measured('block');
    expect(turns).toBeLessThan(10);
    expect(writes).toBeGreaterThan(0);
  });

  it.each([
    ['auto', false],
    ['block', false],
    ['spin', true],
  ] as const)('waits for a long inference (%s; turns all the time: %s)', async (waiting, turns) => {
    const active = `const before = performance.eventLoopUtilization();
    await inferOwn(engine, 1);
    console.log(performance.eventLoopUtilization(before).active);`;
    expect(Number(await run(200_000, waiting, active)) > 100).toBe(turns);
  });

  it.each(['auto', 'spin'] as const)('has other work done meanwhile (%s)', async (waiting) => {
    const work = `const say = (words) => () => console.log(words);
    await Promise.all([
      inferOwn(engine, 1).then(say('inference')),
      sleep(1).then(say('timer')),
      new Promise((resolve) => setImmediate(resolve)).then(say('immediate')),
    ]);`;
    expect(await run(50_000, waiting, work)).toBe('immediate\ntimer\ninference');
  });
});
