import { afterEach, describe, expect, it } from 'vitest';
import { loadBinding } from '../support/native-host';
import { freshFolder, identityModel, stubParsers, writtenModel } from '../support/stub-build';
import { held, nothingHeld, stubLibraries } from '../support/stub-host';
import { stubAbis } from '../support/stub-plans';
import type { TinyModel } from '../support/onnx-writer';

afterEach(() => {
  expect(held()).toEqual(nothingHeld);
});

/** Two nodes that the stub's parser knows, and one between them that it does not. */
const odd: TinyModel = {
  ...identityModel,
  nodes: [
    { op: 'Identity', name: 'first', inputs: ['x'], outputs: ['a'] },
    { op: 'Curious', name: 'odd', inputs: ['a'], outputs: ['b'] },
    { op: 'Identity', name: 'last', inputs: ['b'], outputs: ['y'] },
  ],
};

describe.each(stubAbis)('what the parser of %s says of a model', (abi) => {
  async function inspect(model: TinyModel) {
    const { path, sha256: modelSha256 } = await writtenModel(model);
    return loadBinding().inspectModel({
      library: { core: stubLibraries[abi], parser: stubParsers[abi] },
      ...{ model: path, modelSha256, externalData: null, stage: await freshFolder() },
      ...{ device: abi === 'rtx' ? null : 0, plugins: [], standardPlugins: false },
    });
  }

  it('is that it supports all of it', async () => {
    expect(await inspect(identityModel)).toMatchObject({
      supported: true,
      subgraphs: [{ nodes: [0], supported: true }],
      errors: [],
    });
  });

  it('names the nodes that it does not support, and the runs that it does', async () => {
    expect(await inspect(odd)).toMatchObject({
      supported: false,
      subgraphs: [
        { nodes: [0], supported: true },
        { nodes: [1], supported: false },
        { nodes: [2], supported: true },
      ],
      errors: [{ node: 1, name: 'odd', operator: 'Curious', code: 'unsupported-node' }],
    });
  });
});
