/** The digits model with its right answers, as the demo, the benchmarks and the tests use it. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const folder = new URL('../models/digits/', import.meta.url);
const pixels = 64;

export const classes = 10;
export const inputName = 'images';
export const outputName = 'logits';
export const modelPath = fileURLToPath(new URL('digits.onnx', folder));

/** Batches from 1 to the whole held-out set in one profile. */
export const profiles = [
  { [inputName]: { min: [1, 1, 8, 8], opt: [64, 1, 8, 8], max: [360, 1, 8, 8] } },
];

/**
 * The held-out images scaled to 0..1, their labels, and what PyTorch says of them in float32 on the CPU.
 */
export async function loadHeldOut() {
  const [heldOut, reference, logitBytes] = await Promise.all([
    readJson('held-out.json'),
    readJson('reference.json'),
    readFile(new URL('reference-logits.f32', folder)),
  ]);
  const images = Float32Array.from(heldOut.images.flat(), (value) => value * heldOut.scale);
  const count = heldOut.labels.length;
  if (images.length !== count * pixels || logitBytes.byteLength !== count * classes * 4) {
    throw new Error(
      `models/digits disagrees with itself: ${count} labels, ${images.length / pixels} images, ` +
        `${logitBytes.byteLength / 4 / classes} reference logits; remake it with scripts/make-digits.py`,
    );
  }
  const referenceLogits = Float32Array.from({ length: count * classes }, (_, i) =>
    logitBytes.readFloatLE(i * 4),
  );
  return { count, images, labels: heldOut.labels, reference, referenceLogits };
}

/** The first `batch` held-out images as a tensor. */
export function batchOf(heldOut, batch) {
  return {
    type: 'float32',
    data: heldOut.images.slice(0, batch * pixels),
    dims: [batch, 1, 8, 8],
  };
}

/** The share of images whose largest logit is their label's. */
export function accuracyOf(logits, labels) {
  let right = 0;
  for (const [image, label] of labels.entries()) {
    const row = logits.subarray(image * classes, (image + 1) * classes);
    if (row.indexOf(Math.max(...row)) === label) right += 1;
  }
  return right / labels.length;
}

/** max|a − b| / max|b|; NaN when there is one in `values`. */
export function maxRelativeDifference(values, reference) {
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < reference.length; i++) {
    // Math.max hands a NaN on, a comparison would drop it.
    difference = Math.max(difference, Math.abs(values[i] - reference[i]));
    largest = Math.max(largest, Math.abs(reference[i]));
  }
  return difference / largest;
}

async function readJson(name) {
  return JSON.parse(await readFile(new URL(name, folder), 'utf8'));
}
