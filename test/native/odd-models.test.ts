import fs from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BuiltEngine, TensorInfo } from '../../lib/index';
import { failure, requireRtx, temporaryFolder, trtNode } from '../support/native-host';
import {
  buildAll,
  builtOf,
  codeOfBuild,
  fits,
  inputsOf,
  oddModel,
  oddModels,
  pathOf,
  type OddModel,
  type OddTensor,
} from '../support/odd-models';

await requireRtx();
const folder = await temporaryFolder();

function build(model: OddModel, file = pathOf(model)): Promise<BuiltEngine> {
  return trtNode.buildEngine(file, {
    runtime: 'tensorrt-rtx',
    computeCapabilities: model.rtx.computeCapabilities ?? ['8.6'],
    ...(model.profiles.length > 0 ? { profiles: model.profiles } : {}),
  });
}

const outcomeOf = buildAll(oddModels, (model) => build(model), 2);

/** Names and types, in the order of names. */
const sketch = (tensors: readonly (readonly [string, { readonly type: string }])[]): string[] =>
  tensors.map(([name, { type }]) => `${name} ${type}`).toSorted();
const named = (tensors: readonly TensorInfo[]): [string, TensorInfo][] =>
  tensors.map((tensor) => [tensor.name, tensor]);

function expectFit(given: readonly (readonly [string, OddTensor])[], built: readonly TensorInfo[]) {
  expect(sketch(named(built))).toEqual(sketch(given));
  for (const [name, { dims }] of given) {
    const tensor = built.find((candidate) => candidate.name === name) as TensorInfo;
    expect(fits(tensor.dims, dims), `${name}: ${dims.join()} in ${tensor.dims.join()}`).toBe(true);
  }
}

describe('an odd model that TensorRT-RTX builds', () => {
  it.each(oddModels.filter(({ rtx }) => rtx.builds))('$name: $what', async (model) => {
    const { manifest, sizeBytes } = await builtOf(outcomeOf(model));
    expect(sizeBytes).toBeGreaterThan(0);
    for (const run of model.runs) {
      expectFit(inputsOf(model, run), manifest.inputs);
      expectFit(Object.entries(run.outputs), manifest.outputs);
    }
    const withValues = model.profiles
      .flatMap((profile) => Object.entries(profile))
      .flatMap(([name, range]) => (range.values ? [name] : []));
    const shapeTensors = manifest.inputs.filter(({ isShapeTensor }) => isShapeTensor);
    expect(shapeTensors.map(({ name }) => name).toSorted()).toEqual(withValues.toSorted());
  });
});

describe('an odd model that TensorRT-RTX does not build', () => {
  it.each(oddModels.filter(({ rtx }) => !rtx.builds))('$name: $what', async (model) => {
    expect(model.rtx.codes).toContain(await codeOfBuild(outcomeOf(model)));
  });
});

describe('a model that TensorRT-RTX cannot read', () => {
  it.each([
    ['unknown-operators', [/first.*Frobnicate/, /second.*Confuse/]],
    ['custom-domain', [/the_culprit.*Frobnicate/]],
    ['sequence', [/SequenceConstruct/, /SequenceAt/]],
  ])('#17 %s: each node is named with its operator', async (name, nodes) => {
    const outcome = await outcomeOf(oddModel(name));
    const { message, details } = (outcome as { error: InstanceType<typeof trtNode.TrtError> })
      .error;
    const errors = details['errors'] as readonly string[];
    expect(errors).toHaveLength(nodes.length);
    nodes.forEach((node, index) => {
      expect(errors[index]).toMatch(node);
      expect(message).toMatch(node);
    });
  });
});

/** Park and Miller's generator: the same numbers on every run. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

async function fileWith(name: string, content: Uint8Array): Promise<string> {
  const file = path.join(folder, name);
  await fs.writeFile(file, content);
  return file;
}

const attention = oddModel('attention');
const wholeModel = await fs.readFile(pathOf(attention));

describe('#16 a damaged model', () => {
  it('is recognised wherever it was cut off', async () => {
    // The last field is opset_import, the one before the graph of nearly all bytes.
    const step = Math.floor(wholeModel.length / 40);
    for (let end = 1; end < wholeModel.length; end += step) {
      const cut = await fileWith('cut.onnx', wholeModel.subarray(0, end));
      const { details } = await failure('ERR_TRT_ONNX_INVALID', build(attention, cut));
      expect(details['reason'], `cut off at ${end}`).toBe('truncated');
    }
  });

  it('is recognised in random bytes', async () => {
    const random = randomNumbers(16);
    for (let round = 0; round < 20; ++round) {
      const bytes = Uint8Array.from({ length: 1 + random(4096) }, () => random(256));
      const file = await fileWith('random.onnx', bytes);
      const { details } = await failure('ERR_TRT_ONNX_INVALID', build(attention, file));
      expect(['not-onnx', 'truncated']).toContain(details['reason']);
    }
  });

  it('never takes the process with it when some of its bytes are others', async () => {
    const random = randomNumbers(1);
    const damaged = Array.from({ length: 12 }, (_, index): OddModel => {
      return { ...attention, name: `damaged ${index}` };
    });
    const outcomes = buildAll(
      damaged,
      async (model) => {
        const bytes = Uint8Array.from(wholeModel);
        for (let count = 1 + random(4); count > 0; --count) {
          bytes[random(bytes.length)] = random(256);
        }
        return build(model, await fileWith(`${model.name}.onnx`, bytes));
      },
      2,
    );
    const codes = await Promise.all(damaged.map((model) => codeOfBuild(outcomes(model))));
    // Some damage lies in a weight or in an unused name, and the model is still one.
    for (const code of codes) {
      expect(code).toMatch(
        /^no error|^ERR_TRT_(ONNX_INVALID|ONNX_PARSE|PROFILE_MISSING|PROFILE_INVALID|BUILD_FAILED)$/,
      );
    }
    expect(codes.some((code) => code.startsWith('ERR_TRT_ONNX'))).toBe(true);
  });
});
