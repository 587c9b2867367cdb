import { statSync } from 'node:fs';
import path from 'node:path';
import { TrtError } from '../errors';

const extensions = ['ts', 'mts', 'mjs', 'js', 'cjs', 'json'] as const;

export const configNames: readonly string[] = extensions.map((each) => `trt-node.config.${each}`);

/** The config file in `folder`; null: there is none. Two of them are an error, as nobody knows which one is meant. */
export function findConfig(folder: string): string | null {
  const found = configNames
    .map((name) => path.join(folder, name))
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile() === true);
  const [first = null, second] = found;
  if (second === undefined) return first;
  throw new TrtError(
    'ERR_TRT_INVALID_ARG',
    `expected one config file but found ${found.map((file) => path.basename(file)).join(' and ')}: name one with --config <file>`,
    { details: { argument: '--config', found } },
  );
}
