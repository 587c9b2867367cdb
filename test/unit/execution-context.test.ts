import { describe, expect, it } from 'vitest';
import type { NativeContext, NativeGraph, NativeStream } from '../../lib/binding';
import { CudaStream } from '../../lib/cuda-stream';
import { DeviceTensor } from '../../lib/device-tensor';
import { ExecutionContext } from '../../lib/execution-context';
import type { ContextEngine } from '../../lib/execution-context';
import { fakeDeviceMemory, nativeError, tensorInfo } from '../support/fake-native-engine';

const code = (expected: string): unknown =>
  expect.objectContaining({ name: 'TrtError', code: expected });
const stream = new CudaStream({ device: 0, handle: 0n } as NativeStream);
const tensor = () => new DeviceTensor('float32', [4], fakeDeviceMemory(16));

/** A context whose inputs and outputs are set, and whose captures end when the test says so. */
function makeContext() {
  const captures: Capture[] = [];
  const native: NativeContext = {
    setInputDims: () => undefined,
    setInputValues: () => undefined,
    outputDims: () => [4],
    bind: () => undefined,
    enqueue: () => undefined,
    capture: () =>
      new Promise((resolve, reject) => {
        captures.push({ resolve, reject });
      }),
    close: () => Promise.resolve(),
  };
  const engine = {
    inputs: [tensorInfo('x', 'float32', [4])],
    outputs: [tensorInfo('y', 'float32', [4])],
    profiles: [{}],
    device: { index: 0, name: 'Test GPU', computeCapability: '9.0' },
  } as Partial<ContextEngine> as ContextEngine;
  const context = new ExecutionContext(engine, native, 0);
  context.setInput('x', tensor());
  context.setOutput('y', tensor());
  return { context, native, captures };
}

interface Capture {
  readonly resolve: (graph: NativeGraph) => void;
  readonly reject: (error: Error) => void;
}

const graph = { launch: () => undefined, close: () => undefined };

const uses: [string, (context: ExecutionContext) => unknown][] = [
  ['setInput', (context) => context.setInput('x', tensor())],
  ['setOutput', (context) => context.setOutput('y', tensor())],
  ['outputDims', (context) => context.outputDims('y')],
  ['enqueue', (context) => context.enqueue(stream)],
];

describe('a context that is being captured', () => {
  it.each(uses)('refuses %s from the call on, and takes it afterwards', async (_, use) => {
    const { context, captures } = makeContext();
    const capturing = context.capture(stream);
    expect(() => use(context)).toThrow(code('ERR_TRT_INVALID_ARG'));
    captures[0]?.resolve(graph);
    await capturing;
    expect(() => use(context)).not.toThrow();
  });

  it('refuses another capture', async () => {
    const { context, captures } = makeContext();
    const capturing = context.capture(stream);
    await expect(context.capture(stream)).rejects.toEqual(code('ERR_TRT_INVALID_ARG'));
    captures[0]?.resolve(graph);
    await capturing;
    expect(captures).toHaveLength(1);
  });

  it('is usable again after a failure', async () => {
    const { context, captures } = makeContext();
    const capturing = context.capture(stream);
    captures[0]?.reject(nativeError('ERR_TRT_UNSUPPORTED'));
    await expect(capturing).rejects.toEqual(code('ERR_TRT_UNSUPPORTED'));
    expect(() => context.enqueue(stream)).not.toThrow();
  });

  it('leaves it to the native side to say that it is closed', async () => {
    const { context, native, captures } = makeContext();
    const capturing = context.capture(stream);
    await context.close();
    native.enqueue = () => {
      throw nativeError('ERR_TRT_ENGINE_CLOSED');
    };
    expect(() => context.enqueue(stream)).toThrow(code('ERR_TRT_ENGINE_CLOSED'));
    captures[0]?.resolve(graph);
    await capturing;
  });
});
