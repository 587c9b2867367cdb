import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

const root = path.join(import.meta.dirname, '..', '..');
const page = readFileSync(path.join(root, 'docs', 'failures.md'), 'utf8');

interface Row {
  readonly name: string;
  readonly numbers: readonly string[];
  /** Relative to the folder of tests, without the ending. */
  readonly tests: readonly string[];
}

const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| #'))
  .map((line): Row => {
    const cells = line.split('|').slice(1, -1);
    const [name = '', last = ''] = [cells[0]?.trim(), cells.at(-1)];
    return {
      name,
      numbers: [...name.matchAll(/#(\d+)/g)].map(([, number]) => number ?? ''),
      tests: [...last.matchAll(/`([^`]+)`/g)].map(([, test]) => test ?? ''),
    };
  });

const fileOf = (test: string): string => path.join(root, 'test', `${test}.test.ts`);

it('docs/failures.md has a row for every case of its kind, or says why not', () => {
  const numbers = [...page.matchAll(/#(\d+)/g)].map(([, number]) => Number(number));
  const expected = [
    ...[
      1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27,
    ],
    ...[28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49],
    ...[50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68],
    ...[70, 71, 72, 73, 74, 75, 76, 77, 78, 79],
    ...[80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92],
  ];
  expect(expected.filter((number) => !numbers.includes(number))).toEqual([]);
});

it.each(rows)('$name: its tests are there, and have its number', ({ numbers, tests }) => {
  expect(tests.length).toBeGreaterThan(0);
  expect(tests.filter((test) => !existsSync(fileOf(test)))).toEqual([]);
  for (const test of tests) {
    const text = readFileSync(fileOf(test), 'utf8');
    for (const number of numbers) expect(text, test).toMatch(new RegExp(`#${number}\\b`));
  }
});
