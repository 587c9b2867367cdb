/** Pixels to what a network of torchvision takes, and its logits to classes. */

export const side = 224;

/** Mean and standard deviation of ImageNet's colours, which torchvision's weights expect to be taken out. */
const mean = [0.485, 0.456, 0.406];
const deviation = [0.229, 0.224, 0.225];

/**
 * Writes one image into a batch: interleaved RGB bytes to planes of normalised floats (HWC to CHW).
 *
 * @param {Float32Array} batch the data of a tensor [batch, 3, side, side]
 * @param {number} index which image of the batch
 * @param {Uint8Array} pixels side × side × 3 bytes
 */
export function writeImage(batch, index, pixels) {
  const plane = side * side;
  if (pixels.length !== 3 * plane) {
    throw new Error(`expected ${3 * plane} bytes of RGB but received ${pixels.length}`);
  }
  for (let channel = 0; channel < 3; channel += 1) {
    const scale = 1 / (255 * (deviation[channel] ?? 1));
    const offset = (mean[channel] ?? 0) / (deviation[channel] ?? 1);
    let to = (index * 3 + channel) * plane;
    for (let from = channel; from < pixels.length; from += 3) {
      batch[to] = (pixels[from] ?? 0) * scale - offset;
      to += 1;
    }
  }
}

/**
 * The most likely classes of one row of logits, with their probability (softmax), the likeliest first.
 *
 * @param {Float32Array} logits
 * @param {number} count
 */
export function mostLikely(logits, count) {
  const largest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - largest), 0);
  return [...logits]
    .map((logit, index) => ({ index, probability: Math.exp(logit - largest) / sum }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, count);
}
