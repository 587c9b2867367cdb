import type { BuildOptions } from '../build-options';
import { describeValue } from '../errors';
import { suggestion } from '../nearest-name';
import { buildOptionNames } from '../checked-build-options';
import type { ConfigBuildOptions, ConfigModel, TrtNodeConfig } from './config';
import { configError } from './config-error';

const notInConfigs = ['output', 'externalData', 'signingKey', 'signal', 'onProgress'] as const;

const buildKeys: readonly string[] = [
  ...buildOptionNames.filter(
    (name: keyof BuildOptions) => !(notInConfigs as readonly string[]).includes(name),
  ),
  'signKey',
];
const modelKeys: readonly string[] = ['model', 'output', ...buildKeys];
const topKeys: readonly string[] = ['$schema', 'defaults', 'models'];

/**
 * A config with no unknown key and a model in every entry. What the options hold, `buildEngine` checks.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`
 */
export function checkedConfig(file: string, value: unknown): TrtNodeConfig {
  const config = checkedKeys(file, value, 'the config', topKeys);
  if (config['defaults'] !== undefined) {
    checkedKeys(file, config['defaults'], 'defaults', buildKeys);
  }
  const models = checkedObject(file, config['models'], 'models');
  const names = Object.keys(models);
  if (names.length === 0) throw configError(file, 'expected at least one model in `models`');
  for (const name of names) {
    const model = checkedKeys(file, models[name], `models.${name}`, modelKeys);
    if (typeof model['model'] !== 'string' && !(model['model'] instanceof URL)) {
      const found = describeValue(model['model']);
      throw configError(
        file,
        `expected the path of an ONNX file in \`models.${name}.model\` but found ${found}`,
      );
    }
  }
  return {
    defaults: config['defaults'] as ConfigBuildOptions | undefined,
    models: models as Readonly<Record<string, ConfigModel>>,
  };
}

function checkedKeys(
  file: string,
  value: unknown,
  name: string,
  known: readonly string[],
): Readonly<Record<string, unknown>> {
  const object = checkedObject(file, value, name);
  for (const key of Object.keys(object)) {
    if (known.includes(key)) continue;
    const nearest = suggestion(key, known);
    const list = nearest === '' ? `. Known are ${known.join(', ')}` : nearest;
    throw configError(
      file,
      `expected a known key in \`${name}\` but found ${describeValue(key)}${list}`,
    );
  }
  return object;
}

function checkedObject(
  file: string,
  value: unknown,
  name: string,
): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  const hint = value === undefined && name === 'the config' ? ' (is it the default export?)' : '';
  throw configError(
    file,
    `expected an object for \`${name}\` but found ${describeValue(value)}${hint}`,
  );
}
