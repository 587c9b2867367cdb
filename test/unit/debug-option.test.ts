import { describe, expect, it } from 'vitest';
import { Engine } from '../../lib/engine';
import type { Manifest } from '../../lib/manifest-schema';
import { FakeNativeEngine, nativeError, tensorInfo } from '../support/fake-native-engine';

const x = Float32Array.of(1);

function engineOf(options: Readonly<Record<string, unknown>> | null, ...marked: string[]) {
  const inputs = [tensorInfo('x', 'float32', [1])];
  const outputs = [tensorInfo('y', 'float32', [1])];
  const results = [{ dims: [1], data: Float32Array.of(2).buffer }];
  const native = new FakeNativeEngine(inputs, outputs, [{}], results);
  for (const name of marked) native.marked.add(name);
  const manifest = options === null ? null : ({ options } as unknown as Manifest);
  return { native, engine: new Engine(native, { manifest, integrity: 'off' }) };
}

describe('engine.debugTensors', () => {
  it('are those of the manifest that TensorRT knows', () => {
    const debugTensors = ['a', 'b', 5];
    expect(engineOf({ debugTensors }, 'a', 'c').engine.debugTensors).toEqual(['a']);
  });

  it.each([[null], [{}], [{ debugTensors: 'a' }]])('are none with %j', (options) => {
    expect(engineOf(options, 'a').engine.debugTensors).toEqual([]);
  });
});

describe('inferTimed with debug', () => {
  it('hands the names over, and gives the values under them', async () => {
    const { native, engine } = engineOf({ debugTensors: ['ab', 'abc'] }, 'ab', 'abc');
    const { debug, outputs } = await engine.inferTimed({ x }, { debug: ['abc', 'ab'] });
    expect(native.lastRequest.debug).toEqual(['abc', 'ab']);
    // A fake's value is the length of its tensor's name.
    expect(debug.abc).toMatchObject({ type: 'int32', dims: [1], data: Int32Array.of(3) });
    expect(debug.ab.data).toEqual(Int32Array.of(2));
    expect(outputs['y']?.data).toEqual(Float32Array.of(2));
  });

  it('asks TensorRT for names that no manifest lists', async () => {
    const { engine } = engineOf(null, '__proto__');
    const { debug } = await engine.inferTimed({ x }, { debug: ['__proto__'] as const });
    expect(Object.keys(debug)).toEqual(['__proto__']);
  });

  it('without names hands nothing over', async () => {
    const { native, engine } = engineOf(null);
    expect((await engine.inferTimed({ x }, { debug: [] })).debug).toEqual({});
    expect(native.lastRequest.debug).toBeNull();
    expect(await engine.inferTimed({ x }, { debug: undefined })).not.toHaveProperty('debug');
    expect(await engine.inferTimed({ x })).not.toHaveProperty('debug');
  });

  it('names what could be asked for, and the way to more', async () => {
    const { engine } = engineOf({ debugTensors: ['layer1', 'layer2'] }, 'layer1', 'layer2');
    const options = { debug: ['layer3'] };
    const error = await engine.inferTimed({ x }, options).catch((e: unknown) => e);
    expect(error).toMatchObject({
      code: 'ERR_TRT_INVALID_ARG',
      details: { tensor: 'layer3', debugTensors: ['layer1', 'layer2'] },
    });
    expect(String(error)).toMatch(/did you mean "layer1".*debugTensors: \["layer3"\]/);
  });

  it.each([
    ['a text', 'a'],
    ['numbers', [1]],
    ['a hole', new Array(1)],
    ['one twice', ['a', 'a']],
    ['null', null],
  ])('refuses %s', async (_what, debug) => {
    const { engine, native } = engineOf(null, 'a');
    const refused = engine.inferTimed({ x }, { debug: debug as string[] });
    await expect(refused).rejects.toMatchObject({
      code: 'ERR_TRT_INVALID_ARG',
      details: { argument: 'options.debug' },
    });
    expect(native.requests).toHaveLength(0);
  });

  it('is of inferTimed alone', async () => {
    const { engine } = engineOf(null, 'a');
    const options = { debug: ['a'] } as object;
    await expect(engine.infer({ x }, options)).rejects.toMatchObject({
      code: 'ERR_TRT_INVALID_ARG',
    });
    expect(() => engine.inferSync({ x }, options)).toThrow(
      expect.objectContaining({ code: 'ERR_TRT_INVALID_ARG' }),
    );
  });

  it('passes on what the addon says of a name', async () => {
    const { engine, native } = engineOf(null);
    native.isDebugTensor = () => {
      throw nativeError('ERR_TRT_ENGINE_CLOSED');
    };
    await expect(engine.inferTimed({ x }, { debug: ['a'] })).rejects.toMatchObject({
      name: 'TrtError',
      code: 'ERR_TRT_ENGINE_CLOSED',
    });
  });
});
