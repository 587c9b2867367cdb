import type { NativeNamedWeights } from '../binding';
import { typedArrayName } from '../data-types';
import { invalidArgument } from '../errors';
import { checkedOptions } from '../known-keys';
import {
  checkedExternalDataOption,
  modelSourceOf,
  type GivenExternalData,
  type ModelSource,
} from '../model-source';
import { checkedNamedWeights } from './named-weights';

/** How `Engine.refit` reads a model. */
export interface RefitOptions {
  /** The files of a model that is given as bytes and keeps weights in external data, by location. */
  readonly externalData?: Readonly<Record<string, Uint8Array>> | undefined;
  /** Ends the refit while the model is read; once TensorRT sets weights, it goes through. */
  readonly signal?: AbortSignal | undefined;
}

/** What a refit gets its weights from. */
export type CheckedRefit = (
  { readonly model: ModelSource } | { readonly weights: readonly NativeNamedWeights[] }
) & { readonly signal: AbortSignal | null };

/** @throws TrtError `ERR_TRT_INVALID_ARG` */
export function checkedRefit(source: unknown, options: RefitOptions | undefined): CheckedRefit {
  const { externalData, signal } = checkedOptions(options, 'options', ['externalData', 'signal']);
  const given = checkedExternalDataOption(externalData);
  const checkedSignal = signalOption(signal);
  if (isModel(source))
    return { model: modelSourceOf(source, given, 'source'), signal: checkedSignal };
  refuseFor(given);
  return { weights: checkedNamedWeights(source), signal: checkedSignal };
}

function isModel(source: unknown): boolean {
  return (
    typeof source === 'string' || source instanceof URL || typedArrayName(source) === 'Uint8Array'
  );
}

function signalOption(signal: unknown): AbortSignal | null {
  if (signal === undefined) return null;
  // By shape: a polyfill's is as good.
  const { aborted, throwIfAborted, addEventListener } = (signal ?? {}) as Partial<AbortSignal>;
  const methods = [throwIfAborted, addEventListener];
  if (typeof aborted === 'boolean' && methods.every((each) => typeof each === 'function')) {
    return signal as AbortSignal;
  }
  throw invalidArgument('options.signal', 'an AbortSignal', signal);
}

function refuseFor(externalData: GivenExternalData): void {
  if (externalData.size === 0) return;
  const expected = 'nothing beside weights that are given by name';
  throw invalidArgument('options.externalData', expected, [...externalData.keys()]);
}
