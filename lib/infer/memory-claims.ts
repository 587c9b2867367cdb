/**
 * What requests under way write to, and read on the GPU. The GPU works on it while JavaScript goes on, so a second use would see or leave
 * a mixture: it is refused instead.
 *
 * Only requests with memory of the caller's for outputs, or with device tensors, come here. Of a module: a tensor of one engine may be
 * another's.
 */
import type { NativeDeviceMemory } from '../binding';
import type { TensorData } from '../data-types';
import { TrtError } from '../errors';
import { isArray } from '../input-reading';
import type { TensorInfo } from '../manifest-schema';
import type { Destination } from './outputs-option';

interface Span {
  /** An ArrayBuffer, or memory on a GPU. */
  readonly owner: object;
  readonly start: number;
  readonly end: number;
  readonly writes: boolean;
}

/** What one request uses. */
export type Claim = readonly Span[];

const claimed = new Map<object, Span[]>();

/** Whether a request must be looked at: most need not. */
export function needsClaim(
  sources: readonly (TensorData | NativeDeviceMemory)[],
  destinations: readonly unknown[] | null,
): boolean {
  if (destinations !== null || claimed.size > 0) return true;
  for (let i = 0; i < sources.length; i += 1) if (!isArray(sources[i])) return true;
  return false;
}

/**
 * Takes what a request uses until `unclaim`.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`: two of its tensors, or one of its and one of another request under way, share memory that at
 * least one of them is written to
 */
export function claimMemory(
  inputs: readonly TensorInfo[],
  sources: readonly (TensorData | NativeDeviceMemory)[],
  outputs: readonly TensorInfo[],
  destinations: readonly (Destination | null)[] | null,
): Claim {
  const all: Span[] = [];
  const kept: Span[] = [];
  const use = (span: Span, words: string, keep: boolean): void => {
    if (all.some((other) => areInConflict(span, other)))
      throw shared(words, 'another tensor of it');
    if (claimed.get(span.owner)?.some((other) => areInConflict(span, other)) === true) {
      throw shared(words, 'a request that is still under way');
    }
    all.push(span);
    if (keep) kept.push(span);
  };
  sources.forEach((source, index) => {
    // An array is copied at once, or the caller leaves it alone.
    use(spanOf(source, false), `input ${JSON.stringify(inputs[index]?.name)}`, !isArray(source));
  });
  destinations?.forEach((destination, index) => {
    if (destination === null) return;
    const target = 'memory' in destination ? destination.memory : destination.data;
    use(spanOf(target, true), `output ${JSON.stringify(outputs[index]?.name)}`, true);
  });
  for (const span of kept) {
    const spans = claimed.get(span.owner);
    if (spans === undefined) claimed.set(span.owner, [span]);
    else spans.push(span);
  }
  return kept;
}

export function unclaim(claim: Claim): void {
  for (const span of claim) {
    const rest = claimed.get(span.owner)?.filter((other) => other !== span) ?? [];
    if (rest.length === 0) claimed.delete(span.owner);
    else claimed.set(span.owner, rest);
  }
}

function spanOf(memory: TensorData | NativeDeviceMemory, writes: boolean): Span {
  if (!isArray(memory)) return { owner: memory, start: 0, end: memory.sizeBytes, writes };
  const { buffer, byteOffset, byteLength } = memory;
  return { owner: buffer, start: byteOffset, end: byteOffset + byteLength, writes };
}

function areInConflict(one: Span, other: Span): boolean {
  return (
    one.owner === other.owner &&
    (one.writes || other.writes) &&
    one.start < other.end &&
    other.start < one.end
  );
}

function shared(words: string, user: string): TrtError {
  return new TrtError(
    'ERR_TRT_INVALID_ARG',
    `expected memory of its own for ${words}, but ${user} uses it, and one of the two is written to. Pass other memory, or wait ` +
      'for the other request.',
    { details: { argument: words.startsWith('input') ? 'inputs' : 'options.outputs' } },
  );
}
