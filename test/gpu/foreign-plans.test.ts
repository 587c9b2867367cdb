import { spawnSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { modelPath, profiles } from '../../bench/digits.mjs';
import { codeOf, root, temporaryFolder, trtNode } from './gpu-host';

const folder = await temporaryFolder();
const plan = path.join(folder, 'digits.engine');
let bytes: Buffer;
beforeAll(async () => {
  await trtNode.buildEngine(modelPath, {
    runtime: 'tensorrt',
    profiles,
    output: plan,
    optimizationLevel: 0,
  });
  bytes = await fs.readFile(plan);
});

async function codeOfAltered(alter: (copy: Buffer) => Buffer, manifest = true): Promise<string> {
  const file = path.join(folder, 'altered.engine');
  await fs.writeFile(file, alter(Buffer.from(bytes)));
  if (manifest) await fs.copyFile(`${plan}.json`, `${file}.json`);
  else await fs.rm(`${file}.json`, { force: true });
  return codeOf(trtNode.loadEngine(file));
}

describe('a plan that is not as it was built', () => {
  it.each([0.1, 0.5, 0.9, 0.999])('#7 cut to %f of its length', async (part) => {
    expect(await codeOfAltered((copy) => copy.subarray(0, copy.length * part))).toBe(
      'ERR_TRT_ENGINE_DIGEST',
    );
  });

  it('#8 with one byte flipped, wherever it is', async () => {
    for (let i = 0; i < 50; ++i) {
      const at = 64 + Math.floor(((bytes.length - 65) * i) / 49);
      const code = await codeOfAltered((copy) => {
        copy.writeUInt8(copy.readUInt8(at) ^ 0x10, at);
        return copy;
      });
      expect(code).toBe('ERR_TRT_ENGINE_DIGEST');
    }
  });

  it('#4 of another TensorRT version', async () => {
    const code = await codeOfAltered((copy) => {
      copy.writeUInt8(copy.readUInt8(25) + 1, 25);
      return copy;
    }, false);
    expect(code).toBe('ERR_TRT_ENGINE_VERSION');
  });

  it('without a manifest loads unverified', async () => {
    const file = path.join(folder, 'bare.engine');
    await fs.copyFile(plan, file);
    await using engine = await trtNode.loadEngine(file);
    expect(engine.integrity).toBe('unverified');
    expect(engine.manifest).toBeNull();
  });

  it('#5 of TensorRT-RTX: refused where the GPU or the plan says no', async () => {
    const capability = (await trtNode.probeRuntimes()).gpus[0]?.computeCapability ?? '';
    // A host without TensorRT-RTX is given a plan that was built elsewhere, for 8.6 and 12.0 too.
    let rtx = process.env['TRT_NODE_TEST_RTX_PLAN'];
    if (rtx === undefined) {
      rtx = path.join(folder, 'rtx.engine');
      const computeCapabilities = ['8.6', '12.0'];
      await trtNode.buildEngine(modelPath, {
        runtime: 'tensorrt-rtx',
        computeCapabilities,
        profiles,
        output: rtx,
      });
    }
    const outcome = await codeOf(trtNode.loadEngine(rtx).then((engine) => engine.close()));
    if (['9.0', '10.0'].includes(capability)) expect(outcome).toBe('ERR_TRT_GPU_UNSUPPORTED');
    else if (['8.6', '12.0'].includes(capability)) expect(outcome).toBe('no error');
    else expect(outcome).toBe('ERR_TRT_ENGINE_GPU');
  });
});

describe('without LD_LIBRARY_PATH', () => {
  it('builds and infers with a TensorRT that is found by its path', () => {
    const library = process.env['LD_LIBRARY_PATH']?.split(':')[0];
    expect(library, 'the TensorRT of this suite is on LD_LIBRARY_PATH').toBeDefined();
    const { LD_LIBRARY_PATH: _, ...env } = process.env;
    const script = `
      const { buildEngine } = require(${JSON.stringify(path.join(root, 'dist', 'index.js'))});
      (async () => {
        const built = await buildEngine(${JSON.stringify(modelPath)}, {
          runtime: 'tensorrt', library: process.argv[1], profiles: ${JSON.stringify(profiles)}, optimizationLevel: 0 });
        const engine = await built.load({ library: process.argv[1] });
        const { logits } = await engine.infer({
          images: { type: 'float32', data: new Float32Array(64), dims: [1, 1, 8, 8] } });
        console.log(logits.dims.join('x'));
      })();`;
    const child = spawnSync(process.execPath, ['-e', script, library as string], {
      env,
      encoding: 'utf8',
    });
    expect(child.stderr).toBe('');
    expect(child.stdout).toBe('1x10\n');
  });
});

describe('doctor', () => {
  it('finds nothing missing here', () => {
    const cli = path.join(root, 'dist', 'cli', 'main.js');
    const child = spawnSync(process.execPath, [cli, 'doctor', '--json'], { encoding: 'utf8' });
    expect(child.status, child.stdout + child.stderr).toBe(0);
  });
});
