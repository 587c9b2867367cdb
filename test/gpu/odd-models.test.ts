// The odd models in which the binding has a part; odd-operators.test.ts has those that try TensorRT alone.
import { expect, it } from 'vitest';
import {
  builtOf,
  oddModel,
  oddModels,
  tensorInputs,
  type OddModel,
  type OddRun,
} from '../support/odd-models';
import { buildOdd, describeOdd } from './odd-engines';

const models = oddModels.filter(({ tries }) => tries === 'trt-node');
const outcomeOf = await buildOdd(models);
const load = async (model: OddModel) =>
  (await builtOf(outcomeOf(model))).load({ standardPlugins: true });

describeOdd(models, outcomeOf);

it('#34 NaN, infinities, -0 and denormal numbers pass an identity bit by bit', async () => {
  const model = oddModel('identity');
  const inputs = tensorInputs(model, model.runs[0] as OddRun);
  const { data: x } = inputs['x'] as { data: Float32Array };
  await using engine = await load(model);
  const y = (await engine.infer(inputs))['y']?.data as Float32Array;
  expect(new Uint8Array(y.buffer, y.byteOffset, y.byteLength)).toEqual(new Uint8Array(x.buffer));
});

it('an engine lists the range of every input, whatever its name is', async () => {
  const model = oddModel('names-prototype');
  await using engine = await load(model);
  const ranges = Object.entries(engine.profiles[0] ?? {}).map(([name, { max }]) => [name, max]);
  const names = Object.keys((model.runs[0] as OddRun).inputs);
  expect(ranges.toSorted()).toEqual(names.map((name) => [name, [4]]).toSorted());
});

it('an engine lists its layers though TensorRT does not escape a tab in a name', async () => {
  const built = await builtOf(outcomeOf(oddModel('names-control')));
  expect(built.manifest.layers?.length).toBeGreaterThan(0);
  await using engine = await built.load();
  expect((await engine.inspect()).layers.length).toBeGreaterThan(0);
});
