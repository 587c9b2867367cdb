#!/usr/bin/env node
/**
 * The first load of a process, from the file to the first result: driver and TensorRT start in it. load.mjs runs it. Its argument is
 * `{ plan, device, options, inputs: [{ name, type, dims, file }] }` as JSON; it prints `{ milliseconds }`.
 */
import { readFile } from 'node:fs/promises';
import { loadEngine } from '../../dist/index.js';
import { arrayOf } from '../tensor-bytes.mjs';

const { plan, device, options, inputs } = JSON.parse(process.argv[2]);
const tensors = {};
for (const { name, type, dims, file } of inputs) {
  const { buffer, byteOffset, byteLength } = await readFile(file);
  const data = new (arrayOf(type))(buffer.slice(byteOffset, byteOffset + byteLength));
  tensors[name] = { type, dims, data };
}
const start = performance.now();
const engine = await loadEngine(plan, { device, ...options });
await engine.infer(tensors);
const milliseconds = performance.now() - start;
await engine.close();
console.log(JSON.stringify({ milliseconds }));
