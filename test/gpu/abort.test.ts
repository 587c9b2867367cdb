// A build's end: aborted, out of workspace, out of device memory; in a child process and inside of this one.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { modelPath, profiles } from '../../bench/digits.mjs';
import type { BuildOptions, Engine, TrtError } from '../../lib/index';
import { writeOnnx } from '../support/onnx-writer';
import { buildChildrenOf, isRunning } from '../support/process-table';
import { loadBinding, root, temporaryFolder, trtNode } from './gpu-host';

const { buildEngine } = trtNode;
const folder = await temporaryFolder();
const fixture = (name: string): string => path.join(root, 'test', 'fixtures', 'native', name);
const quick = { runtime: 'tensorrt', profiles, optimizationLevel: 0 } as const;
const MiB = 2 ** 20;

const freeBytes = async (): Promise<number> => (await loadBinding().deviceMemory(0)).freeBytes;

/** Device memory that is free once it is at least `expected`, or after five seconds. */
async function freeAtLeast(expected: number): Promise<number> {
  const end = performance.now() + 5_000;
  let free = await freeBytes();
  while (free < expected && performance.now() < end) {
    await sleep(50);
    free = await freeBytes();
  }
  return free;
}

const zeros = (name: string, ...dims: number[]) => {
  const data = new Uint8Array(4 * dims.reduce((product, dim) => product * dim, 1));
  return { name, type: 'float32', dims, data } as const;
};
const float = (name: string, ...dims: number[]) => ({ name, type: 'float32', dims }) as const;

/** Convolutions of which no two are alike, so that each is timed by itself. */
function convolutions(count: number, batch: number, size: number): Uint8Array {
  const layers = [...Array(count).keys()];
  const channels = (layer: number): number => 64 + 8 * layer;
  const last = size - 2 * count;
  return writeOnnx({
    inputs: [float('t0', batch, channels(0), size, size)],
    outputs: [float(`t${count}`, batch, channels(count), last, last)],
    nodes: layers.map((i) => ({
      name: `convolution${i}`,
      op: 'Conv',
      inputs: [`t${i}`, `w${i}`],
      outputs: [`t${i + 1}`],
    })),
    constants: layers.map((i) => zeros(`w${i}`, channels(i + 1), channels(i), 3, 3)),
  });
}

/** A model whose build at level 5 takes long. */
async function longModel(): Promise<readonly [string, BuildOptions]> {
  const options = { runtime: 'tensorrt', optimizationLevel: 5, timingCache: false } as const;
  const models = process.env['TRT_NODE_TEST_MODELS'];
  if (models) {
    const file = path.join(models, 'resnet50', 'resnet50.onnx');
    return [file, { ...options, profiles: [{ batch: [1, 8, 128] }] }];
  }
  const file = path.join(folder, 'long.onnx');
  await fs.writeFile(file, convolutions(32, 8, 192));
  return [file, options];
}

let engine: Engine;
const image = { type: 'float32', data: new Float32Array(64), dims: [1, 1, 8, 8] } as const;
const expectInference = async (): Promise<void> => {
  const { logits } = await engine.infer({ images: image });
  expect(logits?.dims).toEqual([1, 10]);
};
beforeAll(async () => {
  engine = await (await buildEngine(modelPath, quick)).load();
  await expectInference();
});

const failureOf = (call: Promise<unknown>): Promise<TrtError> =>
  call.then(
    () => expect.unreachable('the build should have failed'),
    (error: unknown) => error as TrtError,
  );

describe('#20 an abort', () => {
  it('in the middle of a long build rejects within a second, and gives GPU memory and process back', async () => {
    const [model, options] = await longModel();
    const controller = new AbortController();
    const reason = new Error('changed my mind');
    const before = await freeBytes();
    let begun = 0;
    let during = before;
    let abortedAt = 0;
    let children: number[] = [];
    const abort = async (): Promise<void> => {
      children = buildChildrenOf(process.pid);
      during = await freeBytes();
      abortedAt = performance.now();
      controller.abort(reason);
    };
    const error = await failureOf(
      buildEngine(model, {
        ...options,
        signal: controller.signal,
        onProgress: ({ kind, elapsedMs }) => {
          if (kind !== 'step') return;
          if (begun === 0) begun = elapsedMs;
          // Three seconds into TensorRT's work: kernels are being timed.
          if (elapsedMs - begun > 3_000 && children.length === 0) void abort();
        },
      }),
    );
    const settledMs = performance.now() - abortedAt;
    expect(error).toBe(reason);
    expect(settledMs).toBeLessThan(1_000);
    expect(children).toHaveLength(1);
    // The kernel may take a moment longer to take a process off a busy GPU.
    await expect.poll(() => isRunning(children[0]!), { timeout: 5_000 }).toBe(false);
    expect(before - during, 'it held device memory').toBeGreaterThan(100 * MiB);
    expect(await freeAtLeast(before - 16 * MiB)).toBeGreaterThanOrEqual(before - 16 * MiB);
    console.log(`aborted: settled after ${settledMs.toFixed(0)} ms`);
    await expectInference();
  });

  it('ten builds in child processes leave the memory of this one where it was', () => {
    const script = fixture('build-ten.cjs');
    const args = ['--expose-gc', script, modelPath, JSON.stringify(quick), '5'];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(stderr).toBe('');
    const { before, after } = JSON.parse(stdout) as { before: number; after: number };
    console.log(`resident before ${before}, after ten builds ${after}`);
    expect(after - before).toBeLessThan(20 * MiB);
  });
});

describe("isolation: 'thread'", () => {
  const library = process.env['LD_LIBRARY_PATH']?.split(':')[0] ?? '';
  interface Seen {
    readonly built: { code?: string; message?: string; details?: object; layers?: number };
    readonly aborted?: { code?: string };
    readonly abortMs?: number;
    readonly children?: number;
  }
  const run = (what: string, options: BuildOptions, env: NodeJS.ProcessEnv): Seen => {
    const args = [
      fixture('thread-build.cjs'),
      modelPath,
      JSON.stringify({ ...options, library }),
      what,
    ];
    const { stdout, stderr, signal } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
    expect(signal, stderr).toBeNull();
    return JSON.parse(stdout) as Seen;
  };

  it('builds under LD_LIBRARY_PATH, and after an abort too, which ends at TensorRT’s next step', () => {
    expect(library, 'the TensorRT of this suite is on LD_LIBRARY_PATH').not.toBe('');
    const seen = run('abort', { ...quick, optimizationLevel: 3 }, process.env);
    expect(seen).toMatchObject({ aborted: { code: 'mine' }, children: 0 });
    expect(seen.abortMs).toBeLessThan(1_000);
    expect(seen.built.code).toBeUndefined();
    expect(seen.built.layers).toBeGreaterThan(0);
  });

  it('says what is missing without it', () => {
    const { LD_LIBRARY_PATH: _, ...env } = process.env;
    const { built } = run('build', quick, env);
    expect(built).toMatchObject({
      code: 'ERR_TRT_BUILDER_MISSING',
      details: { variable: 'LD_LIBRARY_PATH' },
    });
    expect(built.message).toContain('LD_LIBRARY_PATH=');
  });
});

/** A process that holds all device memory but `leave` bytes, through the driver alone. */
async function holdDeviceMemory(leave: number): Promise<{ release(): Promise<void> }> {
  const source = `
import ctypes, sys
cuda = ctypes.CDLL('libcuda.so.1')
def check(status):
    if status != 0: sys.exit('CUDA error %d' % status)
context, free, total, pointer = (kind() for kind in (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_uint64))
check(cuda.cuInit(0))
check(cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0))
check(cuda.cuCtxSetCurrent(context))
step = 1 << 28
while True:
    check(cuda.cuMemGetInfo_v2(ctypes.byref(free), ctypes.byref(total)))
    size = min(step, free.value - ${leave})
    if size < 1 << 21: break
    check(cuda.cuMemAlloc_v2(ctypes.byref(pointer), ctypes.c_size_t(size)))
print('holding', flush=True)
sys.stdin.read()
`;
  const python = process.env['PYTHON'] ?? 'python3';
  const holder = spawn(python, ['-c', source], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => holder.once('close', () => resolve()));
  const lines = createInterface({ input: holder.stdout })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe('holding');
  return {
    release: async () => {
      holder.stdin.end();
      await ended;
    },
  };
}

describe('#22 a builder that gets no device memory', () => {
  it('is ERR_TRT_OUT_OF_MEMORY, the process infers on, and with memory the same build works', async () => {
    const model = path.join(folder, 'large.onnx');
    // Its first tensor alone has 2 GiB.
    await fs.writeFile(model, convolutions(2, 32, 512));
    // A kernel that stands in a timing cache is not run, and takes no memory.
    const options = { runtime: 'tensorrt', timingCache: false } as const;
    const before = await freeBytes();
    // A context of the child's takes some 500 MiB of it.
    const holder = await holdDeviceMemory(1536 * MiB);
    try {
      const error = await failureOf(buildEngine(model, options));
      console.log(`no device memory: ${error.code}: ${error.message}`);
      expect(error.code).toBe('ERR_TRT_OUT_OF_MEMORY');
      await expectInference();
    } finally {
      await holder.release();
    }
    expect(await freeAtLeast(before - 16 * MiB)).toBeGreaterThanOrEqual(before - 16 * MiB);
    expect((await buildEngine(model, options)).sizeBytes).toBeGreaterThan(0);
  });
});
