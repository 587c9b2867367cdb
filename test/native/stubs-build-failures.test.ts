import { access, readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { failure, rejectionOf, trtNode } from '../support/native-host';
import {
  buildOnStub,
  freshFolder,
  identityModel,
  identityProfile,
  recordOf,
  stubPlugin,
} from '../support/stub-build';
import { held, loadStub, nothingHeld, setFaults, stubLibraries } from '../support/stub-host';
import { identity, vector } from '../support/stub-models';
import { writeOnnx } from '../support/onnx-writer';
import type { BuildOptions } from '../../lib/index';

afterEach(() => {
  vi.unstubAllEnvs();
  setFaults();
  expect(held()).toEqual(nothingHeld);
});

const abis = ['v10', 'v11'] as const;
type Abi = (typeof abis)[number];

/** The whole of it: `buildEngine`, with the stub in a child process. */
async function build(abi: Abi, options: BuildOptions = {}): Promise<string> {
  const { path: output } = await trtNode.buildEngine(writeOnnx(identityModel), {
    library: stubLibraries[abi],
    profiles: [identityProfile],
    timingCache: false,
    output: path.join(await freshFolder(), 'model.engine'),
    ...options,
  });
  if (output === undefined) throw new Error('the engine has no path');
  return output;
}

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

describe.each(abis)('a build that TensorRT %s ends', (abi) => {
  it('works once there is no fault', async () => {
    const output = await build(abi);
    expect(await exists(output)).toBe(true);
    expect(await exists(`${output}.json`)).toBe(true);
  });

  it('#22 for want of memory: a code of its own, and another engine still infers', async () => {
    const engine = await loadStub(abi, identity);
    try {
      vi.stubEnv('TRT_NODE_STUB_BUILD', 'out-of-memory');
      await failure('ERR_TRT_OUT_OF_MEMORY', buildOnStub(abi));
      vi.unstubAllEnvs();
      setFaults('tensorrt:1=2'); // cudaMalloc itself
      await failure('ERR_TRT_OUT_OF_MEMORY', buildOnStub(abi));
      setFaults();
      const data = Float32Array.of(1, 2, 3);
      const outputs = await engine.infer({ x: vector(data) });
      expect(Object.values(outputs)[0]?.data).toEqual(data);
      await buildOnStub(abi);
    } finally {
      await engine.close();
    }
  });

  it('#21 for want of workspace: says the layer and the limit', async () => {
    vi.stubEnv('TRT_NODE_STUB_WORKSPACE', String(64 << 20));
    const memoryPools = { workspace: 1 << 20 };
    const error = await failure('ERR_TRT_BUILD_FAILED', buildOnStub(abi, { memoryPools }));
    expect(error.details).toMatchObject({ reason: 'workspace', layer: 'copy' });
    expect(error.message).toContain(String(1 << 20));
    await buildOnStub(abi, { memoryPools: { workspace: 64 << 20 } });
  });

  it.each(['crash', 'killed', 'exit'])('by a %s: an error here, and no file', async (fault) => {
    vi.stubEnv('TRT_NODE_STUB_BUILD', fault);
    const folder = await freshFolder();
    const output = path.join(folder, 'model.engine');
    await failure('ERR_TRT_BUILD_CRASHED', build(abi, { output }));
    expect(await exists(output)).toBe(false);
    expect(await exists(`${output}.json`)).toBe(false);
  });

  it('#20 never, and an abort ends it: the reason comes, no file stays, and a second build works', async () => {
    vi.stubEnv('TRT_NODE_STUB_BUILD', 'hang');
    const output = path.join(await freshFolder(), 'model.engine');
    const controller = new AbortController();
    const reason = new Error('enough');
    // The stub hangs after half of its steps.
    const job = build(abi, {
      output,
      signal: controller.signal,
      onProgress: ({ phase, kind }) => {
        if (kind === 'step' && phase === 'Tactic Selection') controller.abort(reason);
      },
    });
    expect(await rejectionOf(job)).toBe(reason);
    expect(await exists(output)).toBe(false);
    vi.unstubAllEnvs();
    expect(await exists(await build(abi, { output }))).toBe(true);
  });
});

describe('what a build hands to its child', () => {
  it('is all that was asked for', async () => {
    const output = await build('v10', {
      precision: ['fp16', 'bf16'],
      refit: 'identical',
      plugins: [stubPlugin],
      maxAuxStreams: 2,
      memoryPools: { workspace: 4096 },
    });
    const record = recordOf(await readFile(output));
    expect(record).toMatchObject({
      plugins: [stubPlugin],
      maxAuxStreams: 2,
      memoryPools: { WORKSPACE: 4096 },
      networkFlags: [],
    });
    expect([...record.flags].sort()).toEqual(['BF16', 'FP16', 'REFIT_IDENTICAL', 'TF32']);
  });
});
