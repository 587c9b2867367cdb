import path from 'node:path';
import type { NativeCalibrationAlgorithm } from '../binding';
import { typedArrayName } from '../data-types';
import { invalidArgument } from '../errors';
import { filePathOf } from '../file-path';
import { checkedOptions } from '../known-keys';
import { checkedProfile, type GivenProfile, type ProfileOption } from '../profile-option';
import type { TensorInputs } from '../tensor';

/** How TensorRT finds int8 scales from the values that it sees in calibration. */
export type CalibrationAlgorithm = NativeCalibrationAlgorithm;

/** What `infer` takes, again and again: one batch, or any number of samples, an item. */
export type CalibrationItems = Iterable<TensorInputs> | AsyncIterable<TensorInputs>;

/** Items, a function that gives them once they are needed, or the path of a `.npy` or `.npz` file or of a folder of them. */
export type CalibrationData = string | URL | CalibrationItems | (() => CalibrationItems);

/** The `calibration` option of `buildEngine`: how TensorRT 10 finds int8 scales of a model without Q/DQ nodes. */
export interface CalibrationOption {
  /**
   * Samples of what the engine will see, a few hundred of them. Default: none; `cache` must then have the scales.
   * - Any iterable or async iterable of what `infer` takes (tensors by input name; a bare typed array where the model's dims are
   *   static), or a function that returns one. It is read once, an item at a time, and written to a temporary folder: room for
   *   all batches is needed there (`TMPDIR`), memory for one item.
   * - The path of a `.npz` file with an array for each input, of a `.npy` file for a model with one input, or of a folder of
   *   such files (read in the order of their names). Arrays that are no input are passed over. They are read in slices: a file may
   *   be larger than memory. Types must be the model's: NumPy's float64 is `ERR_TRT_DATA_FILE`.
   *
   * With the option `cache` of the build it is read to its end each time, as what is in it says which engine is meant; a calibration
   * `cache` spares that.
   *
   * Items are cut and joined along axis 0 to batches of the calibration profile's size; samples that do not fill a last one are
   * dropped and counted (`manifest.calibration.droppedSamples`).
   *
   * `ERR_TRT_CALIBRATION_DATA`: no whole batch, an item that does not fit the model (`details.item` and the reason), or an iterable
   * that throws (its error is the `cause`).
   */
  readonly data?: CalibrationData | undefined;
  /**
   * `'entropy2'` (`IInt8EntropyCalibrator2`, the default; for CNNs), `'minmax'` (`IInt8MinMaxCalibrator`; for transformers),
   * `'entropy'` (`IInt8EntropyCalibrator`), `'percentile'` (`IInt8LegacyCalibrator`).
   */
  readonly algorithm?: CalibrationAlgorithm | undefined;
  /**
   * Path of a calibration cache: the scales, in TensorRT's own text, as trtexec (`--calib`) and Polygraphy have it. Where it is
   * there, it is used and `data` is not read. Where it is not, a good build writes it, and `<cache>.json` beside it, which says what
   * it was made from. Remove both to calibrate again. Default: none. An engine that the option `cache` of the build has already is
   * not built, so that none is written then.
   *
   * A cache of another model, algorithm or TensorRT version is `ERR_TRT_CALIBRATION_CACHE` (`details.reason`), with `data` too, and
   * stays as it is. `ERR_TRT_CALIBRATION_REQUIRED`: it is not there, and there is no `data`.
   */
  readonly cache?: string | URL | undefined;
  /**
   * Dims of every batch, written as a profile (see `profiles`), of which `opt` counts: `{ batch: 8, seq: 128 }`. Default: `opt`
   * of the first profile. `IBuilderConfig::setCalibrationProfile`. `ERR_TRT_PROFILE_INVALID`, `ERR_TRT_PROFILE_MISSING`.
   */
  readonly profile?: ProfileOption | undefined;
  /**
   * `'percentile'` alone: the share of values that a scale covers, above 0 and at most 1. Default: 0.9999.
   * `IInt8LegacyCalibrator::getQuantile`
   */
  readonly quantile?: number | undefined;
  /**
   * `'percentile'` alone: where TensorRT's regression starts, as a share of the largest value, above 0 and at most 1. Default: 1,
   * the quantile as it is. `IInt8LegacyCalibrator::getRegressionCutoff`
   */
  readonly regressionCutoff?: number | undefined;
}

/** What data comes from, checked as far as that goes without reading it. */
export type CheckedCalibrationData =
  { readonly path: string } | { readonly items: () => CalibrationItems };

export interface CheckedCalibration {
  /** null: `cache` alone. */
  readonly data: CheckedCalibrationData | null;
  readonly algorithm: CalibrationAlgorithm;
  readonly cache: string | null;
  /** null: the first profile's `opt`. */
  readonly profile: GivenProfile | null;
  readonly quantile: number;
  readonly regressionCutoff: number;
}

export const calibrationAlgorithms = [
  'entropy2',
  'entropy',
  'minmax',
  'percentile',
] as const satisfies readonly CalibrationAlgorithm[];

const optionNames = [
  'data',
  'algorithm',
  'cache',
  'profile',
  'quantile',
  'regressionCutoff',
] as const satisfies readonly (keyof CalibrationOption)[];

const argument = 'options.calibration';

/**
 * The `calibration` option; null where it was not given.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`, `ERR_TRT_PROFILE_INVALID`
 */
export function checkedCalibration(value: unknown): CheckedCalibration | null {
  if (value === undefined) return null;
  const { data, algorithm, cache, profile, quantile, regressionCutoff } = checkedOptions(
    value as CalibrationOption,
    argument,
    optionNames,
  );
  if (data === undefined && cache === undefined) {
    throw invalidArgument(argument, 'an object with `data`, `cache` or both', value);
  }
  const checkedAlgorithm = algorithmOf(algorithm);
  return {
    data: data === undefined ? null : checkedData(data),
    algorithm: checkedAlgorithm,
    // The working directory may change while the engine is built.
    cache: cache === undefined ? null : path.resolve(filePathOf(cache, `${argument}.cache`)),
    profile:
      profile === undefined
        ? null
        : checkedProfile(profile, { path: `${argument}.profile`, profile: 0 }),
    quantile: share(quantile, 'quantile', checkedAlgorithm) ?? 0.9999,
    regressionCutoff: share(regressionCutoff, 'regressionCutoff', checkedAlgorithm) ?? 1,
  };
}

function algorithmOf(value: unknown): CalibrationAlgorithm {
  if (value === undefined) return 'entropy2';
  const known = calibrationAlgorithms.find((algorithm) => algorithm === value);
  if (known !== undefined) return known;
  const list = calibrationAlgorithms.map((algorithm) => `'${algorithm}'`).join(', ');
  throw invalidArgument(`${argument}.algorithm`, `one of ${list}, or nothing,`, value);
}

function checkedData(value: unknown): CheckedCalibrationData {
  const name = `${argument}.data`;
  if (typeof value === 'string' || value instanceof URL) {
    return { path: path.resolve(filePathOf(value, name)) };
  }
  if (typeof value === 'function') return { items: value as () => CalibrationItems };
  if (isIterable(value)) return { items: () => value };
  const expected =
    'a path, a file: URL, an (async) iterable of tensors by input name, or a function that returns one';
  throw invalidArgument(name, expected, value);
}

/** A typed array can be iterated over, but its numbers are no items. */
export function isIterable(value: unknown): value is CalibrationItems {
  if (typeof value !== 'object' || value === null || typedArrayName(value) !== undefined) {
    return false;
  }
  const { [Symbol.iterator]: sync, [Symbol.asyncIterator]: async } = value as Partial<
    Iterable<unknown> & AsyncIterable<unknown>
  >;
  return typeof sync === 'function' || typeof async === 'function';
}

function share(
  value: unknown,
  name: 'quantile' | 'regressionCutoff',
  algorithm: CalibrationAlgorithm,
): number | null {
  if (value === undefined) return null;
  if (algorithm !== 'percentile') {
    const expected = `nothing (it belongs to algorithm 'percentile', and this is '${algorithm}')`;
    throw invalidArgument(`${argument}.${name}`, expected, value);
  }
  if (typeof value !== 'number' || !(value > 0 && value <= 1)) {
    throw invalidArgument(`${argument}.${name}`, 'a number above 0 and at most 1', value);
  }
  return value;
}
