import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { BuildOptions, BuiltEngine } from '../../lib/index';
import { convolutions, largeProduct } from '../support/layered-models';
import { codeOf, root, temporaryFolder, trtNode } from './gpu-host';

const { buildEngine, loadEngine } = trtNode;
const folder = await temporaryFolder();
const digits = path.join(root, 'models', 'digits', 'digits.onnx');
const digitsProfile = { images: { min: [1, 1, 8, 8], opt: [8, 1, 8, 8], max: [8, 1, 8, 8] } };

/** A build of the digits model, with the warnings that were heard. */
async function buildDigits(
  options: BuildOptions,
): Promise<{ built: BuiltEngine; warnings: readonly string[] }> {
  const warnings: string[] = [];
  const built = await buildEngine(digits, {
    runtime: 'tensorrt',
    profiles: [digitsProfile],
    ...options,
    onProgress: ({ kind, log }) => {
      if (kind === 'log' && log?.severity === 'warning') warnings.push(log.message);
    },
  });
  return { built, warnings };
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

async function timed<T>(work: () => Promise<T>): Promise<{ ms: number; value: T }> {
  const started = performance.now();
  const value = await work();
  return { ms: performance.now() - started, value };
}

describe('timing caches', () => {
  it('a rebuild with a warm one takes at most a quarter of the cold build', async () => {
    const model = path.join(folder, 'convolutions.onnx');
    await fs.writeFile(model, convolutions(12, 8, 48));
    const options: BuildOptions = {
      runtime: 'tensorrt',
      precision: 'fp16',
      timingCache: path.join(folder, 'warm.cache'),
    };
    const cold = await timed(() => buildEngine(model, options));
    const warm = await timed(() => buildEngine(model, options));
    const [coldSeconds, warmSeconds] = [cold, warm].map(({ value }) => value.manifest.buildSeconds);
    console.log(
      `timing cache: TensorRT's build ${coldSeconds} s cold, ${warmSeconds} s warm; buildEngine ${cold.ms / 1000} s, ${warm.ms / 1000} s`,
    );
    expect(warm.value.manifest.timingCache?.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(warmSeconds).toBeLessThanOrEqual(0.25 * (coldSeconds ?? 0));
  });

  it('lie by default in one file per TensorRT and GPU, in a private folder', async () => {
    const { driver, gpus, libraries } = await trtNode.probeRuntimes();
    const used = libraries.find(({ flavour, canBuild }) => flavour === 'tensorrt' && canBuild);
    const home = path.join(folder, 'home');
    const before = process.env['TRT_NODE_HOME'];
    process.env['TRT_NODE_HOME'] = home;
    try {
      expect(driver, 'a driver').not.toBeNull();
      await buildDigits({ library: used?.path ?? '', optimizationLevel: 0 });
    } finally {
      if (before === undefined) delete process.env['TRT_NODE_HOME'];
      else process.env['TRT_NODE_HOME'] = before;
    }
    const timing = path.join(home, 'timing');
    const cc = gpus[0]?.computeCapability.replace('.', '') ?? '';
    const names = await fs.readdir(timing);
    expect(names).toHaveLength(1);
    expect(names[0]).toMatch(new RegExp(`^tensorrt-${used?.version ?? ''}-.+-sm${cc}\\.cache$`));
    expect((await fs.stat(timing)).mode & 0o777).toBe(0o700);
  });

  it.each([
    ['garbage', () => Buffer.alloc(4096, 0x5a)],
    ['text', () => Buffer.from('this is no timing cache\n')],
    [
      'a damaged header',
      async () => {
        const file = path.join(folder, 'whole.cache');
        await buildDigits({ timingCache: file, optimizationLevel: 0 });
        const bytes = await fs.readFile(file);
        return bytes.fill(0xff, 0, 64);
      },
    ],
  ])(
    '#27 %s in the place of one: a warning, a build, and a good one afterwards',
    async (name, make) => {
      const file = path.join(folder, `${name.replaceAll(' ', '-')}.cache`);
      const bad = await make();
      await fs.writeFile(file, bad);
      const options = { timingCache: file, optimizationLevel: 0 };
      const { built, warnings } = await buildDigits(options);
      expect(built.manifest.timingCache).toBeUndefined();
      expect(warnings.some((warning) => warning.includes(file))).toBe(true);
      expect((await fs.readFile(file)).equals(bad)).toBe(false);
      const next = await buildDigits(options);
      expect(next.built.manifest.timingCache?.sha256).toMatch(/^[0-9a-f]{64}$/);
      expect(next.warnings.some((warning) => warning.includes(file))).toBe(false);
    },
  );
});

describe('reproducible builds', () => {
  it('choose the same kernels each time, write nothing back, and need every kernel in the file', async () => {
    const timingCache = path.join(folder, 'fixed.cache');
    await buildDigits({ timingCache });
    const fixed = await fs.readFile(timingCache);
    const options = { timingCache, reproducible: true } as const;
    const first = (await buildDigits(options)).built;
    const second = (await buildDigits(options)).built;
    expect(await fs.readFile(timingCache)).toEqual(fixed);
    const digest = createHash('sha256').update(fixed).digest('hex');
    expect(first.manifest.timingCache).toEqual({ sha256: digest, reproducible: true });
    expect(first.manifest.layers).not.toBeNull();
    expect(second.manifest.layers).toEqual(first.manifest.layers);
    const [a, b] = [await first.bytes(), await second.bytes()];
    const differing = a.reduce((count, byte, i) => count + (byte === b[i] ? 0 : 1), 0);
    console.log(`reproducible: ${differing} of ${a.length} bytes of two plans differ`);

    const other = { images: { min: [1, 1, 8, 8], opt: [512, 1, 8, 8], max: [1024, 1, 8, 8] } };
    expect(await codeOf(buildDigits({ ...options, profiles: [other] }))).toBe(
      'ERR_TRT_TIMING_CACHE',
    );
    expect(await fs.readFile(timingCache)).toEqual(fixed);
    const missing = path.join(folder, 'nowhere.cache');
    expect(await codeOf(buildDigits({ timingCache: missing, reproducible: true }))).toBe(
      'ERR_TRT_TIMING_CACHE',
    );
  });
});

describe('the engine cache', () => {
  it('gives a plan of 268 MB out in at most 1.1 times the time of reading it', async () => {
    const model = path.join(folder, 'large.onnx');
    await fs.writeFile(model, largeProduct(8192));
    // What was written a moment ago is not remembered.
    await sleep(2500);
    const options: BuildOptions = {
      runtime: 'tensorrt',
      optimizationLevel: 0,
      cache: path.join(folder, 'hits'),
    };
    const built = await buildEngine(model, options);
    expect(built.sizeBytes).toBeGreaterThan(100e6);
    const hits: number[] = [];
    const readings: number[] = [];
    for (let round = 0; round < 7; round += 1) {
      const hit = await timed(() => buildEngine(model, options));
      expect(hit.value.manifest.builtAt).toBe(built.manifest.builtAt);
      hits.push(hit.ms);
      readings.push((await timed(() => fs.readFile(built.path ?? ''))).ms);
    }
    const [first] = hits;
    console.log(
      `engine cache: hit ${median(hits)} ms (the first ${first ?? NaN} ms), reading ${median(readings)} ms`,
    );
    expect(median(hits)).toBeLessThanOrEqual(1.1 * median(readings));

    await using engine = await built.load();
    const data = new Float32Array(8192).fill(1);
    const { y } = await engine.infer({ x: { type: 'float32', data, dims: [1, 8192] } });
    expect(y?.dims).toEqual([1, 8192]);
  });

  it('eight processes at once: one build, eight equal plans', async () => {
    const cache = path.join(folder, 'eight');
    const options: BuildOptions = {
      runtime: 'tensorrt',
      profiles: [digitsProfile],
      optimizationLevel: 0,
      timingCache: false,
      cache,
    };
    const script = path.join(root, 'test', 'fixtures', 'native', 'build-cached.cjs');
    const run = () =>
      new Promise<string>((resolve, reject) => {
        const argument = JSON.stringify({ model: digits, options });
        const child = spawn(process.execPath, [script, argument], {
          stdio: ['ignore', 'pipe', 'ignore'],
        });
        let stdout = '';
        child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
        child.once('error', reject);
        child.once('close', () => resolve(stdout));
      });
    const outputs = await Promise.all(Array.from({ length: 8 }, run));
    const results = outputs.map(
      (text) => JSON.parse(text) as { path: string; sha256: string; builtAt: string },
    );
    for (const name of ['path', 'sha256', 'builtAt'] as const) {
      expect(new Set(results.map((result) => result[name])).size, name).toBe(1);
    }
    await using engine = await loadEngine(results[0]?.path ?? '');
    expect(engine.integrity).toBe('digest');
  });

  it('an output is a copy with a manifest of its own', async () => {
    const cache = path.join(folder, 'outputs');
    const output = path.join(folder, 'digits.engine');
    const options = { cache, optimizationLevel: 0, timingCache: false } as const;
    const first = await buildDigits({ ...options, labels: { call: 'first' } });
    const second = await buildDigits({ ...options, output, labels: { call: 'second' } });
    expect(second.built.path).toBe(output);
    expect(second.built.manifest.builtAt).toBe(first.built.manifest.builtAt);
    expect(second.built.manifest.labels).toEqual({ call: 'second' });
    await using engine = await loadEngine(output);
    expect(engine.integrity).toBe('digest');
  });
});

describe('plans that do not fit', () => {
  it('of a folder, the one that fits is loaded', async () => {
    const place = path.join(folder, 'several');
    await fs.mkdir(place);
    const here = await buildDigits({
      output: path.join(place, 'here.engine'),
      optimizationLevel: 0,
      timingCache: false,
    });
    const { manifest } = here.built;
    for (const [name, changes] of Object.entries({
      'other-gpu': { computeCapabilities: ['8.6'], gpu: null },
      'other-version': { version: '10.5.0' },
    })) {
      await fs.copyFile(here.built.path ?? '', path.join(place, `${name}.engine`));
      const text = JSON.stringify({ ...manifest, ...changes });
      await fs.writeFile(path.join(place, `${name}.engine.json`), text);
    }
    await using engine = await loadEngine(place);
    expect(engine.integrity).toBe('digest');

    await fs.rm(path.join(place, 'here.engine'));
    await fs.rm(path.join(place, 'here.engine.json'));
    expect(await codeOf(loadEngine(place))).toBe('ERR_TRT_ENGINE_NOT_FOUND');
  });

  it('are built again where the load is told how, and only then', async () => {
    const plan = path.join(folder, 'rebuilt.engine');
    const build: BuildOptions = {
      runtime: 'tensorrt',
      profiles: [digitsProfile],
      optimizationLevel: 0,
      timingCache: false,
    };
    expect(await codeOf(loadEngine(plan))).toBe('ERR_TRT_ENGINE_NOT_FOUND');
    const options = { onMismatch: 'rebuild', model: digits, build } as const;
    // Two at once build once.
    const engines = await Promise.all([loadEngine(plan, options), loadEngine(plan, options)]);
    const first = await fs.stat(plan);
    for (const engine of engines) await engine.close();

    const manifest = JSON.parse(await fs.readFile(`${plan}.json`, 'utf8')) as object;
    const foreign = { ...manifest, computeCapabilities: ['8.6'], gpu: null };
    await fs.writeFile(`${plan}.json`, JSON.stringify(foreign));
    expect(await codeOf(loadEngine(plan))).toBe('ERR_TRT_ENGINE_GPU');
    await using engine = await loadEngine(plan, options);
    expect(engine.integrity).toBe('digest');
    expect((await fs.stat(plan)).ino).not.toBe(first.ino);
    expect((await fs.readdir(folder)).filter((name) => name.endsWith('.rebuild'))).toEqual([]);

    // A damaged plan is no mismatch.
    await fs.appendFile(plan, 'x');
    expect(await codeOf(loadEngine(plan, options))).toBe('ERR_TRT_ENGINE_DIGEST');
  });
});
