import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCommandLine } from '../../lib/cli/program';
import { checkRequirements } from '../../lib/doctor/check-requirements';
import { requirementLines } from '../../lib/doctor/render-requirements';
import {
  memoryBytes,
  parseRequirements,
  versionHolds,
  type Comparator,
  type RequirementResult,
} from '../../lib/doctor/requirements';
import { TrtError } from '../../lib/errors';
import type { GpuReport, RuntimeReport } from '../../lib/runtime-report';
import { driverWith, gpu, noDriver } from './fake-discovery';
import { host, libraryReport } from './fake-evidence';

const probe = vi.hoisted((): { report: unknown } => ({ report: null }));
vi.mock('../../lib/probe', () => ({ probeRuntimes: () => Promise.resolve(probe.report) }));

function gpuReport(capability: string, changes: Partial<GpuReport> = {}): GpuReport {
  return { ...gpu(capability), runtimes: ['tensorrt'], supportedBy: ['TensorRT'], ...changes };
}

const report: RuntimeReport = {
  version: '0.1.0',
  node: 'v20.19.0',
  platform: 'linux-x64',
  libc: { name: 'glibc', version: '2.35' },
  addon: { abis: {}, problem: null },
  driver: driverWith(),
  gpus: [gpuReport('9.0')],
  gpuStates: [],
  host,
  variables: {},
  libraries: [libraryReport()],
  places: [],
  missing: { build: [], infer: [] },
  findings: [],
};

const check = (
  text: string,
  changes: Partial<RuntimeReport> = {},
  job: 'build' | 'infer' | 'any' = 'any',
): readonly RequirementResult[] =>
  checkRequirements({ ...report, ...changes }, parseRequirements(text), job);

const holds = (...args: Parameters<typeof check>): boolean[] =>
  check(...args).map((result) => result.holds);

function refusal(text: string): TrtError {
  try {
    parseRequirements(text);
  } catch (error) {
    if (error instanceof TrtError) return error;
  }
  throw new Error(`${text} was not refused`);
}

describe('parseRequirements', () => {
  it('reads a list, with spaces and == as people write them', () => {
    expect(parseRequirements('tensorrt >= 10.6, node==20')).toEqual([
      { text: 'tensorrt>=10.6', name: 'tensorrt', comparator: '>=', wanted: '10.6' },
      { text: 'node==20', name: 'node', comparator: '=', wanted: '20' },
    ]);
  });

  it.each(['>=', '<=', '>', '<', '='])('knows %s', (comparator) => {
    expect(parseRequirements(`driver${comparator}550`)).toMatchObject([{ comparator }]);
  });

  it.each([
    ['tensort>=10.6', 'tensorrt'],
    ['tensorrt-rtc>=1.5', 'tensorrt-rtx'],
    ['drivers>=550', 'driver'],
    ['gqu>=8.0', 'gpu'],
  ])('names the nearest name to %s', (text, nearest) => {
    const { code, message } = refusal(text);
    expect(code).toBe('ERR_TRT_INVALID_ARG');
    expect(message).toContain(`did you mean "${nearest}"?`);
  });

  it('tells a name that a shell cut off at its > to be quoted', () => {
    expect(refusal('tensorrt').message).toContain('quotes');
  });

  it.each([
    '',
    'tensorrt>=',
    'tensorrt>=ten',
    'tensorrt=>10',
    'tensorrt~10',
    'memory>=16',
    '>=10',
    'a,b',
  ])('refuses %j', (text) => {
    expect(refusal(text).code).toBe('ERR_TRT_INVALID_ARG');
  });

  it('takes memory with its unit', () => {
    // 2^30 and 10^9
    expect([
      memoryBytes('16GiB'),
      memoryBytes('16GB'),
      memoryBytes('16G'),
      memoryBytes('1'),
    ]).toEqual([17_179_869_184, 16_000_000_000, 17_179_869_184, null]);
  });
});

describe('versionHolds', () => {
  it.each<[string, Comparator, string, boolean]>([
    ['10.6.0', '>=', '10.6', true],
    ['10.15.0', '>=', '10.6', true],
    ['10.5.9', '>=', '10.6', false],
    ['11.0.0', '<', '11', false],
    ['10.16.2', '<', '11', true],
    ['10.6.3', '=', '10.6', true],
    ['10.60.0', '=', '10.6', false],
    ['10.6.3', '<=', '10.6', true],
    ['10.7.0', '<=', '10.6', false],
    ['10.6.3', '>', '10.6', false],
    ['10.7.0', '>', '10.6', true],
    ['580.95.05', '>=', '580.95.5', true],
    ['20', '>=', '20.0.0', true],
    ['20', '>=', '20.0.1', false],
    ['23.0.0-nightly', '>=', '23', true],
  ])('%s %s %s: %s', (found, comparator, wanted, expected) => {
    expect(versionHolds(found, comparator, wanted)).toBe(expected);
  });
});

describe('checkRequirements', () => {
  it('holds each against what the machine has', () => {
    const driver = driverWith().driverVersion;
    expect(driver).toMatch(/^\d+\./);
    const all = `tensorrt>=10.6,driver=${driver},node>=20.17,glibc>=2.28,trt-node>=0.1,gpu>=8.0,memory>=24GiB`;
    expect(holds(all)).toEqual([true, true, true, true, true, true, true]);
    expect(holds('tensorrt>=10.7,driver>=9999,node>=22,glibc>2.35,gpu>=10.0,memory>24GiB')).toEqual(
      [...[false, false, false, false, false, false]],
    );
  });

  it('says what is not there', () => {
    const none = { libraries: [], gpus: [], driver: noDriver };
    const results = check('tensorrt>=10,tensorrt-rtx>=1.5,driver>=550,gpu>=7.5,cuda>=12', none);
    expect(results.map(({ found, holds: held }) => [found, held])).toEqual(
      Array.from({ length: 5 }, () => [null, false]),
    );
    expect(results.every(({ where }) => where !== '')).toBe(true);
  });

  it('wants one TensorRT that meets all of what is asked of TensorRT', () => {
    const libraries = [
      libraryReport({ version: '10.6.0', path: '/a' }),
      libraryReport({ version: '11.2.0', path: '/b' }),
      libraryReport({ version: '10.15.1', path: '/c' }),
    ];
    expect(check('tensorrt>=10.8,tensorrt<11', { libraries })).toMatchObject([
      { found: '10.15.1', where: '/c', holds: true },
      { found: '10.15.1', where: '/c', holds: true },
    ]);
    expect(holds('tensorrt>=10.20,tensorrt<11', { libraries })).toContain(false);
  });

  it('wants one GPU that has both capability and memory', () => {
    const small = gpuReport('12.0', { index: 0, memoryTotalBytes: 8 * 2 ** 30 });
    const large = gpuReport('8.0', { index: 1, memoryTotalBytes: 40 * 2 ** 30 });
    const fits = gpuReport('9.0', { index: 2, memoryTotalBytes: 80 * 2 ** 30 });
    const asked = 'gpu>=8.9,memory>=16GiB';
    expect(holds(asked, { gpus: [small, large] })).toEqual([true, false]);
    expect(check(asked, { gpus: [small, large, fits] })).toMatchObject([
      { found: '9.0', holds: true },
      { found: String(80 * 2 ** 30), holds: true },
    ]);
  });

  it('asks for a builder or a runtime, as the job does', () => {
    const libraries = [libraryReport({ canBuild: false })];
    expect(holds('tensorrt>=10', { libraries }, 'build')).toEqual([false]);
    expect(holds('tensorrt>=10', { libraries }, 'infer')).toEqual([true]);
  });

  it('does not count a library that cannot be used', () => {
    const problem = { code: 'ERR_TRT_LIBRARY_LOAD', message: 'broken' } as const;
    expect(check('tensorrt>=10', { libraries: [libraryReport({ problem })] })).toMatchObject([
      { found: null, holds: false },
    ]);
  });
});

describe('requirementLines', () => {
  it('has a line for each, with what was found', () => {
    const same = (text: unknown): string => String(text);
    const lines = requirementLines(check('tensorrt>=10.6,memory>=80GiB,tensorrt-rtx>=1.5'), {
      red: same,
      green: same,
      dim: same,
    });
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/✓ tensorrt>=10\.6 .*10\.6\.0/);
    expect(lines[1]).toMatch(/✗ memory>=80GiB .*24\.0 GiB/);
    expect(lines[2]).toMatch(/✗ tensorrt-rtx>=1\.5 .*none/);
  });
});

describe('doctor --require', () => {
  let stdout = '';
  let exitCodeBefore: typeof process.exitCode;
  beforeEach(() => {
    stdout = '';
    probe.report = report;
    exitCodeBefore = process.exitCode;
    process.exitCode = undefined;
    vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      stdout += String(text);
      return true;
    });
  });
  afterEach(() => {
    vi.restoreAllMocks();
    process.exitCode = exitCodeBefore;
  });

  async function doctor(...args: string[]): Promise<typeof process.exitCode> {
    await runCommandLine(['node', 'trt-node', 'doctor', ...args]);
    return process.exitCode;
  }

  it('exits with 0 when all hold, given once or twice', async () => {
    const args = ['--require', 'tensorrt>=10.6,gpu>=8.0', '--require', 'node>=20.17'];
    expect(await doctor('--for', 'infer', ...args)).toBeUndefined();
    for (const each of ['tensorrt>=10.6', 'gpu>=8.0', 'node>=20.17'])
      expect(stdout).toContain(each);
  });

  it('exits with 1 when one does not, and gives each in --json', async () => {
    expect(await doctor('--json', '--require', 'tensorrt>=10.6,tensorrt>=99')).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      version: '0.1.0',
      requirements: [
        { requirement: 'tensorrt>=10.6', found: '10.6.0', holds: true },
        { requirement: 'tensorrt>=99', found: '10.6.0', holds: false },
      ],
    });
  });

  it('prints nothing with --quiet', async () => {
    expect(await doctor('--quiet', '--require', 'tensorrt>=99')).toBe(1);
    expect(stdout).toBe('');
  });

  it('exits with 2 for a name that is none', async () => {
    expect(await doctor('--require', 'tensort>=10')).toBe(2);
    expect(stdout).toBe('');
  });
});
