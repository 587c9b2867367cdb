/** Types of examples that are plain JavaScript: their JSDoc is checked by a test of its own. */

declare module '*/image-classification/image-tensor.mjs' {
  export const side: number;
  export function writeImage(batch: Float32Array, index: number, pixels: Uint8Array): void;
  export function mostLikely(
    logits: Float32Array,
    count: number,
  ): { index: number; probability: number }[];
}

declare module '*/sentence-embeddings/similarity.mjs' {
  export function cosine(a: Float32Array, b: Float32Array): number;
  export function rowsOf(data: Float32Array, columns: number): Float32Array[];
}

declare module '*/frame-loop/frames.mjs' {
  export function framesOf<T extends { readonly bytes: Uint8Array }>(
    stream: AsyncIterable<Uint8Array>,
    next: () => T | Promise<T>,
  ): AsyncGenerator<T, void>;
}
