import { describe, expect, it } from 'vitest';
import { formatError } from '../../lib/cli/report-error';
import { readPlanHeader } from '../../lib/plan-header';

const plain = { red: String, dim: String };

/** ir_version 8, and a producer. */
const onnx = Uint8Array.of(0x08, 0x08, 0x12, 0x01, 0x61, 0x3a, 0x00);

function refusalOf(path: string | null): string {
  try {
    readPlanHeader(onnx, path);
  } catch (error) {
    return formatError(error, plain);
  }
  throw new Error('expected a refusal');
}

describe('the words of the command line', () => {
  it('tell how a model that was taken for an engine is built', () => {
    expect(refusalOf('model.onnx')).toMatch(/trt-node build model\.onnx$/);
    expect(refusalOf('my model.onnx')).toMatch(/trt-node build "my model\.onnx"$/);
    expect(refusalOf('$&.onnx')).toMatch(/trt-node build \$&\.onnx$/);
    for (const path of ['model.onnx', null]) expect(refusalOf(path)).not.toContain('()');
  });
});
