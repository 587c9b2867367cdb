import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import Ajv from 'ajv/dist/2020';
import ts from 'typescript';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { exitCodes } from '../../lib/cli/exit-codes';
import { runCommandLine } from '../../lib/cli/program';
import { declareModels, typeNameOf } from '../../lib/model-types/declare-models';
import { readSignature } from '../../lib/model-types/model-signature';
import { writeOnnx, type TinyModel } from '../support/onnx-writer';
import schema from '../../schemas/types.schema.json';

const root = path.join(__dirname, '..', '..');

let folder: string;
beforeAll(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'types-command-'));
});
afterAll(() => fs.rm(folder, { recursive: true, force: true }));
afterEach(() => {
  process.exitCode = undefined;
  vi.restoreAllMocks();
});

const model: TinyModel = {
  inputs: [
    { name: 'input_ids', type: 'int64', dims: ['batch', 'sequence'] },
    { name: 'image', type: 'float32', dims: [1, 3, 8, 8] },
    { name: 'scale:0', type: 'float16', dims: [] },
  ],
  nodes: [{ op: 'Identity', inputs: ['image'], outputs: ['logits'] }],
  outputs: [{ name: 'logits', type: 'float32', dims: ['batch', 384] }],
};

async function fileOf(name: string, content: TinyModel = model): Promise<string> {
  const file = path.join(folder, name);
  await fs.writeFile(file, writeOnnx(content));
  return file;
}

/** Runs a command line in this process. */
async function run(...args: readonly string[]): Promise<{ code: number; stdout: string }> {
  const written: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  await runCommandLine(['node', 'trt-node', 'types', ...args]);
  const code = Number(process.exitCode ?? 0);
  process.exitCode = undefined;
  vi.restoreAllMocks();
  return { code, stdout: written.join('') };
}

const declaration = async (): Promise<string> =>
  declareModels([{ name: 'Tiny', signature: await readSignature(await fileOf('tiny.onnx')) }]);

/** The problems of a program that imports the public API and the types of the tiny model. */
function problemsOf(programs: readonly string[], types: string): readonly string[][] {
  const files = new Map<string, string>([[path.join(root, 'tiny-model.d.mts'), types]]);
  const names = programs.map((program, index) => {
    const name = path.join(root, `types-program-${index}.mts`);
    const head = `import { buildEngine, infer, loadEngine, Tensor } from 'trt-node';
import type { BuiltEngine, DeviceTensor, Engine, TensorLike } from 'trt-node';
import type { Tiny } from './tiny-model.mjs';
declare const engine: Engine<Tiny>;
const ids = new BigInt64Array(4);
const image = new Float32Array(192);
const input_ids = new Tensor('int64', ids, [1, 4]);
const scale = new Tensor('float16', new Uint16Array(1), []);
const inputs = { input_ids, image, 'scale:0': scale };
export const used = [buildEngine, infer, loadEngine, engine, inputs] as const;
export type Used = BuiltEngine | DeviceTensor | TensorLike;
`;
    files.set(name, `${head}${program}\n`);
    return name;
  });
  const options: ts.CompilerOptions = {
    ...{ strict: true, noEmit: true, skipLibCheck: true, types: ['node'] },
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    paths: { 'trt-node': [path.join(root, 'lib/index.ts')] },
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (file) => files.has(file) || fileExists(file);
  host.readFile = (file) => files.get(file) ?? readFile(file);
  host.getSourceFile = (file, ...rest) => {
    const text = files.get(file);
    if (text === undefined) return getSourceFile(file, ...rest);
    return ts.createSourceFile(file, text, ts.ScriptTarget.ES2022);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  const all = [path.join(root, 'tiny-model.d.mts'), ...names];
  const problems = all.map((name) =>
    ts
      .getPreEmitDiagnostics(program, program.getSourceFile(name))
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n')),
  );
  expect(problems[0], 'the declaration itself').toEqual([]);
  return problems.slice(1);
}

const good = [
  `const loaded = await loadEngine<Tiny>('tiny.engine');
   const { logits } = await loaded.infer(inputs);
   const [batch, width] = logits.dims;
   const exact: 384 = width;
   export const told: readonly [number, number, Float32Array] = [batch, exact, logits.data];`,
  `export const outputs = await infer(engine, inputs, { outputs: ['logits'] });
   outputs.logits.data.fill(1);`,
  `const { logits } = engine.inferSync(inputs, { outputs: { logits: 'device' } });
   export const onGpu: DeviceTensor<'float32'> = logits;`,
  `const { outputs, timing } = await engine.inferTimed(inputs, { outputs: { logits: image } });
   export const told = [outputs.logits.dims.length satisfies 2, timing.compute];`,
  // Literals, tensors made of values, and those of others, whose rank nobody knows.
  `declare const other: { type: 'int64'; data: BigInt64Array; dims: readonly number[]; size: number };
   await engine.infer({ ...inputs, input_ids: { type: 'int64', data: ids, dims: [2, 2] } });
   await engine.infer({ ...inputs, input_ids: Tensor.from([[1n]], 'int64', [1, 1]) });
   await engine.infer({ ...inputs, input_ids: other });`,
  `const pinned = engine.allocate('input_ids', [1, 4]);
   pinned.data.fill(1n);
   const whole = engine.allocate('image');
   whole.data.fill(0.5);
   await engine.infer({ input_ids: pinned, image: whole, 'scale:0': scale });`,
  // Whoever wants any engine takes this one.
  `const runs = async (any: Engine) => await any.infer({ whatever: image });
   export const ran = runs(engine);
   const built: BuiltEngine = await buildEngine<Tiny>('tiny.onnx');
   export const any: Engine = await built.load();`,
  `const built = await buildEngine<Tiny>('tiny.onnx');
   export const first: Engine<Tiny> = await built.load();
   export const second: Engine<Tiny> = await loadEngine(built);
   export const third: Engine<Tiny> = await loadEngine('tiny.engine');`,
  // Without types everything is as it was.
  `const loaded = await loadEngine('tiny.engine');
   const { anything } = await loaded.infer({ whatever: image });
   export const perhaps: Float32Array | undefined = anything?.type === 'float32' ? anything.data : undefined;`,
];

const bad: readonly (readonly [why: string, program: string])[] = [
  ['an input is missing', 'await engine.infer({ input_ids, image });'],
  ['a name is misspelt', "await engine.infer({ input_ids, imag: image, 'scale:0': scale });"],
  ['there is no such input', 'await engine.infer({ ...inputs, mask: image });'],
  [
    'the element type is another',
    "await engine.infer({ ...inputs, input_ids: new Tensor('int32', new Int32Array(4), [1, 4]) });",
  ],
  [
    'the rank is another',
    "await engine.infer({ ...inputs, input_ids: new Tensor('int64', ids, [4]) });",
  ],
  [
    'the rank of a literal is another',
    "await engine.infer({ ...inputs, input_ids: { type: 'int64', data: ids, dims: [4] } });",
  ],
  [
    'a fixed size is another',
    "await engine.infer({ ...inputs, image: new Tensor('float32', image, [1, 3, 8, 9]) });",
  ],
  ['a bare array has no dims', 'await engine.infer({ ...inputs, input_ids: ids });'],
  ['a bare array is of another type', 'await engine.infer({ ...inputs, image: ids });'],
  ['there is no such output', 'export const { label } = await engine.infer(inputs);'],
  ['there is no such output to ask for', "await engine.infer(inputs, { outputs: ['label'] });"],
  [
    'an output was not asked for',
    'export const { logits } = await engine.infer(inputs, { outputs: [] });',
  ],
  [
    'there is no such output to place',
    'await engine.infer(inputs, { outputs: { logits: true, label: true } });',
  ],
  ['memory is of another type', 'await engine.infer(inputs, { outputs: { logits: ids } });'],
  [
    'data of an output is another',
    'export const bad: BigInt64Array = (await engine.infer(inputs)).logits.data;',
  ],
  [
    'an output has fewer axes',
    'const [, , third] = (await engine.infer(inputs)).logits.dims;\nexport { third };',
  ],
  ['infer() is as strict', 'await infer(engine, { input_ids, image });'],
  ['inferSync() is as strict', 'engine.inferSync({ input_ids, image });'],
  ['inferTimed() is as strict', 'await engine.inferTimed({ input_ids, image });'],
  ['nothing of that name is allocated', "engine.allocate('label');"],
  ['the dims to allocate have another rank', "engine.allocate('input_ids', [4]);"],
  [
    'an engine of any model is none of this one',
    'declare const any: Engine;\nexport const bad: Engine<Tiny> = any;',
  ],
];

describe('the types of a model', () => {
  it('let good programs compile, and bad ones not', async () => {
    const types = await declaration();
    const programs = [...good, ...bad.map(([, program]) => program)];
    const problems = problemsOf(programs, types);
    expect(problems.slice(0, good.length)).toEqual(good.map(() => []));
    const compiled = bad.filter((_, index) => problems[good.length + index]?.length === 0);
    expect(compiled.map(([why]) => why)).toEqual([]);
  }, 120_000);

  it('stay valid whatever the names are', async () => {
    const odd = [
      "it's",
      'a*/b',
      'new\nline',
      'back\\slash',
      '"quoted"',
      '__proto__',
      '1st',
      'größe',
    ];
    const signature = {
      file: 'odd*/ name.onnx',
      from: 'onnx' as const,
      inputs: odd.map((name) => ({
        name,
        type: 'float32' as const,
        dims: null,
        note: `${name} */`,
      })),
      outputs: [],
    };
    const text = declareModels([{ name: 'Odd', signature }]);
    const program = ts.transpileModule(text, { reportDiagnostics: true, fileName: 'odd.ts' });
    expect(program.diagnostics).toEqual([]);
    for (const name of odd) expect(ownKeys(text)).toContain(name);
  });

  it.each([
    ['minilm-v2.fp16.onnx', 'MinilmV2Fp16'],
    ['50_layers.engine', 'Model50Layers'],
    ['größe.plan', 'GrE'],
    ['模型.onnx', 'Model'],
  ])('%s is %s', (file, name) => {
    expect(typeNameOf(file)).toBe(name);
  });
});

/** Names of the properties of type literals, as the compiler reads them. */
function ownKeys(text: string): readonly string[] {
  const source = ts.createSourceFile('odd.ts', text, ts.ScriptTarget.ES2022, true);
  const keys: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isPropertySignature(node)) {
      if (ts.isStringLiteral(node.name) || ts.isIdentifier(node.name)) keys.push(node.name.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return keys;
}

describe('trt-node types', () => {
  it('prints the declaration, the same each time', async () => {
    const file = await fileOf('tiny.onnx');
    const { code, stdout } = await run(file);
    expect(code).toBe(exitCodes.ok);
    expect(stdout).toBe(await declaration());
    expect((await run(file)).stdout).toBe(stdout);
  });

  it('writes a file, writes it anew, and leaves those of others', async () => {
    const file = await fileOf('tiny.onnx');
    const output = path.join(folder, 'tiny.d.ts');
    expect((await run(file, '-o', output)).code).toBe(exitCodes.ok);
    expect(await fs.readFile(output, 'utf8')).toBe(await declaration());
    expect((await run(file, '-o', output, '--name', 'Other')).code).toBe(exitCodes.ok);
    expect(await fs.readFile(output, 'utf8')).toContain('export interface Other {');
    const mine = path.join(folder, 'mine.ts');
    await fs.writeFile(mine, 'export const mine = 1;\n');
    expect((await run(file, '-o', mine)).code).toBe(exitCodes.failed);
    expect(await fs.readFile(mine, 'utf8')).toBe('export const mine = 1;\n');
    expect((await run(file, '-o', folder)).code).toBe(exitCodes.usage);
    const left = (await fs.readdir(folder)).filter((name) => name.endsWith('.tmp'));
    expect(left).toEqual([]);
  });

  it('checks a file, formatted or not', async () => {
    const file = await fileOf('tiny.onnx');
    const output = path.join(folder, 'checked.d.ts');
    expect((await run(file, '-o', output, '--check')).code).toBe(exitCodes.failed);
    const wrote = await run(file, '-o', output);
    const checked = await run(file, '-o', output, '--check');
    expect(checked.code).toBe(exitCodes.ok);
    expect(checked.stdout).toBe(wrote.stdout.replace('\n', ' (up to date)\n'));
    const text = await fs.readFile(output, 'utf8');
    await fs.writeFile(
      output,
      text.replaceAll("'", '"').replaceAll(';', ',').replaceAll('\n', '\r\n'),
    );
    expect((await run(file, '-o', output, '--check')).code).toBe(exitCodes.ok);
    await fs.writeFile(output, text.replace('384', '385'));
    expect((await run(file, '-o', output, '--check')).code).toBe(exitCodes.failed);
    expect(await fs.readFile(output, 'utf8')).toContain('385');
    expect((await run(file, '--check')).code).toBe(exitCodes.usage);
  });

  it('says the same as JSON, which keeps to its schema', async () => {
    const { stdout } = await run(await fileOf('tiny.onnx'), '--json');
    const told = JSON.parse(stdout) as unknown;
    const ajv = new Ajv({ allowUnionTypes: true });
    expect(ajv.validate(schema, told), ajv.errorsText()).toBe(true);
    expect(told).toMatchObject({
      models: [
        {
          name: 'Tiny',
          inputs: [
            { name: 'input_ids', dims: ['batch', 'sequence'] },
            {},
            { name: 'scale:0', dims: [] },
          ],
        },
      ],
    });
  });

  it.each([
    ['a file that is not there', ['nowhere.onnx'], exitCodes.notFound],
    ['a file that is no model', [__filename], exitCodes.buildFailed],
    ['no file at all', [], exitCodes.usage],
    ['two models of one name', ['SELF', 'SELF'], exitCodes.usage],
    ['a name that is none', ['SELF', '--name', 'not a name'], exitCodes.usage],
    ['a name for two', ['SELF', 'SELF', '--name', 'One'], exitCodes.usage],
    ['an output of another kind', ['SELF', '-o', 'types.json'], exitCodes.usage],
    ['an output in no folder', ['SELF', '-o', 'nowhere/at/all.d.ts'], exitCodes.failed],
  ])('refuses %s', async (_, args, code) => {
    const file = await fileOf('tiny.onnx');
    expect((await run(...args.map((arg) => (arg === 'SELF' ? file : arg)))).code).toBe(code);
  });
});
