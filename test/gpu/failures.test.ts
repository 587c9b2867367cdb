// Failures that need TensorRT and a GPU to happen. What can be told before either is in test/native/failures-*.test.ts.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { beforeAll, describe, expect, it } from 'vitest';
import { modelPath, profiles } from '../../bench/digits.mjs';
import type { Engine, Manifest } from '../../lib/index';
import { writeOnnx } from '../support/onnx-writer';
import { codeOf, loadBinding, root, temporaryFolder, trtNode } from './gpu-host';

const folder = await temporaryFolder();
const plan = path.join(folder, 'digits.engine');
const options = { runtime: 'tensorrt', profiles, optimizationLevel: 0 } as const;
let bytes: Buffer;
let manifest: Manifest;
beforeAll(async () => {
  ({ manifest } = await trtNode.buildEngine(modelPath, { ...options, output: plan }));
  bytes = await fs.readFile(plan);
});

const entry = JSON.stringify(path.join(root, 'dist', 'index.js'));
const freeBytes = async (): Promise<number> => (await loadBinding().deviceMemory(0)).freeBytes;

/** What `measure` gives once it is `good`, or after ten seconds: what ends in the background takes its time. */
async function settled(
  measure: () => number | Promise<number>,
  good: (value: number) => boolean,
): Promise<number> {
  const end = performance.now() + 10_000;
  let value = await measure();
  while (!good(value) && performance.now() < end) {
    await sleep(50);
    value = await measure();
  }
  return value;
}

/** Free device memory once threads that end in the background have given theirs back. */
const freeAtLeast = (expected: number): Promise<number> =>
  settled(freeBytes, (free) => free >= expected);

describe('#5 a plan of another GPU', () => {
  it('is refused by its manifest, with both compute capabilities', async () => {
    const here = (await trtNode.probeRuntimes()).gpus[0]?.computeCapability ?? '';
    const other = here === '8.0' ? '9.0' : '8.0';
    const foreign: Manifest = {
      ...manifest,
      gpu: { name: 'another GPU', computeCapability: other },
      computeCapabilities: [other],
    };
    const error = (await trtNode.loadEngine(bytes, { manifest: foreign }).then(
      () => null,
      (reason: unknown) => reason,
    )) as { code: string; message: string } | null;
    expect(error?.code).toBe('ERR_TRT_ENGINE_GPU');
    expect(error?.message).toContain(other);
    expect(error?.message).toContain(here);
  });
});

describe("a damaged plan under integrity: 'off'", () => {
  // TensorRT 10 has no defence of its own against every damage, so that each goes to a process of its own.
  const script = `
    const { loadEngine } = require(${entry});
    loadEngine(process.argv[1], { integrity: 'off' }).then(
      async (engine) => {
        await engine.close();
        console.log(JSON.stringify({ code: 'loaded' }));
      },
      ({ code, log }) => console.log(JSON.stringify({ code, lines: log.length })),
    );`;
  const inChild = (file: string): Promise<{ signal: string | null; stdout: string }> =>
    new Promise((resolve, reject) => {
      const child = spawn(process.execPath, ['-e', script, file], {
        stdio: ['ignore', 'pipe', 'ignore'],
        timeout: 60_000,
        killSignal: 'SIGKILL',
      });
      let stdout = '';
      child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
      child.on('error', reject);
      child.on('close', (_code, signal) => resolve({ signal, stdout }));
    });

  const expectTypedOrDead = async (name: string, content: Buffer, mayLoad: boolean) => {
    const file = path.join(folder, name);
    await fs.writeFile(file, content);
    const { signal, stdout } = await inChild(file);
    if (signal !== null) {
      console.log(`${name}: TensorRT ended its process with ${signal}`);
      expect(['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGILL']).toContain(signal);
      return;
    }
    const { code, lines } = JSON.parse(stdout) as { code: string; lines?: number };
    console.log(`${name}: ${code}`);
    const codes = ['ERR_TRT_ENGINE_DESERIALIZE', 'ERR_TRT_OUT_OF_MEMORY', 'ERR_TRT_INTERNAL'];
    expect(mayLoad ? [...codes, 'loaded'] : codes).toContain(code);
    if (code === 'ERR_TRT_ENGINE_DESERIALIZE') expect(lines, '#14 its log').toBeGreaterThan(0);
  };

  it.each([0.1, 0.5, 0.9, 0.999])('#7 cut to %f of its length', async (part) => {
    const cut = bytes.subarray(0, Math.floor(bytes.length * part));
    await expectTypedOrDead(`cut-${part}.engine`, cut, false);
  });

  it.each([1, 2, 3, 4, 5, 6])('#8 damaged in its part %i of 7', async (part) => {
    const altered = Buffer.from(bytes);
    const at = Math.floor((bytes.length * part) / 7);
    altered.fill(0xff, at, at + 64);
    // Weights may be any numbers, so that this can load.
    await expectTypedOrDead(`altered-${part}.engine`, altered, true);
  });
});

describe('what refused plans leave', () => {
  it('#1 to #14: device memory and open files are as before', async () => {
    const altered = Buffer.from(bytes);
    altered.writeUInt8(bytes.readUInt8(1000) ^ 1, 1000);
    const version = Buffer.from(bytes);
    version.writeUInt8(version.readUInt8(25) + 1, 25);
    const refuse = async (): Promise<void> => {
      expect(await codeOf(trtNode.loadEngine(altered, { manifest }))).toBe('ERR_TRT_ENGINE_DIGEST');
      expect(await codeOf(trtNode.loadEngine(version))).toBe('ERR_TRT_ENGINE_VERSION');
      expect(await codeOf(trtNode.loadEngine(modelPath))).toBe('ERR_TRT_ENGINE_INVALID');
    };
    await (await trtNode.loadEngine(plan)).close();
    await refuse();
    const openFiles = (): number => readdirSync('/proc/self/fd').length;
    const [filesBefore, memoryBefore] = [openFiles(), await freeBytes()];
    for (let i = 0; i < 20; i += 1) await refuse();
    // The pipes of the process that looks at a library are closed some turns after it has ended.
    const filesAfter = await settled(openFiles, (files) => files <= filesBefore);
    expect(filesAfter).toBeLessThanOrEqual(filesBefore);
    expect(await freeAtLeast(memoryBefore)).toBeGreaterThanOrEqual(memoryBefore - 2 ** 21);
    await (await trtNode.loadEngine(plan)).close();
  });
});

describe('a buffer that goes away in flight', () => {
  // 16 MiB: copied in sixteen slices, with a turn of the event loop between them.
  const count = 4 * 2 ** 20;
  let engine: Engine;
  beforeAll(async () => {
    const model = path.join(folder, 'doubled.onnx');
    const tensor = { type: 'float32', dims: ['n'] } as const;
    await fs.writeFile(
      model,
      writeOnnx({
        inputs: [{ name: 'x', ...tensor }],
        outputs: [{ name: 'y', ...tensor }],
        nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
      }),
    );
    const range = { min: [1], opt: [count], max: [count] };
    const built = await trtNode.buildEngine(model, { ...options, profiles: [{ x: range }] });
    engine = await built.load();
  });
  const inputs = (data: Float32Array) => ({
    x: { type: 'float32' as const, data, dims: [data.length] },
  });
  const expectWell = async (): Promise<void> => {
    const { y } = await engine.infer(inputs(new Float32Array(8).fill(3)));
    expect(y?.data).toEqual(new Float32Array(8).fill(6));
  };

  it('#35 transferred: a typed error, and the next inference works', async () => {
    const data = new Float32Array(count).fill(1);
    const running = codeOf(engine.infer(inputs(data)));
    structuredClone(data.buffer, { transfer: [data.buffer] });
    expect(await running).toBe('ERR_TRT_INPUT_DETACHED');
    await expectWell();
  });

  it('#35 shrunk: a typed error, and the next inference works', async () => {
    // @ts-expect-error maxByteLength is ES2024, and Node has it since version 20
    const buffer = new ArrayBuffer(count * 4, { maxByteLength: count * 4 }) as ArrayBuffer & {
      resize(size: number): void;
    };
    const running = codeOf(engine.infer(inputs(new Float32Array(buffer))));
    buffer.resize(4096);
    expect(await running).toMatch(/^ERR_TRT_INPUT_(DETACHED|LENGTH)$/);
    await expectWell();
  });

  it('#35 shared with a thread that writes meanwhile: a mixture, and no crash', async () => {
    const data = new Float32Array(new SharedArrayBuffer(count * 4)).fill(1);
    const source = `
      const { parentPort, workerData } = require('node:worker_threads');
      parentPort.postMessage('writing');
      for (;;) workerData.fill(2).fill(1);`;
    const worker = new Worker(source, { eval: true, workerData: data });
    await new Promise((resolve) => worker.once('message', resolve));
    const { y } = await engine.infer(inputs(data));
    await worker.terminate();
    expect((y?.data as Float32Array).every((value) => value === 2 || value === 4)).toBe(true);
    await expectWell();
  });

  it('#36 forgotten and collected: the result is right', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const running = Array.from({ length: 8 }, (_, i) =>
      engine.infer(inputs(new Float32Array(count / 8).fill(i))),
    );
    for (let i = 0; i < 10; i += 1) {
      collect();
      await new Promise(setImmediate);
    }
    for (const [i, { y }] of (await Promise.all(running)).entries()) {
      expect((y?.data as Float32Array).every((value) => value === 2 * i)).toBe(true);
    }
    await engine.close();
  });
});

describe('worker threads', () => {
  const one = `({ images: { type: 'float32', data: new Float32Array(64), dims: [1, 1, 8, 8] } })`;
  const loadInferExit = `
    const { parentPort, workerData } = require('node:worker_threads');
    const { loadEngine } = require(${entry});
    loadEngine(workerData.plan).then(async (engine) => {
      const { logits } = await engine.infer(${one});
      if (logits.data.length !== 10) throw new Error('a wrong result');
      if (workerData.close) await engine.close();
    });`;
  const exitOf = (close: boolean): Promise<number> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(loadInferExit, { eval: true, workerData: { plan, close } });
      worker.once('error', reject);
      worker.once('exit', resolve);
    });

  it('#58 sixteen load, infer and exit, a hundred times, and device memory is back', async () => {
    const round = async (): Promise<void> => {
      const codes = await Promise.all(Array.from({ length: 16 }, (_, i) => exitOf(i % 2 === 0)));
      expect(codes).toEqual(Array(16).fill(0));
    };
    // CUDA keeps what the first crowd made it take (10 MiB on an H200); how much that is takes some rounds to show.
    await round();
    const before = await freeBytes();
    const started = performance.now();
    for (let i = 0; i < 20; i += 1) await round();
    const after20 = await freeAtLeast(before);
    for (let i = 20; i < 100; i += 1) await round();
    const after100 = await freeAtLeast(after20);
    const seconds = (performance.now() - started) / 1000;
    console.log(
      `16 workers × 100 rounds: ${seconds.toFixed(1)} s; device memory taken after 20 rounds: ` +
        `${before - after20} bytes, after 100: ${before - after100} bytes`,
    );
    // One engine takes more.
    expect(after20 - after100).toBeLessThanOrEqual(2 ** 21);
  });

  const busy = `
    const { parentPort, workerData } = require('node:worker_threads');
    const { buildEngine, loadEngine } = require(${entry});
    (async () => {
      if (workerData.build) {
        await buildEngine(${JSON.stringify(modelPath)}, ${JSON.stringify(options)});
      }
      for (;;) {
        const engine = await loadEngine(workerData.plan);
        for (let i = 0; i < 5; i += 1) {
          await Promise.all(Array.from({ length: 10 }, () => engine.infer(${one})));
        }
        if (workerData.close) await engine.close();
      }
    })();`;

  it('#59 may be terminated at any moment of a build, a load or an inference', async () => {
    const before = await freeBytes();
    for (let round = 0; round < 40; round += 1) {
      const workerData = { plan, build: round % 4 === 0, close: round % 2 === 0 };
      const worker = new Worker(busy, { eval: true, workerData });
      await new Promise((resolve) => worker.once('online', resolve));
      await sleep((round * 37) % 500);
      expect(await worker.terminate()).toBe(1);
    }
    expect(before - (await freeAtLeast(before))).toBeLessThanOrEqual(2 ** 21);
    await using engine = await trtNode.loadEngine(plan);
    const { logits } = await engine.infer({
      images: { type: 'float32', data: new Float32Array(64), dims: [1, 1, 8, 8] },
    });
    expect(logits?.dims).toEqual([1, 10]);
  });
});

describe('#21 a workspace that is too small', () => {
  it('is a typed error with the layer and the limit, and the process builds and infers on', async () => {
    const [rows, columns] = [64, 200_000] as const;
    const model = writeOnnx({
      inputs: [{ name: 'x', type: 'float32', dims: [rows, columns] }],
      outputs: [{ name: 'y', type: 'int64', dims: [2, null] }],
      nodes: [{ op: 'NonZero', name: 'the_nonzero', inputs: ['x'], outputs: ['y'] }],
    });
    await using digits = await trtNode.loadEngine(plan);
    const enough = { runtime: 'tensorrt', optimizationLevel: 0 } as const;
    const building = trtNode.buildEngine(model, { ...enough, memoryPools: { workspace: 1024 } });
    await expect(building).rejects.toMatchObject({
      code: 'ERR_TRT_BUILD_FAILED',
      details: { reason: 'workspace', limitBytes: 1024, layer: 'the_nonzero' },
    });

    const images = { type: 'float32', data: new Float32Array(64), dims: [1, 1, 8, 8] } as const;
    expect((await digits.infer({ images }))['logits']?.dims).toEqual([1, 10]);
    const built = await trtNode.buildEngine(model, enough);
    await using engine = await built.load();
    for (const places of [
      [[3, 199_999]],
      [
        [0, 0],
        [7, 1234],
        [7, 1235],
        [63, 5],
      ],
    ] as const) {
      const data = new Float32Array(rows * columns);
      for (const [row, column] of places) data[row * columns + column] = 1;
      const { y } = await engine.infer({ x: { type: 'float32', data, dims: [rows, columns] } });
      expect(y?.dims).toEqual([2, places.length]);
      const indices = Array.from(y?.data as BigInt64Array, Number);
      const found = places.map((_, i) => [indices[i], indices[places.length + i]]);
      // TensorRT does not say in which order they come.
      expect(new Set(found.map(String))).toEqual(new Set(places.map(String)));
    }
  });
});

describe('#65 an onProgress that throws', () => {
  it('ends the build with its error, and the device memory is back', async () => {
    const before = await freeBytes();
    const thrown = new RangeError('of my own');
    const building = trtNode.buildEngine(modelPath, {
      ...options,
      onProgress: () => {
        throw thrown;
      },
    });
    await expect(building).rejects.toBe(thrown);
    expect(before - (await freeAtLeast(before))).toBeLessThanOrEqual(2 ** 21);
  });
});
