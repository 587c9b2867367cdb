import path from 'node:path';
import fs from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { expect, it } from 'vitest';
import { writeOnnx } from '../support/onnx-writer';
import { temporaryFolder, trtNode } from './gpu-host';

const folder = await temporaryFolder();

it('#40 moves inputs and outputs of more than 2 GiB, and the event loop keeps turning', async () => {
  const count = 600_000_000; // 2.4 GB of float32
  const model = path.join(folder, 'large.onnx');
  await fs.writeFile(
    model,
    writeOnnx({
      inputs: [{ name: 'x', type: 'float32', dims: ['n'] }],
      outputs: [{ name: 'y', type: 'float32', dims: ['n'] }],
      nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
    }),
  );
  const built = await trtNode.buildEngine(model, {
    runtime: 'tensorrt',
    optimizationLevel: 0,
    profiles: [{ x: { min: [1], opt: [1024], max: [count] } }],
  });
  await using engine = await built.load();
  const x = new Float32Array(count);
  const marked = [0, 1, 2 ** 29 - 1, 2 ** 29, 2 ** 29 + 1, count - 1];
  for (const index of marked) x[index] = index % 8191;

  const delays = monitorEventLoopDelay({ resolution: 1 });
  delays.enable();
  const { y } = await engine.infer({ x: { type: 'float32', data: x, dims: [count] } });
  delays.disable();

  expect(y?.dims).toEqual([count]);
  const out = y?.data as Float32Array;
  expect(marked.map((index) => out[index])).toEqual(marked.map((index) => 2 * (index % 8191)));
  expect(out[2 ** 29 + 2]).toBe(0);
  expect(delays.percentile(99) / 1e6).toBeLessThan(20);
});
