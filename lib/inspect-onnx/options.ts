import type { BuildOptions } from '../build-options';
import { checkedBuildOptions, type CheckedBuildOptions } from '../checked-build-options';
import { checkedOptions } from '../known-keys';

const optionNames = [
  'runtime',
  'library',
  'device',
  'externalData',
  'plugins',
  'standardPlugins',
  'signal',
] as const satisfies readonly (keyof BuildOptions)[];

type OptionName = (typeof optionNames)[number];

/**
 * How `inspectOnnx` inspects: the options of `buildEngine` that decide what is asked. Without a GPU, TensorRT-RTX is asked; with
 * `runtime: 'tensorrt'` nothing is.
 */
export type InspectOptions = Pick<BuildOptions, OptionName>;

export type CheckedInspectOptions = Pick<CheckedBuildOptions, OptionName>;

/** @throws TrtError `ERR_TRT_INVALID_ARG` */
export function checkedInspectOptions(options: InspectOptions | undefined): CheckedInspectOptions {
  return checkedBuildOptions(checkedOptions(options, 'options', optionNames));
}
