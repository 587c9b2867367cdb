import { describe, expect, it } from 'vitest';
import type { NativeDeviceMemory } from '../../lib/binding';
import { writeArray } from '../../lib/device-write';
import { partBytes } from '../../lib/input-validation';

describe('an array of several parts', () => {
  it('#35 is refused when its buffer is transferred after one of them was copied', async () => {
    // Nobody touches it, so the system gives it no memory.
    const data = new Uint8Array(partBytes + 8);
    const offsets: number[] = [];
    const memory = {
      writePinned: (offset: number) => {
        offsets.push(offset);
        structuredClone(data.buffer, { transfer: [data.buffer] });
        return Promise.resolve();
      },
    } as Partial<NativeDeviceMemory> as NativeDeviceMemory;
    await expect(writeArray(memory, data)).rejects.toMatchObject({
      code: 'ERR_TRT_INPUT_DETACHED',
      details: { copied: partBytes },
    });
    expect(offsets).toEqual([0]);
  });
});
