import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = path.resolve(__dirname, '..', '..');
const prebuilt = path.join('prebuilds', 'linux-x64', 'trt-node.glibc.node');

describe('npm pack in a clone', () => {
  let clone: string;
  beforeAll(() => {
    clone = fs.mkdtempSync(path.join(os.tmpdir(), 'trt-node-clone-'));
    for (const name of [
      'package.json',
      'package-lock.json',
      'CMakeLists.txt',
      'native',
      'scripts',
    ]) {
      fs.cpSync(path.join(root, name), path.join(clone, name), { recursive: true });
    }
  });
  afterAll(() => fs.rmSync(clone, { recursive: true, force: true }));

  function pack() {
    const { status, stdout, stderr } = spawnSync('npm', ['pack'], { cwd: clone, encoding: 'utf8' });
    return { status, said: stdout + stderr };
  }
  const tarballs = () => fs.readdirSync(clone).filter((name) => name.endsWith('.tgz'));

  it('makes no package without the published binary, and says how to make one', () => {
    const { status, said } = pack();
    expect(status, said).not.toBe(0);
    expect(said).toContain('npm run build:prebuilt');
    expect(tarballs()).toEqual([]);
  });

  it('makes no package with a binary that was not made from these sources', () => {
    fs.mkdirSync(path.dirname(path.join(clone, prebuilt)), { recursive: true });
    fs.copyFileSync(path.join(root, prebuilt), path.join(clone, prebuilt));
    const stamp = path.join('.cache', 'prebuild', 'stamp.json');
    fs.mkdirSync(path.dirname(path.join(clone, stamp)), { recursive: true });
    fs.copyFileSync(path.join(root, stamp), path.join(clone, stamp));
    fs.appendFileSync(path.join(clone, 'native', 'addon.cc'), '\n');
    const { status, said } = pack();
    expect(status, said).not.toBe(0);
    expect(said).toContain('npm run build:prebuilt');
    expect(tarballs()).toEqual([]);
  });
});
