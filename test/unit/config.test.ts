import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import Ajv2020 from 'ajv/dist/2020';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildOptionNames } from '../../lib/checked-build-options';
import { loadConfigBuilds, namedBuilds } from '../../lib/config/config-builds';
import { configNames, findConfig } from '../../lib/config/find-config';
import type { TrtError } from '../../lib/errors';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'trt-node-config-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function written(name: string, text: string): Promise<string> {
  const file = path.join(folder, name);
  await writeFile(file, text);
  return file;
}

async function errorOf(file: string): Promise<TrtError> {
  try {
    await loadConfigBuilds(file);
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_TRT_INVALID_ARG' });
    expect((error as Error).message).not.toContain('\n');
    return error as TrtError;
  }
  throw new Error('expected an error');
}

const json = (value: unknown): string => JSON.stringify(value);

describe('findConfig', () => {
  it('finds each name, and nothing where there is none', async () => {
    expect(findConfig(folder)).toBeNull();
    for (const name of configNames) {
      const file = await written(name, '');
      expect(findConfig(folder)).toBe(file);
      await rm(file);
    }
    await mkdir(path.join(folder, 'trt-node.config.js'));
    expect(findConfig(folder)).toBeNull();
  });

  it('does not choose between two', async () => {
    await written('trt-node.config.ts', '');
    await written('trt-node.config.json', '');
    expect(() => findConfig(folder)).toThrow(
      expect.objectContaining({ code: 'ERR_TRT_INVALID_ARG' }),
    );
  });
});

describe('loadConfigBuilds', () => {
  const modules = {
    'c.ts': "const model: string = 'a.onnx';\nexport default { models: { a: { model } } };",
    'c.mts': "export default { models: { a: { model: 'a.onnx' } } };",
    'c.mjs': "export default { models: { a: { model: 'a.onnx' } } };",
    'c.js': "module.exports = { models: { a: { model: 'a.onnx' } } };",
    'c.cjs': "module.exports = { models: { a: { model: 'a.onnx' } } };",
    'c.json': '\uFEFF{ "models": { "a": { "model": "a.onnx" } } }',
  };
  it.each(Object.entries(modules))('reads %s', async (name, text) => {
    const [build] = await loadConfigBuilds(await written(name, text));
    expect(build).toMatchObject({
      name: 'a',
      model: path.join(folder, 'a.onnx'),
      options: { output: path.join(folder, 'a.engine') },
    });
  });

  it('takes every path from the folder of the file', async () => {
    await written('key', 'secret');
    const absolute = path.join(tmpdir(), 'elsewhere');
    const file = await written(
      'c.json',
      json({
        models: {
          a: {
            ...{ model: '../models/a.onnx', output: 'out/a.plan', library: 'lib', signKey: 'key' },
            ...{
              plugins: ['p.so', absolute],
              timingCache: 't',
              cache: { folder: 'c', strict: true },
            },
            calibration: { data: 'd', cache: 'calib', algorithm: 'minmax' },
            verify: { cases: 'v.npz' },
          },
          b: { model: 'b.onnx', cache: true, timingCache: false },
        },
      }),
    );
    const at = (name: string): string => path.join(folder, name);
    const [a, b] = await loadConfigBuilds(file);
    expect(a?.model).toBe(path.join(path.dirname(folder), 'models', 'a.onnx'));
    expect(a?.options).toMatchObject({
      ...{ output: at('out/a.plan'), library: at('lib'), plugins: [at('p.so'), absolute] },
      ...{ timingCache: at('t'), cache: { folder: at('c'), strict: true } },
      calibration: { data: at('d'), cache: at('calib'), algorithm: 'minmax' },
      ...{ verify: { cases: at('v.npz') }, signingKey: Buffer.from('secret') },
    });
    expect(b?.options).toMatchObject({ cache: true, timingCache: false });
  });

  it('takes URLs and functions from a module', async () => {
    const url = pathToFileURL(path.join(tmpdir(), 'b.onnx')).href;
    const file = await written(
      'c.ts',
      `import { defineConfig } from 'trt-node';
      export default defineConfig({ models: { b: { model: new URL('${url}'), verify: {
        cases: [{ inputs: {} }], metric: (outputs) => Object.keys(outputs).length, minimum: 1 } } } });`,
    );
    const [build] = await loadConfigBuilds(file);
    expect(build?.model).toBe(path.join(tmpdir(), 'b.onnx'));
    expect(build?.options.verify).toMatchObject({ cases: [{ inputs: {} }], minimum: 1 });
    expect(build?.options.verify?.metric).toBeTypeOf('function');
  });

  it('gives a model what it does not set itself from `defaults`', async () => {
    const defaults = { precision: 'fp16', labels: { by: 'ci' } };
    const models = { a: { model: 'a', precision: 'fp32' }, b: { model: 'b', labels: {} } };
    const builds = await loadConfigBuilds(await written('c.json', json({ defaults, models })));
    expect(builds.map(({ options }) => [options.precision, options.labels])).toEqual([
      ['fp32', { by: 'ci' }],
      ['fp16', {}],
    ]);
  });
});

describe('a mistake in a config file', () => {
  it.each([
    ['output', 5],
    ['output', null],
    ['library', 5],
    ['plugins', 'x'],
    ['plugins', ['x', 5]],
    ['plugins', null],
    ['signKey', {}],
  ])('is told with its place: %s is %j', async (key, value) => {
    const a = { model: 'a.onnx', [key]: value };
    const file = await written('c.json', json({ models: { a } }));
    const { message } = await errorOf(file);
    expect(message.startsWith(`${file}: `)).toBe(true);
    expect(message).toContain(`models.a.${key}`);
  });

  it('is told with its place in `defaults`', async () => {
    const config = { defaults: { library: 5 }, models: { a: { model: 'a.onnx' } } };
    expect((await errorOf(await written('c.json', json(config)))).message).toContain(
      'defaults.library',
    );
  });

  it('is told of a URL that names no file', async () => {
    const text = "export default { models: { a: { model: new URL('https://example.com/a') } } };";
    expect((await errorOf(await written('c.mjs', text))).message).toContain('models.a.model');
  });

  it.each(['calibration', 'verify', 'cache'])('is left to buildEngine in %s', async (key) => {
    for (const value of [5, 'x', null]) {
      if (key === 'cache' && value === 'x') continue; // a folder
      const a = { model: 'a.onnx', [key]: value };
      const [build] = await loadConfigBuilds(await written('c.json', json({ models: { a } })));
      expect(build?.options).toMatchObject({ [key]: value });
    }
  });

  it.each([
    ['c.json', '{\n  "models": {\n    "a": { "model": "m", }\n  }\n}', '3:26'],
    ['c.ts', 'export default {\n  models: { a: 1 2 }\n};', '2:18'],
    ['c.mts', "\nthrow new Error('boom');", '2:7'],
  ])('%s has a position', async (name, text, position) => {
    const file = await written(name, text);
    const error = await errorOf(file);
    expect(error.message.startsWith(`${file}:${position}: `)).toBe(true);
    expect(error.details).toMatchObject({ path: file, position });
  });

  it.each([
    ['an unknown key', { models: {}, model: {} }, '"models"'],
    ['an option that is misspelt', { models: { a: { model: 'm', presicion: 1 } } }, '"precision"'],
    ['a misspelt default', { defaults: { verfiy: 1 }, models: {} }, '"verify"'],
    ['an option that files do not have', { models: { a: { model: 'm', signal: 1 } } }, 'signal'],
    ['no models', { models: {} }, 'models'],
    ['a model that is no object', { models: { a: 'm.onnx' } }, 'models.a'],
    ['a model without a path', { models: { a: { output: 'x' } } }, 'models.a.model'],
    ['no object', [], 'config'],
  ])('%s is named', async (_what, config, named) => {
    const file = await written('c.json', json(config));
    const { message } = await errorOf(file);
    expect(message.startsWith(file)).toBe(true);
    expect(message).toContain(named);
  });

  it('is a file that is not there', async () => {
    for (const name of ['gone.json', 'gone.ts', 'gone.mjs']) {
      expect((await errorOf(path.join(folder, name))).message).toContain(name);
    }
  });
});

describe('namedBuilds', () => {
  const builds = ['detector', 'ocr'].map((name) => ({ name, model: '', options: { output: '' } }));

  it('keeps the order of the file', () => {
    expect(namedBuilds(builds, [])).toBe(builds);
    expect(namedBuilds(builds, ['ocr', 'detector'])).toEqual(builds);
    expect(namedBuilds(builds, ['ocr'])).toEqual([builds[1]]);
  });

  it('names the nearest of those there are', () => {
    expect(() => namedBuilds(builds, ['detecter'])).toThrow(/did you mean "detector"/);
  });
});

describe('schemas/config.schema.json', async () => {
  const text = await readFile(path.join(__dirname, '../../schemas/config.schema.json'), 'utf8');
  const schema = JSON.parse(text) as {
    $defs: Record<'options' | 'model', { properties: Record<string, unknown> }>;
  };
  const validate = new Ajv2020({ allowUnionTypes: true }).compile(schema);

  it('has every option that a file can hold', () => {
    const inCode = ['output', 'externalData', 'signingKey', 'signal', 'onProgress'];
    const expected = buildOptionNames.filter((name) => !inCode.includes(name));
    expect(Object.keys(schema.$defs.options.properties).sort()).toEqual(
      [...expected, 'signKey'].sort(),
    );
    expect(Object.keys(schema.$defs.model.properties)).toEqual(
      expect.arrayContaining([...expected, 'model', 'output']),
    );
  });

  it.each([
    [true, { models: { a: { model: 'm.onnx' } } }],
    [
      true,
      { $schema: 'x', models: { a: { model: 'm', profiles: [{ batch: [1, 8, 32], h: 4 }] } } },
    ],
    [true, { models: { a: { model: 'm', refit: 'identical', cache: { folder: 'c' } } } }],
    [false, { models: {} }],
    [false, { models: { a: { output: 'm' } } }],
    [false, { models: { a: { model: 'm', precision: 'fp4' } } }],
    [false, { models: { a: { model: 'm', presicion: 'fp16' } } }],
    [false, { models: { a: { model: 'm', verify: {} } } }],
  ])('%s: %j', (valid, config) => {
    expect(validate(config), JSON.stringify(validate.errors)).toBe(valid);
  });
});
