import { link, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { manifestText } from '../../lib/manifest';
import { checkDataSpared, checkOutput } from '../../lib/output-check';
import { manifestFixture } from '../support/manifests';
import { rtxHeader, tensorrtHeader } from '../support/plan-bytes';

let folder: string;
let model: string;
const at = (...names: string[]): string => path.join(folder, ...names);

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'output-check-'));
  model = at('model.onnx');
  await writeFile(model, 'onnx');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

async function refusalOf(output: string): Promise<Refusal> {
  return checkOutput(output, model).then(
    () => expect.unreachable('it was accepted'),
    (error: unknown) => error as Refusal,
  );
}

async function codeOf(output: string, of = model): Promise<string> {
  return checkOutput(output, of).then(
    () => 'accepted',
    (error: unknown) => (error as { code: string }).code,
  );
}

describe('an output that would replace the model', () => {
  it('by its own path', async () => {
    expect(await codeOf(model)).toBe('ERR_TRT_INVALID_ARG');
    expect(await codeOf(at('.', 'x', '..', 'model.onnx'))).toBe('ERR_TRT_INVALID_ARG');
    expect(await readFile(model, 'utf8')).toBe('onnx');
  });

  it('through a link to its folder', async () => {
    await mkdir(at('real'));
    await writeFile(at('real', 'm.onnx'), 'onnx');
    await symlink('real', at('link'));
    expect(await codeOf(at('real', 'm.onnx'), at('link', 'm.onnx'))).toBe('ERR_TRT_INVALID_ARG');
  });

  it('as the target of the link that the model was given by', async () => {
    await symlink('model.onnx', at('sym.onnx'));
    expect(await codeOf(model, at('sym.onnx'))).toBe('ERR_TRT_INVALID_ARG');
  });

  it('with its manifest', async () => {
    await writeFile(at('x.json'), 'onnx');
    expect(await codeOf(at('x'), at('x.json'))).toBe('ERR_TRT_INVALID_ARG');
  });
});

describe('what stands at the output', () => {
  it.each([
    ['nothing', null, 'accepted'],
    ['an empty file', '', 'accepted'],
    ['a plan of TensorRT', tensorrtHeader([10, 6, 0, 26]), 'accepted'],
    ['a plan of TensorRT-RTX', rtxHeader([1, 7, 1, 116]), 'accepted'],
    ['a text', 'notes', 'ERR_TRT_WRITE'],
  ])('%s', async (_, content, outcome) => {
    if (content !== null) await writeFile(at('out'), content);
    expect(await codeOf(at('out'))).toBe(outcome);
  });

  it('#83 a folder, or no folder for it', async () => {
    await mkdir(at('out'));
    expect(await codeOf(at('out'))).toBe('ERR_TRT_WRITE');
    expect(await codeOf(at('nowhere', 'out'))).toBe('ERR_TRT_WRITE');
    expect(await codeOf(path.join(model, 'deeper', 'out'))).toBe('ERR_TRT_WRITE');
  });

  it('#83 a file in place of its folder, which no permission would change', async () => {
    const { code, message, details } = await refusalOf(path.join(model, 'out'));
    expect(code).toBe('ERR_TRT_WRITE');
    expect(message).toContain(`${model} is not a folder`);
    expect(details).toMatchObject({ errno: null });
  });
});

describe('what stands where the manifest goes', () => {
  const manifest = manifestFixture('the plan');
  it.each([
    ['an empty file', '', 'accepted'],
    ['a manifest', manifestText(manifest), 'accepted'],
    ['a damaged manifest', JSON.stringify({ ...manifest, layers: 7 }), 'accepted'],
    [
      'a manifest of a later version',
      JSON.stringify({ ...manifest, schemaVersion: 9 }),
      'accepted',
    ],
    ['a package.json', '{"name":"package","version":"1.0.0"}', 'ERR_TRT_WRITE'],
    ['a list', '[]', 'ERR_TRT_WRITE'],
    ['null', 'null', 'ERR_TRT_WRITE'],
    ['weights', Buffer.alloc(64, 1), 'ERR_TRT_WRITE'],
    ['an engine', rtxHeader([1, 7, 1, 116]), 'ERR_TRT_WRITE'],
  ])('#83 %s', async (_, content, outcome) => {
    await writeFile(at('package.json'), content);
    expect(await codeOf(at('package'))).toBe(outcome);
    expect(await readFile(at('package.json'), 'latin1')).toBe(content.toString('latin1'));
  });

  it('#83 a folder: the error names it', async () => {
    await mkdir(at('out.json'));
    const { code, message, details } = await refusalOf(at('out'));
    expect(code).toBe('ERR_TRT_WRITE');
    expect(message).toContain(`write ${at('out.json')} `);
    expect(details).toMatchObject({ path: at('out.json') });
  });
});

describe('an output that would replace external data of the model', () => {
  const codeFor = (output: string, ...data: string[]): Promise<string> =>
    checkDataSpared(output, data).then(
      () => 'accepted',
      (error: unknown) => (error as Refusal).code,
    );

  it('by its path, through a link, or with the manifest', async () => {
    // Of no bytes, as `checkOutput` has no objection to those.
    for (const name of ['w', 'm.data', 'm.data.json']) await writeFile(at(name), '');
    await link(at('w'), at('hard'));
    await symlink('w', at('soft'));
    expect(await codeFor(at('w'), at('m.data'), at('w'))).toBe('ERR_TRT_WRITE');
    expect(await codeFor(at('hard'), at('w'))).toBe('ERR_TRT_WRITE');
    expect(await codeFor(at('soft'), at('w'))).toBe('ERR_TRT_WRITE');
    expect(await codeFor(at('m.data'), at('m.data.json'))).toBe('ERR_TRT_WRITE');
  });

  it('and none that does not', async () => {
    await writeFile(at('w'), '');
    expect(await codeFor(at('out'), at('w'), at('gone'))).toBe('accepted');
    expect(await codeFor(at('w'))).toBe('accepted');
  });
});

describe('#83 a place where the files of a build cannot be created', () => {
  it('leaves nothing behind where they can', async () => {
    expect(await codeOf(at('out'))).toBe('accepted');
    expect(await readdir(folder)).toEqual(['model.onnx']);
  });

  it('a file system without new files, whose folder is there', async () => {
    const { code, message } = await refusalOf('/proc/self/fd/out');
    expect(code).toBe('ERR_TRT_WRITE');
    expect(message).not.toContain('Create the folder');
  });

  it('a name that is too long with what is added: the error tells the longest', async () => {
    const { code, message } = await refusalOf(at('a'.repeat(250)));
    expect(code).toBe('ERR_TRT_WRITE');
    const longest = Number(/at most (\d+) bytes/.exec(message)?.[1]);
    expect(await codeOf(at('a'.repeat(longest)))).toBe('accepted');
    expect(await codeOf(at('a'.repeat(longest + 1)))).toBe('ERR_TRT_WRITE');
    // Bytes count, not characters.
    expect(await codeOf(at('ä'.repeat(Math.ceil((longest + 1) / 2))))).toBe('ERR_TRT_WRITE');
  });
});
