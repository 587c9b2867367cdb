import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BuildOptions } from '../build-options';
import { invalidArgument } from '../errors';
import { suggestion } from '../nearest-name';
import { readSigningKey } from '../signature/key-file';
import { checkedConfig } from './checked-config';
import type { ConfigModel, TrtNodeConfig } from './config';
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
  const folder = path.dirname(file);
  return Object.entries(config.models).map(([name, model]) =>
    buildOf(folder, name, { ...config.defaults, ...model }),
  );
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

function buildOf(folder: string, name: string, given: ConfigModel): ConfigBuild {
  const { model: modelPath, output, signKey, ...options } = given;
  const at = (value: string | URL): string =>
    path.resolve(folder, value instanceof URL ? fileURLToPath(value) : value);
  const model = at(modelPath);
  const { library, plugins, timingCache, cache, calibration, verify } = options;
  return {
    name,
    model,
    options: {
      ...options,
      output: output === undefined ? `${model.replace(/\.onnx$/i, '')}.engine` : at(output),
      library: library === undefined ? undefined : at(library),
      plugins: plugins?.map(at),
      timingCache: isPath(timingCache) ? at(timingCache) : timingCache,
      cache: isPath(cache)
        ? at(cache)
        : typeof cache === 'object' && isPath(cache.folder)
          ? { ...cache, folder: at(cache.folder) }
          : cache,
      calibration: calibration && {
        ...calibration,
        ...(isPath(calibration.data) ? { data: at(calibration.data) } : {}),
        ...(isPath(calibration.cache) ? { cache: at(calibration.cache) } : {}),
      },
      verify: verify && isPath(verify.cases) ? { ...verify, cases: at(verify.cases) } : verify,
      signingKey:
        signKey === undefined ? undefined : readSigningKey(at(signKey), `models.${name}.signKey`),
    },
  };
}

function isPath(value: unknown): value is string | URL {
  return typeof value === 'string' || value instanceof URL;
}
