import { describe, expect, it } from 'vitest';
import { TrtError } from '../../lib/errors';
import { readPlanHeader } from '../../lib/plan-header';
import { rtxHeader, tensorrtHeader } from '../support/plan-bytes';

function reasonFor(bytes: Uint8Array): unknown {
  return refusalOf(bytes).details['reason'];
}

function refusalOf(bytes: Uint8Array): TrtError {
  try {
    readPlanHeader(bytes);
  } catch (error) {
    if (error instanceof TrtError && error.code === 'ERR_TRT_ENGINE_INVALID') return error;
    throw error;
  }
  throw new Error('the header was accepted');
}

describe('readPlanHeader', () => {
  it('reads a TensorRT header of just its 28 bytes', () => {
    const header = tensorrtHeader([10, 6, 0, 26]);
    expect(header.length).toBe(28);
    expect(readPlanHeader(header)).toEqual({ flavour: 'tensorrt', version: '10.6.0.26' });
  });

  it('reads a TensorRT-RTX header of just its 64 bytes', () => {
    const header = rtxHeader([1, 7, 1, 116]);
    expect(header.length).toBe(64);
    expect(readPlanHeader(header)).toEqual({ flavour: 'tensorrt-rtx', version: '1.7.1.116' });
  });

  it('reads a header that does not begin where its buffer begins', () => {
    const bytes = Buffer.concat([Buffer.from('???'), tensorrtHeader([11, 2, 0, 255])]).subarray(3);
    expect(readPlanHeader(bytes).version).toBe('11.2.0.255');
  });

  it('#1 tells an empty plan', () => {
    expect(reasonFor(new Uint8Array(0))).toBe('empty');
  });

  it.each(Array.from({ length: 27 }, (_, i) => i + 1))(
    '#1 tells that %i bytes of TensorRT are truncated',
    (length) => {
      expect(reasonFor(tensorrtHeader([10, 6, 0, 26]).subarray(0, length))).toBe('truncated');
    },
  );

  it.each([1, 4, 28, 63])('#1 tells that %i bytes of TensorRT-RTX are truncated', (length) => {
    expect(reasonFor(rtxHeader([1, 7, 1, 116]).subarray(0, length))).toBe('truncated');
  });

  it('#3 tells an unknown serialization version', () => {
    const header = tensorrtHeader([10, 6, 0, 26]);
    header[4] = 1;
    const error = refusalOf(header);
    expect(error.details).toMatchObject({
      reason: 'serialization-version',
      serializationVersion: 1,
    });
  });

  it.each([
    // ModelProto as torch.onnx writes it: ir_version 8, producer_name "pytorch"
    ['ONNX', Buffer.from([8, 8, 0x12, 7, ...Buffer.from('pytorch'), 0x1a, 5])],
    ['PNG', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])],
    ['gzip', Buffer.from([0x1f, 0x8b, 8, 0])],
    ['zip', Buffer.from([0x50, 0x4b, 3, 4])],
    ['JSON', Buffer.from('{\n  "schemaVersion": 1 }')],
    ['JSON', Buffer.from('\u{feff}[{"a": 1}]')],
    ['HTML', Buffer.from('<!DOCTYPE html>\n<html lang="en">')],
    ['Git LFS', Buffer.from('version https://git-lfs.github.com/spec/v1\n')],
    ['zeros', Buffer.alloc(64)],
  ])('#2 says that it looks like %s', (name, bytes) => {
    const error = refusalOf(bytes);
    expect(error.details['reason']).toBe('not-a-plan');
    expect(error.details['looksLike']).toContain(name);
    expect(error.message).toContain(name);
  });

  it.each([0, 4, 20])('names the file (%i bytes)', (length) => {
    const bytes = tensorrtHeader([10, 6, 0, 26]).subarray(0, length);
    const reading = (): unknown => readPlanHeader(bytes, '/models/a.engine');
    expect(reading).toThrow('/models/a.engine');
    expect(reading).toThrow(
      expect.objectContaining({ details: expect.objectContaining({ path: '/models/a.engine' }) }),
    );
  });

  it('claims nothing about bytes that it does not know', () => {
    const error = refusalOf(Buffer.from('{ not json and not a plan'));
    expect(error.details).toEqual({ path: null, reason: 'not-a-plan', looksLike: null });
  });
});
