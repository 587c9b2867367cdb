#!/usr/bin/env node
/** Does inference leak device memory? cuMemGetInfo before and after 1,000 inferences. */
import { pathToFileURL } from 'node:url';
import { batchOf, inputName, loadHeldOut, modelPath, profiles } from './digits.mjs';

const mebibyte = 2 ** 20;
/** Kernels are loaded and buffers are taken on first use; only what comes after that would be a leak. */
const warmUps = 10;

/**
 * @param {{ infer(inputs: object): Promise<unknown>, device: { index: number } }} engine
 * @param {object} inputs
 * @param {(device: number) => Promise<{ freeBytes: number }>} deviceMemory the binding's
 * @param {number} [count]
 */
export async function measureMemory(engine, inputs, deviceMemory, count = 1000) {
  for (let i = 0; i < warmUps; i++) await engine.infer(inputs);
  const before = await deviceMemory(engine.device.index);
  for (let i = 0; i < count; i++) await engine.infer(inputs);
  const after = await deviceMemory(engine.device.index);
  return {
    count,
    freeBytesBefore: before.freeBytes,
    freeBytesAfter: after.freeBytes,
    /** Positive: memory that was free before and is not after. */
    takenMiB: (before.freeBytes - after.freeBytes) / mebibyte,
  };
}

async function main() {
  const { buildEngine } = await import('../dist/index.js');
  const { loadBinding } = await import('../dist/binding.js');
  const binding = loadBinding();
  const built = await buildEngine(modelPath, { precision: 'fp32', profiles });
  const engine = await built.load();
  try {
    const heldOut = await loadHeldOut();
    for (const batch of [1, 64]) {
      const inputs = { [inputName]: batchOf(heldOut, batch) };
      const result = await measureMemory(engine, inputs, (device) => binding.deviceMemory(device));
      console.log(
        `batch ${String(batch).padStart(2)}: free before ${mebibytes(result.freeBytesBefore)}, ` +
          `after ${result.count} inferences ${mebibytes(result.freeBytesAfter)}, ` +
          `difference ${result.takenMiB.toFixed(2)} MiB`,
      );
    }
  } finally {
    await engine.close();
  }
}

function mebibytes(bytes) {
  return `${(bytes / mebibyte).toFixed(2)} MiB`;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main();
