import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  buildAll,
  builtOf,
  codeOfBuild,
  expectOutputs,
  pathOf,
  runAnsweredBy,
  tensorInputs,
  type BuildOutcome,
  type OddModel,
  type OddRun,
} from '../support/odd-models';
import { temporaryFolder, trtNode } from './gpu-host';

/** Each starts a process and a TensorRT in it. */
const buildsAtOnce = Math.min(12, Math.max(2, os.availableParallelism() - 4));

/** Builds them all with TensorRT, beside each other. */
export async function buildOdd(
  models: readonly OddModel[],
): Promise<(model: OddModel) => Promise<BuildOutcome>> {
  const folder = await temporaryFolder();
  // A build waits for TensorRT's start more than it computes; level 0 takes the first kernel that fits. 'fp32' keeps TF32 out.
  return buildAll(
    models,
    (model) =>
      trtNode.buildEngine(pathOf(model), {
        runtime: 'tensorrt',
        precision: 'fp32',
        optimizationLevel: 0,
        // Some operators are plugins to TensorRT's parser.
        standardPlugins: true,
        output: path.join(folder, `${model.name}.engine`),
        ...(model.profiles.length > 0 ? { profiles: model.profiles } : {}),
      }),
    buildsAtOnce,
  );
}

/** The tests that every odd model gets: what its engine answers, or the code that its build ends with. */
export function describeOdd(
  models: readonly OddModel[],
  outcomeOf: (model: OddModel) => Promise<BuildOutcome>,
): void {
  const builds = models.filter(({ tensorrt }) => tensorrt.builds);
  const answeredRight = builds.filter(({ tensorrt }) => !tensorrt.differs);
  const answeredWrong = builds.filter(({ tensorrt }) => tensorrt.differs);

  describe("an odd model gives ONNX Runtime's outputs", () => {
    // Small tensors on the host, where kernels read and add up in them, and on the GPU.
    const placed = answeredRight.flatMap((model) =>
      [true, false].map((directTensors) => ({ ...model, model, directTensors })),
    );
    it.each(placed)('$name, directTensors: $directTensors: $what', async (each) => {
      const { model, directTensors } = each;
      const built = await builtOf(outcomeOf(model));
      await using engine = await built.load({ standardPlugins: true, directTensors });
      for (const run of model.runs) {
        const inputs = tensorInputs(model, run);
        expectOutputs(await engine.infer(inputs), run, model);
        expectOutputs(engine.inferSync(inputs), run, model);
      }
      // The runs again, all at once and backwards: nothing of one may be left in another.
      const backwards = model.runs.toReversed();
      const answers = await Promise.all(
        backwards.map((run) => engine.infer(tensorInputs(model, run))),
      );
      answers.forEach((outputs, i) => expectOutputs(outputs, backwards[i] as OddRun, model));
    });
  });

  describe('an odd model that one TensorRT answers wrongly', () => {
    // Exactly as wrong as it is known to be, so that neither a repair nor another mistake goes unseen; other versions are right.
    it.each(answeredWrong)('$name: $tensorrt.differs.what', async (model) => {
      await using engine = await (await builtOf(outcomeOf(model))).load({ standardPlugins: true });
      for (const [index, run] of model.runs.entries()) {
        const expected = runAnsweredBy(engine.version, model, run, index);
        expectOutputs(await engine.infer(tensorInputs(model, run)), expected, model);
      }
    });
  });

  describe('an odd model that TensorRT does not build', () => {
    it.each(models.filter(({ tensorrt }) => !tensorrt.builds))('$name: $what', async (model) => {
      expect(model.tensorrt.codes).toContain(await codeOfBuild(outcomeOf(model)));
    });
  });
}
