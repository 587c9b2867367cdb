import { generateKeyPairSync } from 'node:crypto';
import path from 'node:path';
import { expect, it } from 'vitest';
import { modelPath, profiles } from '../../bench/digits.mjs';
import { codeOf, root, temporaryFolder, trtNode } from './gpu-host';

const folder = await temporaryFolder();
const odd = (name: string): string => path.join(root, 'models', 'odd', `${name}.onnx`);

it('inspectOnnx asks TensorRT on the GPU', async () => {
  const { support, nodes } = await trtNode.inspectOnnx(modelPath, { runtime: 'tensorrt' });
  expect(support).toMatchObject({
    flavour: 'tensorrt',
    device: 0,
    supported: true,
    firstUnsupported: null,
  });
  expect(support?.subgraphs.flatMap((run) => run.nodes)).toHaveLength(nodes);
});

it('inspectOnnx names the first node that TensorRT does not support', async () => {
  const { support } = await trtNode.inspectOnnx(odd('custom-domain'), { runtime: 'tensorrt' });
  expect(support).toMatchObject({
    supported: false,
    firstUnsupported: {
      index: 1,
      name: 'the_culprit',
      operator: 'Frobnicate',
      domain: 'com.example',
    },
    unsupportedOperators: [{ operator: 'com.example:Frobnicate', nodes: 1 }],
  });
});

it('a signed plan loads with its key and says so, and with no other', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const output = path.join(folder, 'signed.engine');
  await trtNode.buildEngine(modelPath, {
    runtime: 'tensorrt',
    profiles,
    output,
    optimizationLevel: 0,
    signingKey: privateKey,
  });
  await using engine = await trtNode.loadEngine(output, { verificationKey: publicKey });
  expect(engine.integrity).toBe('signature');
  expect(engine.manifest?.signature?.algorithm).toBe('ed25519');

  const stranger = generateKeyPairSync('ed25519').publicKey;
  expect(await codeOf(trtNode.loadEngine(output, { verificationKey: stranger }))).toBe(
    'ERR_TRT_ENGINE_SIGNATURE',
  );
});
