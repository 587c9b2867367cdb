import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { realFiles } from '../../lib/publish-files';
import { removeStaleTemps, tempPathFor } from '../../lib/temp-files';

const dead = spawnSync(process.execPath, ['-e', '']).pid;
const random = '0123456789abcdef';
const twoHours = 2 * 60 * 60;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'temp-files-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

async function isRemoved(name: string, ageSeconds: number): Promise<boolean> {
  const file = path.join(folder, name);
  await writeFile(file, '');
  const then = Date.now() / 1000 - ageSeconds;
  await utimes(file, then, then);
  await removeStaleTemps(realFiles, [
    path.join(folder, 'a.engine'),
    path.join(folder, 'a.engine.json'),
  ]);
  return !(await readdir(folder)).includes(name);
}

describe('#80 #81 removeStaleTemps', () => {
  it('removes old files of dead processes', async () => {
    expect(await isRemoved(`.a.engine.${dead}.${random}.tmp`, twoHours)).toBe(true);
    expect(await isRemoved(`.a.engine.json.${dead}.${random}.tmp`, twoHours)).toBe(true);
  });

  it('leaves young files alone, as another container may have the pid', async () => {
    expect(await isRemoved(`.a.engine.${dead}.${random}.tmp`, 60)).toBe(false);
  });

  it('leaves the files of living processes alone', async () => {
    expect(await isRemoved(`.a.engine.${process.ppid}.${random}.tmp`, twoHours)).toBe(false);
  });

  it('removes files of its own pid from before its start', async () => {
    expect(await isRemoved(`.a.engine.${process.pid}.${random}.tmp`, twoHours)).toBe(true);
  });

  it.each([
    ['another target', `.b.engine.${dead}.${random}.tmp`],
    ['a name that is not ours', `.a.engine.${dead}.tmp`],
    ['the plan itself', 'a.engine'],
  ])('leaves %s alone', async (_, name) => {
    expect(await isRemoved(name, twoHours)).toBe(false);
  });

  it('recognises the names that tempPathFor makes', async () => {
    const name = path.basename(tempPathFor(path.join(folder, 'a.engine')));
    expect(await isRemoved(name.replace(`.${process.pid}.`, `.${dead}.`), twoHours)).toBe(true);
  });

  it('does not mind a folder that is not there', async () => {
    await removeStaleTemps(realFiles, [path.join(folder, 'missing', 'a.engine')]);
  });
});
