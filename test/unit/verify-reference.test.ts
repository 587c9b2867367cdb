import { Tensor as OrtTensor } from 'onnxruntime-common';
import { describe, expect, it } from 'vitest';
import type { TrtError } from '../../lib/errors';
import { Tensor, type TensorLike } from '../../lib/tensor';
import { openReference, type OnnxRuntime } from '../../lib/verify/onnx-reference';
import { toPlainTensors } from '../../lib/verify/plain-tensors';

async function errorOf(promise: Promise<unknown>): Promise<TrtError> {
  return promise.then(
    () => expect.unreachable('it should have failed'),
    (error: unknown) => error as TrtError,
  );
}

/** As onnxruntime-node's interface, with a model that gives `outputs` and remembers what it was fed. */
function fakeRuntime(outputs: Readonly<Record<string, unknown>>): {
  readonly runtime: OnnxRuntime;
  readonly opened: unknown[];
  readonly fed: Readonly<Record<string, object>>[];
} {
  const opened: unknown[] = [];
  const fed: Readonly<Record<string, object>>[] = [];
  const runtime: OnnxRuntime = {
    Tensor: class {
      constructor(
        readonly type: string,
        readonly data: unknown,
        readonly dims: readonly number[],
      ) {}
    },
    InferenceSession: {
      async create(path, options) {
        opened.push([path, options]);
        if (path === 'bad.onnx') throw new Error('no such operator');
        return {
          async run(feeds) {
            fed.push(feeds);
            return outputs;
          },
        };
      },
    },
  };
  return { runtime, opened, fed };
}

const inputs = toPlainTensors({ x: new Tensor('float32', Float32Array.of(1, 2), [1, 2]) });

describe('the reference by onnxruntime-node', () => {
  it('runs the model on the CPU', async () => {
    const y: TensorLike = { type: 'float32', data: Float32Array.of(5), dims: [1] };
    const { runtime, opened, fed } = fakeRuntime({ y });
    const reference = await openReference('model.onnx', async () => runtime);
    const outputs = await reference.infer(inputs);
    expect(opened).toEqual([
      ['model.onnx', expect.objectContaining({ executionProviders: ['cpu'] })],
    ]);
    expect(fed).toEqual([{ x: { type: 'float32', data: Float32Array.of(1, 2), dims: [1, 2] } }]);
    expect(outputs).toEqual({ y: new Tensor('float32', Float32Array.of(5), [1]) });
    await reference.close();
  });

  it.each(['float32', 'float16', 'int64', 'bool', 'int8', 'uint8', 'int32'] as const)(
    'hands tensors of %s to and from ONNX Runtime’s own class',
    async (type) => {
      const given = Tensor.from(type === 'bool' ? [true, false] : [1, 3], type);
      const session = { run: async ({ x }: Readonly<Record<string, object>>) => ({ y: x }) };
      const own: OnnxRuntime = {
        Tensor: OrtTensor,
        InferenceSession: { create: async () => session },
      };
      const reference = await openReference('model.onnx', async () => own);
      const { y } = await reference.infer(toPlainTensors({ x: given }));
      expect(y).toEqual(given);
    },
  );

  it('says that it cannot open a model, or has outputs that TensorRT cannot have', async () => {
    const { runtime } = fakeRuntime({ y: { type: 'string', data: ['a'], dims: [1] } });
    const refused = await errorOf(openReference('bad.onnx', async () => runtime));
    expect(refused.code).toBe('ERR_TRT_UNSUPPORTED');
    expect(refused.message).toContain('no such operator');
    const reference = await openReference('model.onnx', async () => runtime);
    expect((await errorOf(reference.infer(inputs))).code).toBe('ERR_TRT_UNSUPPORTED');
  });

  it('names what to install where it is not there', async () => {
    const error = await errorOf(openReference('model.onnx'));
    expect(error.code).toBe('ERR_TRT_UNSUPPORTED');
    expect(error.message).toContain('npm install onnxruntime-node');
  });
});
