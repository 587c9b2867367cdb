import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BuildOptions } from '../build-options';
import { describeValue, invalidArgument, type TrtError } from '../errors';
import { suggestion } from '../nearest-name';
import { readSigningKey } from '../signature/key-file';
import { checkedConfig } from './checked-config';
import type { ConfigModel, TrtNodeConfig } from './config';
import { configError } from './config-error';
import { readConfig } from './read-config';

/** One call of `buildEngine` that a config file asks for; every path is absolute. */
export interface ConfigBuild {
  readonly name: string;
  readonly model: string;
  readonly options: BuildOptions & { readonly output: string };
}

/** The builds of a config file, in its order. @throws TrtError `ERR_TRT_INVALID_ARG` */
export async function loadConfigBuilds(file: string): Promise<readonly ConfigBuild[]> {
  const absolute = path.resolve(file);
  return configBuilds(absolute, checkedConfig(absolute, await readConfig(absolute)));
}

export function configBuilds(file: string, config: TrtNodeConfig): readonly ConfigBuild[] {
  return Object.entries(config.models).map(([name, model]) => {
    const placeOf = (key: string): string =>
      Object.hasOwn(model, key.split(/[.[]/)[0] ?? key)
        ? `models.${name}.${key}`
        : `defaults.${key}`;
    return buildOf(file, name, { ...config.defaults, ...model }, placeOf);
  });
}

/** Those called so, in the config's order; all of them where no name is given. */
export function namedBuilds(
  builds: readonly ConfigBuild[],
  names: readonly string[],
): readonly ConfigBuild[] {
  const known = builds.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const near = suggestion(unknown, known).replace(/^; /, ' (').replace(/\?$/, '?)');
    throw invalidArgument(
      'name',
      `models of the config file, ${known.join(', ')}${near},`,
      unknown,
    );
  }
  return names.length === 0 ? builds : builds.filter(({ name }) => names.includes(name));
}

/** @param placeOf where a key of `given` stands in the file, for errors */
function buildOf(
  file: string,
  name: string,
  given: ConfigModel,
  placeOf: (key: string) => string,
): ConfigBuild {
  const { model: modelPath, output, signKey, ...options } = given;
  const at = (value: unknown, key: string): string => pathAt(file, value, placeOf(key));
  const model = at(modelPath, 'model');
  const { library, timingCache, cache, calibration, verify } = options;
  const plugins = listAt(file, options.plugins, placeOf('plugins'));
  return {
    name,
    model,
    options: {
      ...options,
      output:
        output === undefined ? `${model.replace(/\.onnx$/i, '')}.engine` : at(output, 'output'),
      library: library === undefined ? undefined : at(library, 'library'),
      plugins: plugins?.map((plugin, index) => at(plugin, `plugins[${index}]`)),
      timingCache: isPath(timingCache) ? at(timingCache, 'timingCache') : timingCache,
      cache: isPath(cache)
        ? at(cache, 'cache')
        : isObject(cache) && isPath(cache.folder)
          ? { ...cache, folder: at(cache.folder, 'cache.folder') }
          : cache,
      // What is no object at all, `buildEngine` refuses.
      calibration: isObject(calibration)
        ? {
            ...calibration,
            ...(isPath(calibration.data) ? { data: at(calibration.data, 'calibration.data') } : {}),
            ...(isPath(calibration.cache)
              ? { cache: at(calibration.cache, 'calibration.cache') }
              : {}),
          }
        : calibration,
      verify:
        isObject(verify) && isPath(verify.cases)
          ? { ...verify, cases: at(verify.cases, 'verify.cases') }
          : verify,
      signingKey:
        signKey === undefined
          ? undefined
          : readSigningKey(at(signKey, 'signKey'), placeOf('signKey')),
    },
  };
}

function isPath(value: unknown): value is string | URL {
  return typeof value === 'string' || value instanceof URL;
}

function isObject<T>(value: T): value is T & object {
  return typeof value === 'object' && value !== null;
}

/** @throws TrtError `ERR_TRT_INVALID_ARG` */
function pathAt(file: string, value: unknown, place: string): string {
  const wrong = (cause?: unknown): TrtError =>
    configError(file, `expected a path in \`${place}\` but found ${describeValue(value)}`, {
      cause,
    });
  if (!isPath(value)) throw wrong();
  try {
    return path.resolve(path.dirname(file), value instanceof URL ? fileURLToPath(value) : value);
  } catch (error) {
    // A URL that is none of a file.
    throw wrong(error);
  }
}

/** @throws TrtError `ERR_TRT_INVALID_ARG` */
function listAt(file: string, value: unknown, place: string): readonly unknown[] | undefined {
  if (value === undefined || Array.isArray(value)) return value as readonly unknown[] | undefined;
  const what = `expected a list of paths in \`${place}\` but found ${describeValue(value)}`;
  throw configError(file, what);
}
