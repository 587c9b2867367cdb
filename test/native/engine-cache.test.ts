// The engine cache with real builds, real processes and the kernel's own locks.
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { BuildOptions } from '../../lib/index';
import {
  cli,
  digits,
  failure,
  requireRtx,
  root,
  temporaryFolder,
  trtNode,
} from '../support/native-host';
import { runNode } from '../support/native-processes';

const { buildEngine } = trtNode;
await requireRtx();
const folder = await temporaryFolder();

const optionsFor = (cache: string, most = 8): BuildOptions => ({
  runtime: 'tensorrt-rtx',
  computeCapabilities: ['8.6'],
  profiles: [{ images: { min: [1, 1, 8, 8], opt: [most, 1, 8, 8], max: [most, 1, 8, 8] } }],
  cache,
});

interface Outcome {
  readonly path: string;
  readonly sha256: string;
  readonly builtAt: string;
}

async function inProcess(cache: string): Promise<Outcome> {
  const argument = JSON.stringify({ model: digits, options: optionsFor(cache) });
  const { code, stdout, stderr } = await runNode('build-cached.cjs', [argument], {
    deadlineMs: 110_000,
  });
  expect(code, stdout + stderr).toBe(0);
  return JSON.parse(stdout) as Outcome;
}

async function filesIn(cache: string): Promise<string[]> {
  const entries = (await fs.readdir(cache)).filter((name) => /^[0-9a-f]{64}$/.test(name));
  const names = entries.map(async (entry) => await fs.readdir(path.join(cache, entry)));
  return (await Promise.all(names)).flat().sort();
}

it('gives out what it built, in the same process, in another, and at an output', async () => {
  const cache = path.join(folder, 'plain');
  const output = path.join(folder, 'plain.engine');
  const built = await buildEngine(digits, optionsFor(cache));
  const again = await buildEngine(digits, optionsFor(cache));
  expect(again.path).toBe(built.path);
  expect(again.manifest).toEqual(built.manifest);
  expect(await inProcess(cache)).toMatchObject({ builtAt: built.manifest.builtAt });

  const copied = await buildEngine(digits, {
    ...optionsFor(cache),
    output,
    labels: { commit: '1f3a' },
  });
  expect(copied.path).toBe(output);
  expect(copied.manifest).toEqual({ ...built.manifest, labels: { commit: '1f3a' } });
  expect(await fs.readFile(output)).toEqual(await fs.readFile(built.path ?? ''));
  expect(await filesIn(cache)).toEqual(['plan.engine', 'plan.engine.json']);

  const other = await buildEngine(digits, optionsFor(cache, 16));
  expect(other.manifest.cacheKey).not.toBe(built.manifest.cacheKey);
});

it('knows a model by its content alone', async () => {
  const cache = path.join(folder, 'content');
  const first = await buildEngine(digits, optionsFor(cache));
  const bytes = await buildEngine(await fs.readFile(digits), optionsFor(cache));
  expect(bytes.manifest.builtAt).toBe(first.manifest.builtAt);
  expect(bytes.manifest.model.name).toBe('model.onnx');
  const renamed = path.join(folder, 'renamed.onnx');
  await fs.copyFile(digits, renamed);
  const copy = await buildEngine(renamed, optionsFor(cache));
  expect(copy.manifest.builtAt).toBe(first.manifest.builtAt);
  expect(copy.manifest.model.name).toBe('renamed.onnx');
});

it('#84 sixteen processes that ask at once: one build, sixteen equal plans', async () => {
  const cache = path.join(folder, 'sixteen');
  const all = await Promise.all(Array.from({ length: 16 }, () => inProcess(cache)));
  for (const name of ['path', 'sha256', 'builtAt'] as const) {
    expect(new Set(all.map((each) => each[name])).size, name).toBe(1);
  }
  expect(await filesIn(cache)).toEqual(['plan.engine', 'plan.engine.json']);
});

/** A builder in a process group of its own, once it says that TensorRT is at work. */
async function builderAtWork(cache: string): Promise<ChildProcess> {
  const script = path.join(root, 'test', 'fixtures', 'native', 'build-cached.cjs');
  const argument = JSON.stringify({ model: digits, options: optionsFor(cache) });
  const child = spawn(process.execPath, [script, argument], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr?.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
      if (/^phase (?!Examining)/m.test(stderr)) resolve();
    });
    child.once('close', () => reject(new Error(`it ended before it built: ${stderr}`)));
  });
  return child;
}

describe('#84 a builder that is killed', () => {
  it.each(['with its child', 'alone'])(
    '%s: another takes over, and nothing is left',
    async (how) => {
      const cache = path.join(folder, `killed ${how}`);
      const builder = await builderAtWork(cache);
      const gone = new Promise((resolve) => builder.once('close', resolve));
      const waiting = inProcess(cache);
      const alone = how === 'alone';
      process.kill(alone ? builder.pid! : -builder.pid!, 'SIGKILL');
      await gone;
      const outcome = await waiting;
      const plan = await fs.readFile(outcome.path);
      expect(createHash('sha256').update(plan).digest('hex')).toBe(outcome.sha256);
      // Its child may have been writing; the next build sweeps that, and nobody takes it for a plan.
      await buildEngine(digits, optionsFor(cache, 16));
      expect(new Set(await filesIn(cache))).toEqual(new Set(['plan.engine', 'plan.engine.json']));
    },
  );
});

it('#80 killed at ten moments: an entry is whole or absent each time', async () => {
  const cache = path.join(folder, 'moments');
  for (let round = 0; round < 10; round += 1) {
    await fs.rm(cache, { recursive: true, force: true });
    const builder = await builderAtWork(cache);
    const gone = new Promise((resolve) => builder.once('close', resolve));
    await sleep(round * 25);
    try {
      process.kill(-builder.pid!, 'SIGKILL');
    } catch {
      // It was done.
    }
    await gone;
    const names = await filesIn(cache);
    if (names.includes('plan.engine')) expect(names).toContain('plan.engine.json');
    const { path: plan, manifest } = await buildEngine(digits, optionsFor(cache));
    const bytes = await fs.readFile(plan ?? '');
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(manifest.plan.sha256);
    expect(await filesIn(cache)).toEqual(['plan.engine', 'plan.engine.json']);
  }
});

it('#88 a damaged entry is built again, with a warning', async () => {
  const cache = path.join(folder, 'damaged');
  const built = await buildEngine(digits, optionsFor(cache));
  const plan = built.path ?? '';
  const bytes = await fs.readFile(plan);
  bytes[Math.floor(bytes.length / 2)]! ^= 1;
  await fs.writeFile(plan, bytes);
  const strict = { ...optionsFor(cache), cache: { folder: cache, strict: true } };
  const error = await failure('ERR_TRT_CACHE', buildEngine(digits, strict));
  expect(error.details).toMatchObject({ reason: 'damaged' });

  const warnings: string[] = [];
  const again = await buildEngine(digits, {
    ...optionsFor(cache),
    onProgress: ({ log }) => {
      if (log?.severity === 'warning') warnings.push(log.message);
    },
  });
  expect(again.manifest.builtAt).not.toBe(built.manifest.builtAt);
  expect(warnings.some((warning) => warning.includes(path.dirname(plan)))).toBe(true);
});

it('#20 an abort ends the waiting and the build, and leaves no lock', async () => {
  const cache = path.join(folder, 'aborted');
  const controller = new AbortController();
  const { signal } = controller;
  const both = [1, 2].map(() =>
    buildEngine(digits, { ...optionsFor(cache), signal }).then(
      () => 'built',
      (reason: unknown) => reason,
    ),
  );
  await sleep(50);
  controller.abort('enough');
  expect(await Promise.all(both)).toEqual(['enough', 'enough']);
  expect(await buildEngine(digits, optionsFor(cache))).toMatchObject({
    sizeBytes: expect.any(Number),
  });
  expect(await filesIn(cache)).toEqual(['plan.engine', 'plan.engine.json']);
});

it('trt-node cache lists and prunes', async () => {
  const cache = path.join(folder, 'listed');
  const { manifest } = await buildEngine(digits, optionsFor(cache));
  const listed = await runNode(cli, ['cache', 'ls', '--dir', cache, '--json']);
  expect(listed.code).toBe(0);
  expect(JSON.parse(listed.stdout)).toMatchObject({
    folder: cache,
    engines: [{ key: manifest.cacheKey, model: 'digits.onnx', state: 'whole' }],
  });
  const dry = await runNode(cli, ['cache', 'prune', '--all', '--dry-run', '--dir', cache]);
  expect(dry.code).toBe(0);
  expect(await filesIn(cache)).toHaveLength(2);
  const pruned = await runNode(cli, ['cache', 'prune', '--all', '--dir', cache, '--json']);
  expect(pruned.code, pruned.stderr).toBe(0);
  expect(JSON.parse(pruned.stdout)).toMatchObject({ removed: [{ reason: 'all' }], kept: [] });
  expect(await filesIn(cache)).toEqual([]);
});
