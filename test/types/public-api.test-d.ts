// Programs that compile, and beside each what must not: an expected error that does not come is an error itself.
import { Tensor as OnnxRuntimeTensor } from 'onnxruntime-common';
import { expectTypeOf, test } from 'vitest';
import {
  buildEngine,
  infer,
  inspectOnnx,
  loadEngine,
  probeRuntimes,
  Tensor,
  TrtError,
} from '../../lib/index';
import type {
  BuiltEngine,
  DeviceTensor,
  Engine,
  InferTiming,
  LoadOptions,
  Manifest,
  NestedArray,
  OnnxInspection,
  RuntimeReport,
  TensorInputs,
  TensorLike,
  Tensors,
  TimedResult,
  TrtErrorCode,
  TypedTensor,
} from '../../lib/index';

declare const engine: Engine;
const image = new Float32Array(64);

test('a plan is built, loaded and run', async () => {
  const built = await buildEngine('model.onnx', { output: 'model.engine', precision: 'fp16' });
  expectTypeOf(built).toEqualTypeOf<BuiltEngine>();
  await using loaded = await loadEngine(built);
  expectTypeOf(loaded).toEqualTypeOf<Engine>();
  const outputs = await infer(loaded, { image: new Tensor('float32', image, [1, 64]) });
  expectTypeOf(outputs).toEqualTypeOf<Tensors>();
  expectTypeOf(await probeRuntimes()).toEqualTypeOf<RuntimeReport>();
  expectTypeOf((await loaded.inferTimed({ image })).timing).toEqualTypeOf<InferTiming>();
  expectTypeOf(loaded.inferSync({ image })).toEqualTypeOf<Tensors>();
  expectTypeOf(loaded.manifest).toEqualTypeOf<Manifest | null>();
});

test('a plan is a path, a URL, bytes or a BuiltEngine', () => {
  type Plan = Parameters<typeof loadEngine>[0];
  expectTypeOf<Plan>().toEqualTypeOf<string | URL | Uint8Array | BuiltEngine>();
  void loadEngine(Buffer.alloc(1), { integrity: 'off', device: 1 });
  // @ts-expect-error a plan is no number
  void loadEngine(5);
  // @ts-expect-error a misspelt option
  void loadEngine('a.engine', { devise: 1 });
  void loadEngine('a.engine', { integrity: 'signature', verificationKey: new Uint8Array(32) });
  expectTypeOf<LoadOptions['device']>().toEqualTypeOf<number | undefined>();
});

test('a tensor’s data belongs to its type', () => {
  expectTypeOf(new Tensor('float32', image, [64]).data).toEqualTypeOf<Float32Array>();
  expectTypeOf(new Tensor('int64', new BigInt64Array(1)).data).toEqualTypeOf<BigInt64Array>();
  expectTypeOf(new Tensor('bool', new Uint8Array(1)).type).toEqualTypeOf<'bool'>();
  // @ts-expect-error float32 is no Int32Array
  new Tensor('float32', new Int32Array(1));
  // @ts-expect-error int64 is no Int32Array
  new Tensor('int64', new Int32Array(1));
  // @ts-expect-error an unknown type
  new Tensor('float64', new Float64Array(1));
  expectTypeOf<Tensor<'float32'>>().toExtend<Tensor>();
  expectTypeOf<Tensor>().toExtend<TensorLike>();
});

test('types without an array of their own stand in integers', () => {
  expectTypeOf(new Tensor('bfloat16', new Uint16Array(1)).data).toEqualTypeOf<Uint16Array>();
  for (const type of ['float8e4m3fn', 'float8e8m0', 'float4e2m1', 'int4'] as const) {
    expectTypeOf(new Tensor(type, new Uint8Array(1)).data).toEqualTypeOf<Uint8Array>();
  }
  // @ts-expect-error bits are no numbers
  new Tensor('bfloat16', new Float32Array(1));
});

test('a tensor is made of plain values, and its type follows', async () => {
  expectTypeOf(
    Tensor.from([
      [1, 2],
      [3, 4],
    ]),
  ).toEqualTypeOf<Tensor<'float32'>>();
  expectTypeOf(Tensor.from(1)).toEqualTypeOf<Tensor<'float32'>>();
  expectTypeOf(Tensor.from([1n])).toEqualTypeOf<Tensor<'int64'>>();
  expectTypeOf(Tensor.from([[true]])).toEqualTypeOf<Tensor<'bool'>>();
  expectTypeOf(Tensor.from(new Int32Array(1))).toEqualTypeOf<Tensor<'int32'>>();
  expectTypeOf(Tensor.from(Buffer.alloc(1))).toEqualTypeOf<Tensor<'uint8'>>();
  expectTypeOf(Tensor.from([1], 'float16', [1, 1])).toEqualTypeOf<Tensor<'float16'>>();
  expectTypeOf(Tensor.from([image, image], 'bfloat16')).toEqualTypeOf<Tensor<'bfloat16'>>();
  // @ts-expect-error strings are no values
  Tensor.from(['a']);
  const half = Tensor.from([1], 'float16');
  expectTypeOf(half.toFloat32()).toEqualTypeOf<Float32Array>();
  expectTypeOf(half.toNested()).toEqualTypeOf<NestedArray<number>>();
  expectTypeOf(Tensor.from([1n]).toNested()).toEqualTypeOf<NestedArray<bigint>>();
  expectTypeOf(await Tensor.from([1n]).getData()).toEqualTypeOf<BigInt64Array>();
});

test('inputs are tensors of any make, or bare arrays', () => {
  void engine.infer({ image });
  void engine.infer({ image: { type: 'float32', data: image, dims: [1, 64] } }, { profile: 0 });
  void engine.infer({ half: { type: 'float16', data: new Uint16Array(1), dims: [1] } });
  void engine.infer({ bytes: Buffer.alloc(1), ids: new BigInt64Array(1) });
  // A tensor of ONNX Runtime.
  void engine.infer({ image: new OnnxRuntimeTensor('float32' as const, image, [1, 64]) });
  // @ts-expect-error no tensor type has 64-bit floats
  void engine.infer({ image: new Float64Array(64) });
  // @ts-expect-error a plain array
  void engine.infer({ image: [1, 2, 3] });
  // @ts-expect-error dims are missing
  void engine.infer({ image: { type: 'float32', data: image } });
  // @ts-expect-error outputs are names
  void engine.infer({ image }, { outputs: [1] });
  // An inference's outputs are another's inputs.
  expectTypeOf<Tensors>().toExtend<TensorInputs>();
});

test('what infer returns follows the option `outputs`', async () => {
  const named = await engine.infer({ image }, { outputs: ['scores'] });
  expectTypeOf(named).toEqualTypeOf<Record<'scores', TypedTensor>>();
  // @ts-expect-error it was not asked for
  void named.label;
  const scores = new Tensor('float32', image);
  const mixed = engine.inferSync({ image }, { outputs: { scores, cache: 'device', label: true } });
  expectTypeOf(mixed.scores).toEqualTypeOf<Tensor<'float32'>>();
  expectTypeOf(mixed.cache).toEqualTypeOf<DeviceTensor>();
  expectTypeOf(mixed.label).toEqualTypeOf<TypedTensor>();
  const { outputs } = await engine.inferTimed({ image }, { outputs: { cache: mixed.cache } });
  expectTypeOf(outputs.cache).toEqualTypeOf<DeviceTensor>();
  // A device tensor is an input.
  void infer(engine, { cache: mixed.cache }, { deadlineMs: 5, signal: AbortSignal.timeout(5) });
  // @ts-expect-error there is no such place
  void engine.infer({ image }, { outputs: { scores: 'gpu' } });
});

test('inferTimed gives the debug tensors that were asked for', async () => {
  const { debug, outputs } = await engine.inferTimed({ image }, { debug: ['hidden'] });
  expectTypeOf(debug).toEqualTypeOf<Record<'hidden', TypedTensor>>();
  expectTypeOf(outputs).toEqualTypeOf<Tensors>();
  const plain = await engine.inferTimed({ image }, { deadlineMs: 5 });
  expectTypeOf(plain).toEqualTypeOf<TimedResult>();
  // @ts-expect-error nothing was asked for
  void plain.debug;
  // @ts-expect-error it is of inferTimed alone
  void engine.infer({ image }, { debug: ['hidden'] });
  expectTypeOf(engine.debugTensors).toEqualTypeOf<readonly string[]>();
});

test('a tensor’s type tells what its data is', async () => {
  const { label } = await engine.infer({ image });
  if (label?.type === 'int64') expectTypeOf(label.data).toEqualTypeOf<BigInt64Array>();
});

test('an engine is loaded with lanes and closed', async () => {
  const graphs = { mode: 'on', max: 4 } as const;
  const loaded = await loadEngine('a.engine', { lanes: 2, waiting: 'spin', graphs });
  expectTypeOf(loaded.graphs.reason).toEqualTypeOf<string | null>();
  expectTypeOf(loaded.allocate('image')).toEqualTypeOf<TypedTensor>();
  void loaded.warmup([{ image: [1, 64] }]);
  void loaded.close({ drain: true, timeoutMs: 100 });
  // @ts-expect-error there is no such way to wait
  void loadEngine('a.engine', { waiting: 'sleep' });
});

test('an output may be missing, as its name is only a string', async () => {
  const { scores } = await engine.infer({ image });
  // @ts-expect-error it is possibly undefined
  expectTypeOf(scores.data);
  expectTypeOf(scores?.dims).toEqualTypeOf<readonly number[] | undefined>();
});

test('errors are told apart by their code', () => {
  const error: unknown = null;
  if (error instanceof TrtError && error.code === 'ERR_TRT_INPUT_DIMS') {
    expectTypeOf(error.code).toExtend<TrtErrorCode>();
  }
  // @ts-expect-error no such code
  const code: TrtErrorCode = 'ERR_TRT_TYPO';
  expectTypeOf(code).toExtend<string>();
});

test('what an engine tells cannot be assigned', () => {
  // @ts-expect-error it is readonly
  engine.version = '11.0.0';
  // @ts-expect-error it is readonly
  engine.inputs[0] = undefined;
});

test('a model is inspected, and a plan is signed and verified', async () => {
  const told = await inspectOnnx(new Uint8Array(), { runtime: 'tensorrt-rtx', device: 0 });
  expectTypeOf(told).toEqualTypeOf<OnnxInspection>();
  expectTypeOf(told.support?.firstUnsupported?.domain).toEqualTypeOf<string | null | undefined>();
  // @ts-expect-error an option of builds alone
  void inspectOnnx('model.onnx', { output: 'model.engine' });

  const secret = new Uint8Array(32);
  void buildEngine('model.onnx', { signingKey: { key: secret, keyId: 'ci' } });
  void loadEngine('model.engine', { verificationKey: [secret, 'PEM'], integrity: 'signature' });
  // @ts-expect-error a key is named by a text
  void buildEngine('model.onnx', { signingKey: { key: secret, keyId: 1 } });
  // @ts-expect-error there is no such integrity
  void loadEngine('model.engine', { integrity: 'signed' });
});
