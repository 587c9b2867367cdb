import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stubPlan, type StubEngine } from '../support/stub-plans';

const root = path.resolve(__dirname, '..', '..');
const frame = [1, 2, 3, 3];
const frameBytes = 18;

/** Pixels in, the same pixels out. */
const pixels: StubEngine = {
  inputs: [{ name: 'frame', type: 'uint8', dims: frame }],
  outputs: [{ name: 'seen' }],
  profiles: [{ frame: { min: frame, opt: frame, max: frame } }],
};

describe('examples/frame-loop', () => {
  let project: string;
  let stubs: string;
  beforeAll(() => {
    const build = path.join(root, 'scripts', 'build-stubs.mjs');
    stubs = execFileSync(process.execPath, [build], { encoding: 'utf8' }).trim();
    project = fs.mkdtempSync(path.join(os.tmpdir(), 'trt-node-example-'));
    fs.cpSync(path.join(root, 'examples', 'frame-loop'), project, { recursive: true });
    fs.mkdirSync(path.join(project, 'node_modules'));
    fs.symlinkSync(root, path.join(project, 'node_modules', 'trt-node'));
    fs.writeFileSync(path.join(project, 'pixels.engine'), stubPlan('v10', pixels));
    const vector = { ...pixels, inputs: [{ name: 'frame', dims: frame }] };
    fs.writeFileSync(path.join(project, 'floats.engine'), stubPlan('v10', vector));
  });
  afterAll(() => fs.rmSync(project, { recursive: true, force: true }));

  const loop = (plan: string, input: Uint8Array) => {
    const env = {
      ...process.env,
      LD_LIBRARY_PATH: path.join(stubs, 'driver'),
      TRT_NODE_LIBRARY_PATH: path.join(stubs, 'v10'),
    };
    return spawnSync(process.execPath, ['loop.mjs', plan], {
      cwd: project,
      env,
      input,
      encoding: 'utf8',
    });
  };

  it('runs every whole frame of a stream through the engine, in order', () => {
    const frames = 5;
    const bytes = new Uint8Array(frames * frameBytes + 3);
    for (let index = 0; index < frames; index += 1) bytes[index * frameBytes] = 100 + index;
    const { status, stdout, stderr } = loop('pixels.engine', bytes);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.map((line) => line.replace(/, [\d.]+ ms$/, ''))).toEqual(
      [0, 1, 2, 3, 4].map((index) => `frame ${index}: 18 values, the first ${100 + index}`),
    );
  });

  it('says what it expects of an engine', () => {
    const { status, stdout, stderr } = loop('floats.engine', new Uint8Array(frameBytes));
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toContain('uint8');
  });
});
