import type { CalibrationAlgorithm } from './option';

/** A calibration cache as TensorRT writes it: a line that names it, then `tensor: scale` with the bits of a float32 in hex. */
export interface CacheText {
  /** `100600`: 10.6.0. */
  readonly version: string;
  /** TensorRT's name of the algorithm, `EntropyCalibration2`. */
  readonly algorithm: string;
  readonly tensors: ReadonlySet<string>;
}

/** IInt8LegacyCalibrator's name in it is not documented: what is none of the others. */
const algorithmNames: Readonly<Record<Exclude<CalibrationAlgorithm, 'percentile'>, string>> = {
  entropy2: 'EntropyCalibration2',
  entropy: 'EntropyCalibration',
  minmax: 'MinMaxCalibration',
};

/** null: it is none. */
export function parseCacheText(text: string): CacheText | null {
  const [first = '', ...lines] = text.split('\n').map((line) => line.replace(/\r$/, ''));
  const [, version, algorithm] = /^TRT-(\d+)-(\w+)$/.exec(first) ?? [];
  if (version === undefined || algorithm === undefined) return null;
  const tensors = new Set<string>();
  for (const line of lines) {
    if (line === '') continue;
    // A tensor's name may have colons itself.
    const name = /^(.+): [0-9a-f]{8}$/i.exec(line)?.[1];
    if (name === undefined) return null;
    tensors.add(name);
  }
  return tensors.size === 0 ? null : { version, algorithm, tensors };
}

export function isAlgorithm(name: string, algorithm: CalibrationAlgorithm): boolean {
  if (algorithm !== 'percentile') return name === algorithmNames[algorithm];
  return !Object.values(algorithmNames).includes(name);
}

/** `10.6.0` as caches have it, `100600`: from TensorRT 10 on two digits for each part after the first. */
export function versionInCache(version: string): string {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  return String(major * 10_000 + minor * 100 + patch);
}
