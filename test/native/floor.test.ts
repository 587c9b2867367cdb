/** bench/floor.cc on the stubs: that it computes what the plan says, and answers what bench/speed.mjs asks. No figure comes from here. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildFloor } from '../../bench/build-floor.mjs';
import { FloorPeer } from '../../bench/floor-peer.mjs';
import { temporaryFolder } from '../support/native-host';
import { stubDriver, stubLibraries } from '../support/stub-host';
import { stubPlan } from '../support/stub-plans';

const folder = await temporaryFolder();
const program = path.join(folder, 'floor');
const plan = path.join(folder, 'a plan.engine');
const input = path.join(folder, 'x.bin');
const output = path.join(folder, 'y.bin');
const values = Float32Array.of(1, 2, 3, 4, 5, 6);
const request = {
  plan,
  profile: 1,
  'shape.x': '2x3',
  'input.x': input,
  'output.y': output,
  'warm-ups': 2,
  iterations: 5,
};
const libraryPath = `${stubDriver}:${path.dirname(stubLibraries.v10)}`;
let floor: FloorPeer;

beforeAll(async () => {
  buildFloor(program);
  const range = (size: number) => ({ x: { min: [1, 3], opt: [1, 3], max: [size, 3] } });
  const engine = {
    inputs: [{ name: 'x', dims: [-1, 3] }],
    outputs: [{ name: 'y', source: 'x' }],
    profiles: [range(1), range(4)],
  };
  await writeFile(plan, stubPlan('v10', engine));
  await writeFile(input, new Uint8Array(values.buffer));
  process.env['LD_LIBRARY_PATH'] = libraryPath;
  floor = new FloorPeer(program, 0);
});

afterAll(() => floor.close());

async function outputOf(ask: Readonly<Record<string, string | number>>): Promise<unknown> {
  await writeFile(output, '');
  const answer = await floor.ask({ ...request, ...ask });
  expect(new Float32Array(new Uint8Array(await readFile(output)).buffer)).toEqual(values);
  return answer;
}

const someTimes = (count: number): unknown =>
  expect.objectContaining({ length: count, 0: expect.any(Number) as number });

describe('floor', () => {
  it.each(
    ['on', 'whole', 'off'].flatMap((graph) =>
      ['synchronize', 'query', 'block'].flatMap((wait) =>
        ['pinned', 'pageable'].map((arrays) => ({ graph, wait, arrays })),
      ),
    ),
  )('measures latency: $graph, $wait, $arrays', async (how) => {
    const answer = await outputOf({ op: 'latency', ...how });
    expect(answer).toEqual({ wall: someTimes(5), cpu: expect.any(Number) as number });
  });

  it.each(['on', 'off'])('measures between events, graph %s', async (graph) => {
    const answer = await outputOf({ op: 'events', graph });
    expect(answer).toEqual({ h2d: someTimes(5), compute: someTimes(5), d2h: someTimes(5) });
  });

  it.each([
    [1, 1],
    [1, 2],
    [3, 2],
  ])('counts what %i streams complete, %i deep', async (streams, depth) => {
    const answer = await outputOf({ op: 'throughput', streams, depth, seconds: 0.1 });
    const { count, seconds, perSecond } = answer as Record<string, number>;
    expect(count).toBeGreaterThan(0);
    expect(seconds).toBeGreaterThanOrEqual(0.1);
    expect(perSecond).toBeCloseTo((count ?? 0) / (seconds ?? 1), 0);
  });

  it('loads, and hops', async () => {
    expect(await outputOf({ op: 'load', iterations: 2 })).toEqual({ milliseconds: someTimes(2) });
    const hops = await floor.ask({ op: 'hop', iterations: 3 });
    expect(hops).toEqual({ condition: someTimes(3), epoll: someTimes(3) });
    expect(await floor.ask({ op: 'about' })).toEqual({ tensorrt: 100600 });
  });

  it.each([
    ['no such op', { op: 'fly' }],
    ['no such plan', { op: 'latency', plan: path.join(folder, 'none') }],
    ['dims beyond the profile', { op: 'latency', profile: 0 }],
    ['no such profile', { op: 'latency', profile: 7 }],
    ['an input of another size', { op: 'latency', 'shape.x': '1x3' }],
  ])('says what failed, and goes on: %s', async (_, wrong) => {
    await expect(floor.ask({ ...request, ...wrong })).rejects.toThrow('floor failed');
    await outputOf({ op: 'latency' });
  });

  it('answers one request of its command line', async () => {
    const words = Object.entries({ op: 'latency', ...request }).map(([k, v]) => `${k}=${v}`);
    const run = promisify(execFile);
    const { stdout } = await run(program, words, {
      env: { ...process.env, LD_LIBRARY_PATH: libraryPath },
    });
    expect(JSON.parse(stdout)).toMatchObject({ wall: someTimes(5) });
    await expect(run(program, ['op=hop', 'nonsense'])).rejects.toMatchObject({ code: 1 });
  });
});
