import { expect, it, vi } from 'vitest';
import type * as FileSystem from 'node:fs/promises';
import { prepare } from '../support/calibration-facts';

const disk = vi.hoisted(() => ({ freeBytes: Infinity, opened: 0, closed: 0 }));

/** A disk that is full after some bytes, which no test can have for real. */
vi.mock('node:fs/promises', async (importOriginal) => {
  const real = await importOriginal<typeof FileSystem>();
  const open = async (...parameters: Parameters<typeof real.open>) => {
    const handle = await real.open(...parameters);
    disk.opened += 1;
    const write = handle.write.bind(handle);
    const close = handle.close.bind(handle);
    return Object.assign(handle, {
      close: async () => {
        disk.closed += 1;
        await close();
      },
      write: async (bytes: Uint8Array, offset: number, length: number, position: number) => {
        if (disk.freeBytes <= 0) {
          throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
        }
        // Short writes come first, as the system has them.
        const room = Math.min(length, disk.freeBytes);
        disk.freeBytes -= room;
        return await write(bytes, offset, room, position);
      },
    });
  };
  return { ...real, open };
});

const dims = [4, 2] as const;
const data = Array.from({ length: 3 }, () => ({
  x: { type: 'float32' as const, data: new Float32Array(8), dims },
}));

// A batch has 32 bytes.
it.each([0, 1, 31, 32, 33, 95])(
  '#83 a disk with %i bytes left ends the build',
  async (freeBytes) => {
    Object.assign(disk, { freeBytes, opened: 0, closed: 0 });
    let returned = false;
    const given = (function* () {
      try {
        yield* data;
      } finally {
        returned = true;
      }
    })();
    const preparing = prepare({ data: given });
    await expect(preparing).rejects.toMatchObject({
      code: 'ERR_TRT_WRITE',
      details: { errno: 'ENOSPC' },
    });
    expect(returned).toBe(true);
    expect(disk.opened).toBeGreaterThan(0);
    expect(disk.closed).toBe(disk.opened);
  },
);

it('a disk with room for all batches does not', async () => {
  Object.assign(disk, { freeBytes: 96 });
  expect((await prepare({ data })).native.batches?.count).toBe(3);
});
