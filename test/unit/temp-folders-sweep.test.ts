import { rm } from 'node:fs/promises';
import { expect, it, onTestFinished, vi } from 'vitest';
import { makeTempFolder } from '../../lib/temp-folders';

vi.mock('node:fs/promises', async (original) => ({
  ...(await original<typeof import('node:fs/promises')>()),
  readdir: () => new Promise(() => undefined),
}));

it('#81 a temporary folder is made without waiting for the removal of stale ones', async () => {
  const folder = await makeTempFolder();
  onTestFinished(() => rm(folder, { recursive: true }));
  expect(folder).not.toBe('');
});
