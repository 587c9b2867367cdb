import { describe, expect, it } from 'vitest';
import {
  ending,
  readVitestReport,
  TestResults,
  type VitestReport,
} from '../../scripts/test-results.mjs';

const numbered = (count: number): string =>
  Array.from({ length: count }, (_, i) => `line ${i + 1}`).join('\n');

const report: VitestReport = {
  testResults: [
    {
      name: '/repo/test/unit/a.test.ts',
      status: 'failed',
      message: '',
      assertionResults: [
        { fullName: 'a adds', status: 'passed', duration: 12, failureMessages: [] },
        {
          fullName: 'a divides',
          status: 'failed',
          duration: 3000,
          failureMessages: [
            '\u001b[31mAssertionError\u001b[39m: expected 1 to be 2\n    at a.test.ts:3:4\n    at new Promise (<anonymous>)\n    at file:///repo/node_modules/@vitest/runner/x.js:1:2',
          ],
        },
        { fullName: 'a rounds', status: 'skipped', failureMessages: [] },
        { fullName: 'a guesses', status: 'todo', failureMessages: [] },
      ],
    },
    {
      name: '/repo/test/unit/b.test.ts',
      status: 'failed',
      message: 'SyntaxError: unexpected end of input',
      assertionResults: [],
    },
    {
      name: '/repo/test/unit/c.test.ts',
      status: 'failed',
      message: 'beforeAll timed out',
      assertionResults: [{ fullName: 'c waits', status: 'skipped', failureMessages: [] }],
    },
  ],
};

describe('readVitestReport', () => {
  const read = readVitestReport(report, 'unit', '/repo');

  it('counts the tests', () => {
    expect(read).toMatchObject({ passed: 1, skipped: 3 });
  });

  it('names each failed test, and each file without one that failed all the same', () => {
    expect(read.failures.map(({ suite, file, name }) => [suite, file, name])).toEqual([
      ['unit', 'test/unit/a.test.ts', 'a divides'],
      ['unit', 'test/unit/b.test.ts', expect.any(String)],
      ['unit', 'test/unit/c.test.ts', expect.any(String)],
    ]);
    expect(read.failures[1]?.output).toContain('SyntaxError');
    expect(read.failures[2]?.output).toContain('beforeAll');
  });

  it('tells how long each test took', () => {
    expect(read.tests[1]).toEqual({ file: 'test/unit/a.test.ts', name: 'a divides', ms: 3000 });
  });
});

describe('TestResults', () => {
  const resultsOf = (): TestResults => {
    const results = new TestResults();
    const { tests, ...part } = readVitestReport(report, 'unit', '/repo');
    results.add(part);
    results.addTime('unit', 61_000, tests);
    results.add({ passed: 4 });
    results.addTime('lint', 400);
    return results;
  };

  it('counts over all parts', () => {
    const results = resultsOf();
    expect(results.failed).toBe(3);
    expect(results.counts()).toBe('5 passed, 3 failed, 3 skipped');
  });

  it('shows each failure with its suite, file, name and message, without colours', () => {
    const text = resultsOf().text();
    expect(text).toContain(
      '1. unit › test/unit/a.test.ts › a divides\n   AssertionError: expected 1 to be 2',
    );
    expect(text).toContain('SyntaxError: unexpected end of input');
    expect(text).toContain('at a.test.ts:3:4');
    expect(text).not.toMatch(/node_modules|anonymous/);
    expect(text).not.toContain('\u001b');
  });

  it('shows the parts with their times, and the slowest tests first', () => {
    const text = resultsOf().text();
    expect(text).toMatch(/1 min 01 s {2}unit\n +0\.4 s {2}lint/);
    expect(text).toMatch(/3\.0 s {2}test\/unit\/a\.test\.ts › a divides\n +0\.0 s {2}.* › a adds/);
  });

  it('shows ten tests of a suite and twelve lines of a failure, and says that there is more', () => {
    const results = new TestResults();
    const tests = Array.from({ length: 30 }, (_, i) => ({ file: 'f', name: `t${i}`, ms: i }));
    results.addTime('unit', 1, tests);
    results.add({ failures: [{ suite: 'unit', name: 'long', output: numbered(40) }] });
    const text = results.text();
    expect(text.match(/ f › t\d+$/gm)?.map((row) => row.trim())).toEqual(
      Array.from({ length: 10 }, (_, i) => `f › t${29 - i}`),
    );
    expect(text).toContain('line 12\n   … and 28 lines more');
    expect(text).not.toContain('line 13');
  });

  it('speaks of no failure where there is none', () => {
    const results = new TestResults();
    results.add({ passed: 2, skipped: 1 });
    results.addTime('lint', 5);
    expect(results.counts()).toBe('2 passed, 0 failed, 1 skipped');
    expect(results.text()).not.toContain('failed');
  });
});

describe('ending', () => {
  it('is the last twelve lines', () => {
    expect(ending(`${numbered(20)}\n\n`).split('\n')).toEqual(numbered(20).split('\n').slice(8));
    expect(ending('short\n')).toBe('short');
  });
});
