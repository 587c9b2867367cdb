// node classify.mjs resnet50.engine labels.json photo.jpg [more.jpg …]
import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { loadEngine } from 'trt-node';
import { mostLikely, side, writeImage } from './image-tensor.mjs';

const [plan, labelsFile, ...photos] = process.argv.slice(2);
if (plan === undefined || labelsFile === undefined || photos.length === 0) {
  console.error('usage: node classify.mjs resnet50.engine labels.json photo.jpg [more.jpg …]');
  process.exit(2);
}
/** @type {string[]} */
const labels = JSON.parse(await readFile(labelsFile, 'utf8'));

/** @param {string} photo */
async function pixelsOf(photo) {
  const image = sharp(photo).rotate().resize(side, side, { fit: 'cover' });
  const { data } = await image
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return data;
}

const engine = await loadEngine(plan);
try {
  // Pinned memory: the GPU reads it where it is, nothing is copied on the host.
  const image = engine.allocate('image', [photos.length, 3, side, side]);
  const batch = /** @type {Float32Array} */ (image.data);
  const decoded = await Promise.all(photos.map(pixelsOf));
  for (const [index, pixels] of decoded.entries()) writeImage(batch, index, pixels);

  const { outputs, timing } = await engine.inferTimed({ image });
  const logits = outputs['logits']?.toFloat32() ?? new Float32Array(0);
  for (const [index, photo] of photos.entries()) {
    console.log(photo);
    const row = logits.subarray(index * labels.length, (index + 1) * labels.length);
    for (const { index: label, probability } of mostLikely(row, 5)) {
      console.log(`  ${(100 * probability).toFixed(1).padStart(5)} %  ${labels[label]}`);
    }
  }
  console.log(`${photos.length} images in ${timing.compute.toFixed(3)} ms on the GPU`);
} finally {
  await engine.close();
}
