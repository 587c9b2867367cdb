/**
 * What requests under way write to and read. That goes on while JavaScript does, so a second use would see or leave a mixture: it is
 * refused instead.
 *
 * Memory is known by where it lies, as several tensors and handles may share it. Most requests need no look: their arrays are copied at
 * once, and their outputs are new. Of a module: a tensor of one engine may be another's.
 */
import type { NativeDeviceMemory } from '../binding';
import type { TensorData } from '../data-types';
import { TrtError } from '../errors';
import { isArray } from '../input-reading';
import type { InputBytes } from '../input-validation';
import type { TensorInfo } from '../manifest-schema';
import { isLent } from './lent-buffers';
import type { Destination } from './outputs-option';

/** The memory of one request. */
export interface MemoryUse {
  readonly inputs: readonly TensorInfo[];
  readonly sources: readonly (TensorData | NativeDeviceMemory)[];
  /** Of each input what is copied over several turns of the event loop, null for those that the GPU reads; null: nothing is. */
  readonly copied: readonly (InputBytes | null)[] | null;
  readonly outputs: readonly TensorInfo[];
  readonly destinations: readonly (Destination | null)[] | null;
}

interface Span {
  /** An ArrayBuffer, or CUDA's index of a GPU. */
  readonly owner: ArrayBufferLike | number;
  readonly start: number | bigint;
  readonly end: number | bigint;
  /** `taken`: before other code runs. `copied`: until the request is submitted. Else until the GPU is done. */
  readonly use: 'taken' | 'copied' | 'read' | 'written';
}

type TensorKind = 'input' | 'output';

/** What one request keeps from others. */
export type Claim = readonly Span[];

const none: readonly Span[] = [];
const claimed = new Map<Span['owner'], Set<Span>>();
/** As many of them are written to. Those who only read are in nobody's way who does, too. */
let written = 0;

/** Whether what a request uses may be in use. */
export function needsCheck({ destinations }: Pick<MemoryUse, 'destinations'>): boolean {
  return destinations !== null || written > 0;
}

/** Whether a request goes on using memory after its call, or may use what is in use. */
export function needsClaim(
  sources: MemoryUse['sources'],
  options: Pick<MemoryUse, 'destinations'>,
  copied: MemoryUse['copied'],
): boolean {
  if (needsCheck(options) || copied !== null) return true;
  for (let i = 0; i < sources.length; i += 1) {
    const source = sources[i];
    if (!isArray(source) || isLent(source)) return true;
  }
  return false;
}

/**
 * Looks at what a request uses; for one that is over before other code runs that is enough.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`: two of its tensors, or one of its and one of another request under way, share memory that at
 * least one of them is written to
 */
export function checkMemory(use: MemoryUse): void {
  if (claimed.size > 0 || mayOverlap(use)) spansOf(use);
}

/** Takes what a request uses until `unclaim`. @throws TrtError what `checkMemory` throws */
export function claimMemory(use: MemoryUse): Claim {
  const claim = spansOf(use).filter((span) => span.use !== 'taken');
  for (const span of claim) {
    const spans = claimed.get(span.owner);
    if (spans === undefined) claimed.set(span.owner, new Set([span]));
    else spans.add(span);
    if (span.use === 'written') written += 1;
  }
  return claim;
}

/** Whether its tensors have to be looked at closely. As they mostly are, arrays on buffers of their own, they need not be. */
function mayOverlap({ sources, destinations }: MemoryUse): boolean {
  if (destinations === null) return false;
  for (let i = 0; i < destinations.length; i += 1) {
    const destination = destinations[i];
    if (!destination) continue;
    if ('memory' in destination) return true;
    const { buffer } = destination.data;
    for (const source of sources) if (isArray(source) && source.buffer === buffer) return true;
    for (let other = 0; other < i; other += 1) {
      const before = destinations[other];
      if (before && 'data' in before && before.data.buffer === buffer) return true;
    }
  }
  return false;
}

/** @throws TrtError what `checkMemory` throws */
function spansOf(use: MemoryUse): readonly Span[] {
  const spans: Span[] = [];
  const add = (span: Span, kind: TensorKind, tensor: TensorInfo | undefined): void => {
    if (span.start === span.end) return;
    for (const other of spans) {
      if (areInConflict(span, other)) throw shared(kind, tensor, 'another tensor of it');
    }
    for (const other of claimed.get(span.owner) ?? none) {
      if (areInConflict(span, other)) {
        throw shared(kind, tensor, 'a request that is still under way');
      }
    }
    spans.push(span);
  };
  use.sources.forEach((source, index) => {
    add(spanOf(source, useOf(source, use.copied, index)), 'input', use.inputs[index]);
  });
  use.destinations?.forEach((destination, index) => {
    if (destination === null) return;
    const target = 'memory' in destination ? destination.memory : destination.data;
    add(spanOf(target, 'written'), 'output', use.outputs[index]);
  });
  return spans;
}

/** The request was submitted: what it had to copy is the caller's again. */
export function unclaimCopied(claim: Claim): void {
  for (const span of claim) if (span.use === 'copied') remove(span);
}

/** The request is over. */
export function unclaim(claim: Claim): void {
  for (const span of claim) remove(span);
}

function remove(span: Span): void {
  const spans = claimed.get(span.owner);
  if (spans?.delete(span) !== true) return;
  if (spans.size === 0) claimed.delete(span.owner);
  if (span.use === 'written') written -= 1;
}

function useOf(
  source: TensorData | NativeDeviceMemory,
  copied: MemoryUse['copied'],
  index: number,
): Span['use'] {
  if (!isArray(source)) return 'read';
  if (copied === null) return isLent(source) ? 'read' : 'taken';
  return copied[index] ? 'copied' : 'read';
}

function spanOf(memory: TensorData | NativeDeviceMemory, use: Span['use']): Span {
  if (isArray(memory)) {
    const { buffer, byteOffset, byteLength } = memory;
    return { owner: buffer, start: byteOffset, end: byteOffset + byteLength, use };
  }
  const { device, address, sizeBytes } = memory;
  return { owner: device, start: address, end: address + BigInt(sizeBytes), use };
}

function areInConflict(one: Span, other: Span): boolean {
  return (
    (one.use === 'written' || other.use === 'written') &&
    one.owner === other.owner &&
    one.start < other.end &&
    other.start < one.end
  );
}

function shared(kind: TensorKind, tensor: TensorInfo | undefined, user: string): TrtError {
  return new TrtError(
    'ERR_TRT_INVALID_ARG',
    `expected memory of its own for ${kind} ${JSON.stringify(tensor?.name)}, but ${user} uses it, and one of the two is written to. ` +
      'Pass other memory, or wait for the other request.',
    { details: { argument: kind === 'input' ? 'inputs' : 'options.outputs' } },
  );
}
