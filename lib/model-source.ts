import path from 'node:path';
import { typedArrayName } from './data-types';
import { invalidArgument, TrtError } from './errors';
import { filePathOf } from './file-path';
import { LentBytes } from './lent-bytes';
import { locationProblem, locationProblems, normalLocation } from './onnx/external-location';
import { checkedPlainObject } from './plain-object';

/** The `externalData` option, by normal location. */
export type GivenExternalData = ReadonlyMap<string, LentBytes>;

/** Where a model comes from: a file, or bytes that JavaScript holds. */
export type ModelSource =
  /** Absolute: the working directory may change while a build runs. */
  | { readonly path: string }
  | { readonly bytes: LentBytes; readonly externalData: GivenExternalData };

/**
 * @param name what the caller calls it, for errors
 * @throws TrtError `ERR_TRT_INVALID_ARG`
 */
export function modelSourceOf(
  model: unknown,
  externalData: GivenExternalData,
  name = 'model',
): ModelSource {
  if (typedArrayName(model) === 'Uint8Array') {
    return { bytes: new LentBytes(name, model as Uint8Array), externalData };
  }
  if (typeof model !== 'string' && !(model instanceof URL)) {
    throw invalidArgument(name, 'a path, a file: URL or a Uint8Array', model);
  }
  const file = path.resolve(filePathOf(model, name));
  if (externalData.size > 0) {
    throw new TrtError(
      'ERR_TRT_INVALID_ARG',
      'expected no `options.externalData` with a model that is a file: its external data is read from the files beside it. ' +
        'Leave the option out, or give the model as bytes too.',
      { details: { argument: 'options.externalData' } },
    );
  }
  return { path: file };
}

/** @throws TrtError `ERR_TRT_INVALID_ARG` */
export function checkedExternalDataOption(value: unknown): GivenExternalData {
  if (value === undefined) return new Map();
  const expected = 'a plain object of locations and Uint8Arrays';
  const files = checkedPlainObject(value, 'options.externalData', expected);
  const given = new Map<string, LentBytes>();
  for (const [location, bytes] of Object.entries(files)) {
    const problem = locationProblem(location);
    if (problem !== null) {
      throw invalidArgument(
        'options.externalData',
        'only locations that are paths below a folder',
        `${location} (which ${locationProblems[problem]})`,
      );
    }
    const name = `options.externalData[${JSON.stringify(location)}]`;
    if (typedArrayName(bytes) !== 'Uint8Array') {
      throw invalidArgument(name, 'a Uint8Array', bytes);
    }
    const normal = normalLocation(location);
    if (given.has(normal)) {
      throw invalidArgument('options.externalData', 'each file once', location);
    }
    given.set(normal, new LentBytes(name, bytes as Uint8Array));
  }
  return given;
}
