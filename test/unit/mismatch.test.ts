import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BuildOptions } from '../../lib/build-options';
import { TrtError, type TrtErrorCode } from '../../lib/errors';
import { checkedMismatch, isMismatch, loadOrRebuild } from '../../lib/mismatch';
import { FakeLocks } from '../support/cache-locks';

let folder: string;
let plan: string;
let locks: FakeLocks;
let built: BuildOptions[];
beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'mismatch-'));
  plan = path.join(folder, 'model.engine');
  locks = new FakeLocks();
  built = [];
});
afterEach(async () => {
  expect(locks.count).toBe(0);
  expect((await fs.readdir(folder)).filter((name) => name.startsWith('.'))).toEqual([]);
  await fs.rm(folder, { recursive: true, force: true });
});

const refusal = (code: TrtErrorCode, details = {}) => new TrtError(code, code, { details });

/** A machine on which a plan loads when its text is `fits`. */
async function load(): Promise<string> {
  const text = await fs.readFile(plan, 'utf8').catch(() => {
    throw refusal('ERR_TRT_ENGINE_NOT_FOUND', { errno: 'ENOENT' });
  });
  if (text !== 'fits') throw refusal(text as TrtErrorCode);
  return text;
}

async function build(_model: string, options: BuildOptions): Promise<void> {
  built.push(options);
  const temp = `${String(options.output)}.new`;
  await fs.writeFile(temp, 'fits');
  await fs.rename(temp, String(options.output));
}

/** Resolves once somebody was refused the lock, as another one holds it. */
function refusalOfLock(): Promise<void> {
  return new Promise((resolve) => (locks.onRefusal = resolve));
}

const rebuild = (options: BuildOptions = {}) => ({ model: '/model.onnx', options });
const ask = (options?: BuildOptions) => loadOrRebuild(plan, rebuild(options), locks, load, build);

describe('onMismatch: rebuild', () => {
  it.each([
    'ERR_TRT_ENGINE_VERSION',
    'ERR_TRT_ENGINE_FLAVOUR',
    'ERR_TRT_ENGINE_GPU',
    'ERR_TRT_GPU_UNSUPPORTED',
    'ERR_TRT_LIBRARY_NOT_FOUND',
  ])('builds again what is refused as %s', async (code) => {
    await fs.writeFile(plan, code);
    expect(await ask({ optimizationLevel: 0 })).toBe('fits');
    expect(built).toEqual([{ optimizationLevel: 0, output: plan }]);
  });

  it('builds what is missing', async () => {
    expect(await ask()).toBe('fits');
    expect(built).toHaveLength(1);
  });

  it('builds nothing where the plan fits', async () => {
    await fs.writeFile(plan, 'fits');
    expect(await ask()).toBe('fits');
    expect(built).toEqual([]);
  });

  it.each([
    'ERR_TRT_ENGINE_DIGEST',
    'ERR_TRT_ENGINE_SIGNATURE',
    'ERR_TRT_ENGINE_INVALID',
    'ERR_TRT_NO_GPU',
  ])('leaves %s an error', async (code) => {
    await fs.writeFile(plan, code);
    await expect(ask()).rejects.toMatchObject({ code });
    expect(built).toEqual([]);
  });

  it('is told from a plan that is there and cannot be read', () => {
    expect(isMismatch(refusal('ERR_TRT_ENGINE_NOT_FOUND', { errno: 'EACCES' }))).toBe(false);
    expect(isMismatch(new Error('other'))).toBe(false);
  });

  it('of many at once builds once', async () => {
    await fs.writeFile(plan, 'ERR_TRT_ENGINE_GPU');
    expect(await Promise.all(Array.from({ length: 8 }, () => ask()))).toEqual(
      Array.from({ length: 8 }, () => 'fits'),
    );
    expect(built).toHaveLength(1);
  });

  it('another takes over where the build fails', async () => {
    let other: Promise<string> | undefined;
    const failing = loadOrRebuild(plan, rebuild(), locks, load, async () => {
      // It has the lock now: whoever comes has to wait.
      other = ask();
      await refusalOfLock();
      throw new Error('no kernel');
    });
    await expect(failing).rejects.toThrow('no kernel');
    expect(await other).toBe('fits');
  });

  it('stops waiting when it is aborted', async () => {
    await fs.writeFile(plan, 'ERR_TRT_ENGINE_GPU');
    const controller = new AbortController();
    let second: Promise<string> | undefined;
    const first = loadOrRebuild(plan, rebuild(), locks, load, async (model, options) => {
      second = ask({ signal: controller.signal });
      await refusalOfLock();
      controller.abort('enough');
      await expect(second).rejects.toBe('enough');
      await build(model, options);
    });
    expect(await first).toBe('fits');
    expect(built).toHaveLength(1);
  });

  it('gives up on a plan that others keep replacing by one that does not fit here', async () => {
    await fs.writeFile(plan, 'ERR_TRT_ENGINE_GPU');
    const load = async (): Promise<string> => {
      // Somebody else's rebuild for another GPU.
      await fs.writeFile(`${plan}.new`, 'ERR_TRT_ENGINE_GPU');
      await fs.rename(`${plan}.new`, plan);
      throw refusal('ERR_TRT_ENGINE_GPU');
    };
    const asked = loadOrRebuild(plan, rebuild(), locks, load, build);
    await expect(asked).rejects.toMatchObject({ code: 'ERR_TRT_ENGINE_GPU' });
    expect(built).toHaveLength(1);
  });

  it('says what keeps it from a lock beside the plan', async () => {
    plan = path.join(folder, 'file', 'model.engine');
    await fs.writeFile(path.join(folder, 'file'), '');
    await expect(ask()).rejects.toMatchObject({ code: 'ERR_TRT_WRITE' });
  });
});

describe('its options', () => {
  const here = { library: '/lib', device: 1, plugins: ['/p.so'], standardPlugins: undefined };
  const check = (given: { onMismatch?: unknown; model?: unknown; build?: unknown }) =>
    checkedMismatch({ onMismatch: undefined, model: undefined, build: undefined, ...given }, here);

  it('default to an error', () => {
    expect(check({})).toBeNull();
    expect(check({ onMismatch: 'throw' })).toBeNull();
  });

  it('bring what the load was told, unless the build was told otherwise', () => {
    expect(check({ onMismatch: 'rebuild', model: 'm.onnx', build: { device: 2 } })).toEqual({
      model: path.resolve('m.onnx'),
      options: { library: '/lib', device: 2, plugins: ['/p.so'] },
    });
  });

  it.each([
    { onMismatch: 'retry' },
    { onMismatch: 'rebuild' },
    { model: 'm.onnx' },
    { build: {} },
    { onMismatch: 'rebuild', model: 1 },
    { onMismatch: 'rebuild', model: 'm.onnx', build: 'fast' },
    { onMismatch: 'rebuild', model: 'm.onnx', build: { output: 'x' } },
    { onMismatch: 'rebuild', model: 'm.onnx', build: { optimisationLevel: 1 } },
  ])('%o is refused', (given) => {
    expect(() => check(given)).toThrow(expect.objectContaining({ code: 'ERR_TRT_INVALID_ARG' }));
  });
});
