import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

const read = (name: string): string => readFileSync(path.join(__dirname, '..', '..', name), 'utf8');

it('docs/doctor.md has one row for each finding, and none that is gone', () => {
  const union = /export type FindingId =([^;]+);/.exec(read('lib/doctor/finding.ts'))?.[1] ?? '';
  const ids = [...union.matchAll(/'([a-z-]+)'/g)].map(([, id]) => id);
  const rows = [...read('docs/doctor.md').matchAll(/^\| `([a-z-]+)`/gm)].map(([, id]) => id);
  expect(ids.length).toBeGreaterThan(30);
  expect(rows.sort()).toEqual(ids.sort());
});
