import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCommandLine } from '../../lib/cli/program';
import type { Comparison } from '../../lib/doctor/comparison';
import { readSnapshot, writeSnapshot } from '../../lib/doctor/snapshot-file';
import { snapshotOf } from '../../lib/doctor/environment-snapshot';
import type { RuntimeReport } from '../../lib/runtime-report';
import { driverWith, gpu } from './fake-discovery';
import { gpuState, host, libraryReport } from './fake-evidence';
import { h100, snapshot, withState } from './fake-snapshot';

let folder: string;
let stdout: string;
let stderr: string;
let exitCodeBefore: typeof process.exitCode;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'trt-node-doctor-'));
  [stdout, stderr] = ['', ''];
  exitCodeBefore = process.exitCode;
  process.exitCode = undefined;
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    stdout += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = exitCodeBefore;
  rmSync(folder, { recursive: true, force: true });
});

async function doctor(...args: string[]): Promise<typeof process.exitCode> {
  await runCommandLine(['node', 'trt-node', 'doctor', ...args]);
  return process.exitCode;
}

/** A copy of `value` that lacks what `keys` lead to. */
function without(value: unknown, [key = '', ...rest]: readonly string[]): unknown {
  if (Array.isArray(value)) {
    return value.map((item: unknown, index) =>
      String(index) === key ? without(item, rest) : item,
    );
  }
  const entries = Object.entries(value as object).flatMap(([name, item]: [string, unknown]) =>
    name !== key ? [[name, item]] : rest.length === 0 ? [] : [[name, without(item, rest)]],
  );
  return Object.fromEntries(entries) as unknown;
}

function put(name: string, value: unknown): string {
  const file = path.join(folder, name);
  writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value));
  return file;
}

const report: RuntimeReport = {
  version: '0.1.0',
  node: 'v20.19.0',
  platform: 'linux-x64',
  libc: { name: 'glibc', version: '2.35' },
  addon: { abis: {}, problem: null },
  driver: driverWith(),
  gpus: [{ ...gpu('9.0'), runtimes: ['tensorrt'], supportedBy: ['TensorRT'] }],
  gpuStates: [gpuState({ uuid: 'GPU-other' }), gpuState({ index: 1, uuid: 'GPU-0' })],
  host,
  variables: {},
  libraries: [libraryReport()],
  places: [],
  missing: { build: [], infer: [] },
  findings: [],
};

describe('doctor --diff', () => {
  it('exits with 0 for the same and with 1 for others', async () => {
    const a = put('a.lock', snapshot);
    expect(await doctor('--diff', a, put('b.lock', snapshot))).toBeUndefined();
    expect(stdout).toContain('no difference');
    stdout = '';
    expect(await doctor('--diff', a, put('c.lock', withState({ powerLimitWatts: 350 })))).toBe(1);
    expect(stdout).toContain('power limit');
    expect(stderr).toBe('');
  });

  it('prints JSON', async () => {
    const other = put('b.lock', { ...snapshot, node: 'v22.0.0' });
    expect(await doctor('--diff', put('a.lock', snapshot), other, '--json')).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      b: other,
      same: false,
      differences: [{ id: 'node' }],
    });
  });

  it('takes reports of --json', async () => {
    const a = put('a.json', report);
    const b = put('b.json', { ...report, node: 'v22.0.0' });
    expect(await doctor('--diff', a, b, '--json')).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ differences: [{ id: 'node' }] });
  });

  it.each([
    ['one file', ['--diff', 'a']],
    ['three files', ['--diff', 'a', 'b', 'c']],
    ['two modes', ['--lock', 'a', '--check', 'b']],
    ['a job', ['--check', 'b', '--for', 'build']],
  ])('refuses %s', async (_name, args) => {
    expect(await doctor(...args)).toBe(2);
    expect(stderr).not.toBe('');
  });

  it.each([
    ['no JSON', '{'],
    ['no object', '[]'],
    ['another file', '{"name":"x"}'],
    ['a newer schema', { ...snapshot, schemaVersion: 2 }],
    ['a damaged file', { ...snapshot, gpus: [1] }],
  ])('refuses %s', async (_name, value) => {
    expect(await doctor('--diff', put('a.lock', value), put('b.lock', snapshot))).toBe(2);
    expect(stderr).toContain('ERR_TRT_INVALID_ARG');
    expect(stderr).toContain('a.lock');
  });

  it.each<[string, string[]]>([
    ['host.cpuCount', ['host', 'cpuCount']],
    ['host.memoryBytes', ['host', 'memoryBytes']],
    ['host.container', ['host', 'container']],
    ['node', ['node']],
    ['driver.status', ['driver', 'status']],
    ['gpus[0].memoryTotalBytes', ['gpus', '0', 'memoryTotalBytes']],
    ['gpus[0].state', ['gpus', '0', 'state']],
    ['libraries[0].canLoad', ['libraries', '0', 'canLoad']],
    ['libraries[0].version', ['libraries', '0', 'version']],
  ])('takes a missing %s for not known', async (_name, keys) => {
    const complete = put('b.lock', { ...snapshot, host: { ...host, container: '/.dockerenv' } });
    const partial = without(JSON.parse(readFileSync(complete, 'utf8')), keys);
    expect(await doctor('--diff', put('a.lock', partial), complete, '--json')).toBeUndefined();
    const { differences, notCompared } = JSON.parse(stdout) as Comparison;
    expect(differences).toEqual([]);
    expect(notCompared.length).toBeGreaterThan(0);
  });

  it.each<[string, unknown]>([
    ['driver.cudaVersion', { ...snapshot, driver: { ...snapshot.driver, cudaVersion: 13 } }],
    ['libraries[0].sha256', { ...snapshot, libraries: [{ ...snapshot.libraries[0], sha256: 5 }] }],
    [
      'gpus[0].state.clockEventReasons',
      { ...snapshot, gpus: [{ ...h100, state: { ...h100.state, clockEventReasons: 'x' } }] },
    ],
    ['host.cpuCount', { ...snapshot, host: { ...host, cpuCount: '2' } }],
    ['host.wsl', { ...snapshot, host: { ...host, wsl: 'no' } }],
    ['variables.LD_PRELOAD', { ...snapshot, variables: { LD_PRELOAD: 1 } }],
    ['libraries[0].flavour', { ...snapshot, libraries: [{ flavour: 'other' }] }],
    ['gpuStates[0].mig', { ...report, gpuStates: [{ ...gpuState(), mig: true }] }],
    ['libraries', { ...snapshot, libraries: undefined }],
  ])('names the file and %s when it is not what it should be', async (name, value) => {
    expect(await doctor('--diff', put('b.lock', snapshot), put('a.lock', value))).toBe(2);
    expect(stderr).toContain('ERR_TRT_INVALID_ARG');
    expect(stderr).toContain('a.lock');
    expect(stderr).toContain(`\`${name}\``);
  });

  it('refuses a file that is not there, before it asks the machine', async () => {
    expect(await doctor('--check', path.join(folder, 'gone'))).toBe(2);
    expect(stderr).toContain('ENOENT');
  });
});

describe('the lock file', () => {
  it('comes back as it was written, and leaves nothing beside it', async () => {
    const file = path.join(folder, 'env.lock');
    await writeSnapshot(file, withState({ smClockMaxMhz: 1 }));
    await writeSnapshot(file, snapshot);
    const { schemaVersion: _, kind: __, createdAt: ___, ...known } = snapshot;
    expect(await readSnapshot(file, '--check')).toEqual(known);
    expect(readFileSync(file, 'utf8')).toMatch(/\n$/);
    expect(readdirSync(folder)).toEqual(['env.lock']);
  });

  it('is refused where nothing can be written', async () => {
    const file = path.join(folder, 'no', 'such', 'folder', 'env.lock');
    await expect(writeSnapshot(file, snapshot)).rejects.toMatchObject({ code: 'ERR_TRT_WRITE' });
    // A folder stands there: the file beside it is removed again.
    await expect(writeSnapshot(folder, snapshot)).rejects.toMatchObject({ code: 'ERR_TRT_WRITE' });
    expect(
      readdirSync(path.dirname(folder)).filter((name) =>
        name.includes(`${path.basename(folder)}.`),
      ),
    ).toEqual([]);
  });
});

describe('doctor --lock onto what stands there', () => {
  it.each([
    ['a model', 'model.onnx', '\x08\x08\x12\x07pytorch'],
    ['JSON of another program', 'package.json', '{"name":"x","schemaVersion":1}'],
    ['a report', 'report.json', JSON.stringify(report)],
  ])('#83 refuses %s and leaves it as it is', async (_, name, content) => {
    const file = put(name, content);
    expect(await doctor('--lock', file)).toBe(1);
    expect(stderr).toContain('ERR_TRT_WRITE');
    expect(readFileSync(file, 'utf8')).toBe(content);
    await expect(writeSnapshot(file, snapshot)).rejects.toMatchObject({ code: 'ERR_TRT_WRITE' });
    expect(readFileSync(file, 'utf8')).toBe(content);
    expect(readdirSync(folder)).toEqual([name]);
  });

  it.each([
    ['an empty file', ''],
    ['a lock of a later version', { ...snapshot, schemaVersion: 2 }],
  ])('replaces %s', async (_, content) => {
    const file = put('env.lock', content);
    await writeSnapshot(file, snapshot);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(snapshot);
  });
});

describe('snapshotOf', () => {
  it('joins CUDA’s GPUs with NVML’s by UUID, and adds digests', () => {
    const digests = new Map([[libraryReport().path, 'abc']]);
    const taken = snapshotOf(report, { createdAt: new Date(0), digests });
    expect(taken.gpus[0]?.state?.index).toBe(1);
    expect(taken.libraries[0]).toMatchObject({ sha256: 'abc', parserSha256: null });
    expect(taken.createdAt).toBe('1970-01-01T00:00:00.000Z');
  });
});
