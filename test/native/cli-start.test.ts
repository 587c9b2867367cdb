import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { cli, temporaryFolder } from '../support/native-host';

const folder = await temporaryFolder();
const runs = 9;

function millisecondsOf(args: readonly string[]): number {
  const start = performance.now();
  const { status } = spawnSync(process.execPath, args);
  expect(status).toBe(0);
  return performance.now() - start;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;
}

describe('trt-node --help', () => {
  it('starts in at most three times a bare node', () => {
    const bare: number[] = [];
    const help: number[] = [];
    // In turns: whatever else the machine does meets both.
    for (let run = 0; run < runs; run += 1) {
      bare.push(millisecondsOf(['-e', '0']));
      help.push(millisecondsOf([cli, '--help']));
    }
    expect(median(help) / median(bare)).toBeLessThan(3);
  });

  it.each([
    ['--help'],
    ['--version'],
    ['help', 'trtexec'],
    ['build', '--help'],
    ['ladder', '--help'],
  ])('%s %s opens no native library', async (...args) => {
    const maps = path.join(folder, 'maps');
    const hook = path.join(folder, 'hook.cjs');
    await writeFile(
      hook,
      `process.on('exit', () => require('fs').writeFileSync(${JSON.stringify(maps)}, require('fs').readFileSync('/proc/self/maps')));`,
    );
    const { status } = spawnSync(process.execPath, ['--require', hook, cli, ...args]);
    expect(status).toBe(0);
    const opened = await readFile(maps, 'utf8');
    // The maps are those of that process: its own program is in them.
    expect(opened).toContain(path.basename(process.execPath));
    expect(opened).not.toMatch(/\.node$|libnvinfer|libtensorrt|libcuda|libnvidia|libnvonnx/m);
  });
});
