import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TrtError } from '../../lib/errors';
import { aboutLink } from '../../lib/onnx/linked-model';

let folder: string;
let model: string;
let link: string;

beforeAll(async () => {
  folder = await realpath(await mkdtemp(path.join(tmpdir(), 'trt-node-link-')));
  model = path.join(folder, 'store', 'model.onnx');
  link = path.join(folder, 'links', 'model.onnx');
  for (const file of [model, link]) await mkdir(path.dirname(file));
  await writeFile(model, '');
  await symlink(model, link);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function failure(reason: string): TrtError {
  const details = { reason, location: 'w.bin' };
  return new TrtError('ERR_TRT_EXTERNAL_DATA', 'there is no such file', { details });
}

describe('#24 a file of external data that is missing', () => {
  it('is told with the folder and with what the model links to', async () => {
    const error = (await aboutLink(failure('missing'), link)) as TrtError;
    expect(error.code).toBe('ERR_TRT_EXTERNAL_DATA');
    expect(error.details).toEqual({
      reason: 'missing',
      location: 'w.bin',
      folder: path.dirname(link),
    });
    expect(error.message).toContain(path.dirname(link));
    expect(error.message).toContain(`symbolic link to ${model}`);
  });

  it('is told with the folder alone for a model that is no link', async () => {
    const error = (await aboutLink(failure('missing'), model)) as TrtError;
    expect(error.message).toContain(path.dirname(model));
    expect(error.message).not.toContain('symbolic link');
  });

  it('is the only failure that this is added to', async () => {
    const other = failure('hard-link');
    expect(await aboutLink(other, link)).toBe(other);
  });
});
