import { describe, expect, it } from 'vitest';
import type { NativeDeviceMemory } from '../../lib/binding';
import { DeviceTensor } from '../../lib/device-tensor';
import { deviceTensorOf, nativeMemoryOf } from '../../lib/device-tensor-internals';

/** Memory that only records how it is shared and released. */
class FakeMemory implements NativeDeviceMemory {
  readonly address = 4096n;
  readonly device = 0;
  readonly parts: FakeMemory[] = [];
  released = 0;

  constructor(readonly sizeBytes: number) {}

  read(_: number, length: number): Promise<ArrayBuffer> {
    return Promise.resolve(new ArrayBuffer(length));
  }
  write(): Promise<void> {
    return Promise.resolve();
  }
  writePinned(): null {
    return null;
  }
  copyFrom(): Promise<void> {
    return Promise.resolve();
  }
  part(_: number, sizeBytes: number): FakeMemory {
    const part = new FakeMemory(sizeBytes);
    this.parts.push(part);
    return part;
  }
  release(): Promise<void> {
    this.released += 1;
    return Promise.resolve();
  }
}

describe('what the runtime makes device tensors of', () => {
  it('is released once, by the tensor that has it', async () => {
    const memory = new FakeMemory(24);
    const tensor = deviceTensorOf('float32', [2, 3], memory);
    expect(nativeMemoryOf(tensor)).toBe(memory);
    await Promise.all([tensor.close(), tensor.close()]);
    expect(memory.released).toBe(1);
    expect(() => nativeMemoryOf(tensor)).toThrow(
      expect.objectContaining({ code: 'ERR_TRT_INVALID_ARG' }),
    );
  });

  it('gets a handle of its own where another tensor lies on the same memory', async () => {
    const memory = new FakeMemory(24);
    const whole = new DeviceTensor('float32', [6], memory);
    const rows = deviceTensorOf('float32', [1, 3], memory);
    expect(nativeMemoryOf(rows)).toBe(memory.parts[0]);
    expect(memory.parts[0]?.sizeBytes).toBe(12);
    await rows.close();
    expect([memory.released, memory.parts[0]?.released]).toEqual([0, 1]);
    expect(await whole.getData()).toEqual(new Float32Array(6));
  });

  it('is nothing for what is no device tensor', () => {
    for (const value of [null, undefined, 1, {}, { location: 'cuda' }, new FakeMemory(1)]) {
      expect(nativeMemoryOf(value)).toBeUndefined();
    }
  });
});

describe('dims of a device tensor', () => {
  it('are a copy that nobody can change', () => {
    const dims = [2, 3];
    const tensor = new DeviceTensor('float32', dims, new FakeMemory(24));
    dims[0] = 9;
    expect(tensor.dims).toEqual([2, 3]);
    expect(Object.isFrozen(tensor.dims)).toBe(true);
  });

  it.each([
    { type: 'int4', dims: [4, 513], offset: 512, start: 256, size: 2 },
    { type: 'float32', dims: [64, 3], offset: 128, start: 512, size: 12 },
  ] as const)('place a view of $type in bytes', ({ type, dims, offset, start, size }) => {
    class Placed extends FakeMemory {
      override part(at: number, bytes: number): FakeMemory {
        expect([at, bytes]).toEqual([start, size]);
        return super.part(at, bytes);
      }
    }
    const memory = new Placed(10_000);
    const view = new DeviceTensor(type, dims, memory).view([3], offset);
    expect(view.dims).toEqual([3]);
    expect(memory.parts).toHaveLength(1);
  });
});
