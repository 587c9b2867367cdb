import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkOutput } from '../../lib/output-check';
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
    expect(await codeOf(path.join(model, 'out'))).toBe('ERR_TRT_WRITE');
  });
});
