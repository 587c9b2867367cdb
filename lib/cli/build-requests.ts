import { existsSync } from 'node:fs';
import path from 'node:path';
import type { BuildOptions } from '../build-options';
import { checkedBuildOptions } from '../checked-build-options';
import { configError } from '../config/config-error';
import { loadConfigBuilds, namedBuilds, type ConfigBuild } from '../config/config-builds';
import { findConfig } from '../config/find-config';
import { invalidArgument, TrtError } from '../errors';
import type { BuildFlags } from './build-flags';
import { buildOptionsOf, flagOptionsOf } from './build-options-of';

/** One engine that a command line asks for. */
export interface BuildRequest {
  /** In the config file; null: the model was named by its path. */
  readonly name: string | null;
  readonly model: string;
  readonly options: BuildOptions & { readonly output: string };
}

/**
 * A model by its path, or those of the config file: a path ends in `.onnx` or has a folder in it; any other word is looked for in the
 * config file first.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`
 */
export async function buildRequestsOf(
  given: readonly string[],
  flags: BuildFlags,
): Promise<readonly BuildRequest[]> {
  const words = flags.onnx === undefined ? given : [...given, flags.onnx];
  const [first] = words;
  const ofFile = flags.onnx !== undefined || words.some(isPath);
  if (ofFile && (flags.config !== undefined || flags.only !== undefined)) {
    const flag = flags.config === undefined ? '--only' : '--config';
    throw invalidArgument(flag, 'names of models, and no ONNX file beside it,', first);
  }
  if (ofFile || (flags.config === undefined && findConfig(process.cwd()) === null)) {
    return [requestOfFile(words, flags)];
  }
  const file = flags.config ?? findConfig(process.cwd()) ?? '';
  const builds = await loadConfigBuilds(file);
  for (const { name, options } of builds) checkOptions(file, name, options);
  const names = [...words, ...(flags.only ?? [])];
  const [word = ''] = words;
  const isKnown = builds.some(({ name }) => name === word);
  // A file without an ending, in a folder that has a config file too.
  if (words.length === 1 && !isKnown && existsSync(word)) return [requestOfFile(words, flags)];
  return requestsOfConfig(file, namedBuilds(builds, names), flags);
}

/** Before anything is built, and in the words of the config file. */
function checkOptions(file: string, name: string, options: BuildOptions): void {
  try {
    checkedBuildOptions(options);
  } catch (cause) {
    if (!(cause instanceof TrtError)) throw cause;
    const message = cause.message.replace(/\boptions\.(?=\w)/g, `models.${name}.`);
    throw configError(file, message, { cause });
  }
}

function isPath(word: string): boolean {
  return /\.onnx$/i.test(word) || word.includes('/');
}

function requestOfFile(words: readonly string[], flags: BuildFlags): BuildRequest {
  const [model, second] = words;
  if (model === undefined) {
    throw new TrtError(
      'ERR_TRT_INVALID_ARG',
      'expected an ONNX file, trt-node build model.onnx, or a trt-node.config.ts in this folder that lists models',
      { details: { argument: 'model' } },
    );
  }
  if (second !== undefined) {
    const expected = 'one ONNX file (several models are listed in trt-node.config.ts)';
    throw invalidArgument('model', expected, words.join(' '));
  }
  if (flags.keepGoing === true) {
    throw invalidArgument('--keep-going', 'models of a config file', flags.keepGoing);
  }
  return { name: null, model, options: buildOptionsOf(model, flags) };
}

/** Flags hold for every model, and win over the config file. */
function requestsOfConfig(
  file: string,
  builds: readonly ConfigBuild[],
  flags: BuildFlags,
): readonly BuildRequest[] {
  if (flags.output !== undefined && builds.length > 1) {
    const expected = `one model beside it (${file} has ${builds.length}: name one)`;
    throw invalidArgument('--output', expected, flags.output);
  }
  const given = Object.fromEntries(
    Object.entries({ ...flagOptionsOf(flags), output: flags.output }).filter(
      ([, value]) => value !== undefined,
    ),
  ) as BuildOptions;
  const requests = builds.map(({ name, model, options }) => ({
    ...{ name, model },
    options: { ...options, ...given, output: flags.output ?? options.output },
  }));
  const outputs = new Map<string, string>();
  for (const { name, options } of requests) {
    const output = path.resolve(options.output);
    const other = outputs.get(output);
    if (other !== undefined) {
      const expected = `an engine file for each model (${other} and ${name} have the same)`;
      throw invalidArgument('output', expected, output);
    }
    outputs.set(output, name);
  }
  return requests;
}
