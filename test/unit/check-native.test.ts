import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const script = path.resolve('scripts/check-native.mjs');

const addon = `extern "C" {
  __attribute__((visibility("default"))) void* napi_register_module_v1(void*, void* exports) { return exports; }
  __attribute__((visibility("default"))) int node_api_module_get_api_version_v1() { return 9; }
}`;

describe('check-native', () => {
  let folder: string;
  beforeAll(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'trt-node-native-'));
  });
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

  function link(name: string, source: string, flags: readonly string[]): string {
    const file = path.join(folder, `${name}.node`);
    const input = path.join(folder, `${name}.cc`);
    fs.writeFileSync(input, source);
    const always = ['-std=c++20', '-fPIC', '-shared', '-fvisibility=hidden'];
    execFileSync('g++', [...always, input, '-o', file, ...flags]);
    return file;
  }

  function check(file: string, ...args: string[]) {
    const result = spawnSync(process.execPath, [script, file, ...args], { encoding: 'utf8' });
    return { status: result.status, errors: result.stderr };
  }

  it('accepts an addon that needs the C and C++ runtime alone', () => {
    const file = link('right', addon, ['-Wl,-z,nodelete']);
    expect(check(file)).toEqual({ status: 0, errors: '' });
  });

  it('refuses one that can be unloaded', () => {
    const { status, errors } = check(link('unloadable', addon, []));
    expect(status).toBe(1);
    expect(errors).toContain('nodelete');
  });

  it('refuses a foreign library and a search path, and names both', () => {
    const library = path.join(folder, 'libother.so');
    const source = path.join(folder, 'other.cc');
    fs.writeFileSync(source, 'int Other() { return 1; }');
    execFileSync('g++', ['-shared', '-fPIC', source, '-o', library, '-Wl,-soname,libother.so']);
    const flags = ['-Wl,-z,nodelete', '-Wl,--no-as-needed', library, `-Wl,-rpath,${folder}`];
    const { status, errors } = check(link('foreign', addon, flags));
    expect(status).toBe(1);
    expect(errors).toContain('libother.so');
    expect(errors).toContain(folder);
  });

  it('refuses other exports, and names them', () => {
    const extra = '__attribute__((visibility("default"))) int Leak() { return 1; }';
    const { status, errors } = check(link('leaky', `${addon}\n${extra}`, ['-Wl,-z,nodelete']));
    expect(status).toBe(1);
    expect(errors).toContain('Leak');
  });

  it('refuses what is no addon', () => {
    const { status, errors } = check(link('plain', 'int x;', ['-Wl,-z,nodelete']));
    expect(status).toBe(1);
    expect(errors).toContain('napi_register_module_v1');
  });

  it('refuses a symbol of a newer C library, and names it; a local binary may use all', () => {
    // On x86-64, glibc gives quick_exit the version 2.24; 2.10 before that.
    const user = '#include <cstdlib>\nvoid Leave() { std::quick_exit(0); }';
    const file = link('newer', `${addon}\n${user}`, ['-Wl,-z,nodelete']);
    const { status, errors } = check(file, '--glibc', '2.9');
    expect(status).toBe(1);
    expect(errors).toMatch(/asks for GLIBC_2\.\d+.*quick_exit/);
    expect(check(file, '--glibc', '2.28').status).toBe(0);
    expect(check(file, '--local').status).toBe(0);
  });
});
