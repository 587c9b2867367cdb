import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Engine, TensorLike } from '../../lib/index';
import {
  GeneratedModel,
  optimizationLevel,
  type Reference,
  type TensorFile,
} from '../support/generated-models';
import { temporaryFolder, trtNode } from '../gpu/gpu-host';

const width = 384;

interface MiniLmReference extends Reference {
  /** All sentences' ids one after the other. */
  readonly ids: TensorFile;
  /** One row per sentence, of the sentence by itself: no padding, no mask that hides anything. */
  readonly embeddings: TensorFile;
  /** `tokens` without the two that begin and end a sentence, `ids` with them. */
  readonly sentences: readonly { readonly tokens: number; readonly ids: number }[];
  /** Indices of sentences. */
  readonly batches: readonly (readonly number[])[];
}

const model = await GeneratedModel.open<MiniLmReference>('minilm');
const { sentences, batches } = model.reference;
const embeddings = (await model.tensor(model.reference.embeddings)).data as Float32Array;
const ids = await sentenceIds();
const folder = await temporaryFolder();

async function sentenceIds(): Promise<readonly BigInt64Array[]> {
  const all = (await model.tensor(model.reference.ids)).data as BigInt64Array;
  let end = 0;
  return sentences.map(({ ids: count }) => all.subarray(end, (end += count)));
}

/** Sentences padded to the longest of them, or to `padded` tokens. */
function batchOf(
  indices: readonly number[],
  padded?: number,
): Record<'input_ids' | 'attention_mask', TensorLike> {
  const seq = padded ?? Math.max(...indices.map((index) => sentences[index]?.ids ?? 0));
  const dims = [indices.length, seq];
  const tokens = new BigInt64Array(indices.length * seq);
  const mask = new BigInt64Array(indices.length * seq);
  for (const [row, index] of indices.entries()) {
    const sentence = ids[index] ?? new BigInt64Array();
    tokens.set(sentence, row * seq);
    mask.fill(1n, row * seq, row * seq + sentence.length);
  }
  return {
    input_ids: { type: 'int64', data: tokens, dims },
    attention_mask: { type: 'int64', data: mask, dims },
  };
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [product, aSquared, bSquared] = [0, 0, 0];
  for (const [i, x] of a.entries()) {
    const y = b[i] ?? NaN;
    product += x * y;
    aSquared += x * x;
    bSquared += y * y;
  }
  return product / Math.sqrt(aSquared * bSquared);
}

/** The cosine with PyTorch's embedding, by sentence. */
async function cosines(
  engine: Engine,
  given: readonly (readonly number[])[],
  padded?: number,
): Promise<ReadonlyMap<number, number>> {
  const found = new Map<number, number>();
  for (const indices of given) {
    const { embedding } = await engine.infer(batchOf(indices, padded));
    expect(embedding?.dims).toEqual([indices.length, width]);
    const rows = embedding?.data as Float32Array;
    for (const [row, index] of indices.entries()) {
      const expected = embeddings.subarray(index * width, (index + 1) * width);
      found.set(index, cosine(rows.subarray(row * width, (row + 1) * width), expected));
    }
  }
  return found;
}

/** NaN where there is one: Math.min hands it on. */
function smallest(values: ReadonlyMap<number, number>): number {
  return Math.min(...values.values());
}

describe('the 200 sentences', () => {
  it('have 1 to 300 tokens and come in batches of mixed length', () => {
    const tokens = sentences.map((sentence) => sentence.tokens);
    expect(sentences).toHaveLength(200);
    expect([Math.min(...tokens), Math.max(...tokens)]).toEqual([1, 300]);
    expect([...new Set(batches.flat())]).toHaveLength(200);
    for (const batch of batches.filter(({ length }) => length > 1)) {
      expect(new Set(batch.map((index) => tokens[index])).size).toBeGreaterThan(1);
    }
  });
});

// The bars, for each of the sentences.
describe.each([
  { precision: 'fp32' as const, bar: 0.9999 },
  { precision: 'fp16' as const, bar: 0.998 },
])('MiniLM in $precision', ({ precision, bar }) => {
  it('embeds as PyTorch does: in mixed batches, alone, and padded to the longest', async () => {
    const built = await trtNode.buildEngine(model.modelPath, {
      runtime: 'tensorrt',
      precision,
      profiles: [{ batch: [1, 8, 32], seq: [1, 128, 512] }],
      output: path.join(folder, `${precision}.engine`),
      ...optimizationLevel(),
    });
    await using engine = await built.load();
    const mixed = await cosines(engine, batches);
    const alone = await cosines(
      engine,
      sentences.map((_, index) => [index]),
    );
    // The largest dims that the profile has.
    const full = Array.from({ length: 32 }, (_, row) => row * 6);
    const padded = await cosines(engine, [full], 512);
    const figures = { mixed: smallest(mixed), alone: smallest(alone), padded: smallest(padded) };
    await model.record(precision, built, { bar, smallestCosine: figures });

    expect(mixed.size).toBe(200);
    expect(alone.size).toBe(200);
    expect(figures.mixed).toBeGreaterThanOrEqual(bar);
    expect(figures.alone).toBeGreaterThanOrEqual(bar);
    expect(figures.padded).toBeGreaterThanOrEqual(bar);
  });
});
