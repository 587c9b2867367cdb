import { spawnSync } from 'node:child_process';
import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeTempFolder, removeStaleFolders } from '../../lib/temp-folders';

const dead = spawnSync(process.execPath, ['-e', '']).pid;
const hour = 60 * 60;

let parent: string;
beforeEach(async () => {
  parent = await mkdtemp(path.join(tmpdir(), 'temp-folders-'));
});
afterEach(() => rm(parent, { recursive: true, force: true }));

async function isRemoved(name: string, ageHours: number): Promise<boolean> {
  const folder = path.join(parent, name);
  await mkdir(folder);
  await writeFile(path.join(folder, 'model.onnx'), 'weights');
  const then = Date.now() / 1000 - ageHours * hour;
  await utimes(folder, then, then);
  await removeStaleFolders(parent);
  return !(await readdir(parent)).includes(name);
}

describe('#80 #81 temporary folders', () => {
  it('of dead processes are removed after a day', async () => {
    expect(await isRemoved(`trt-node-${dead}-aB3xyZ`, 25)).toBe(true);
  });

  it('stay while they are younger: another container may have made them', async () => {
    expect(await isRemoved(`trt-node-${dead}-aB3xyZ`, 23)).toBe(false);
  });

  it('stay while their process lives', async () => {
    expect(await isRemoved(`trt-node-${process.ppid}-aB3xyZ`, 25)).toBe(false);
  });

  it('of this pid are removed when they are older than this process', async () => {
    expect(await isRemoved(`trt-node-${process.pid}-aB3xyZ`, 25)).toBe(true);
  });

  it.each(['trt-node-', `trt-node-${dead}`, `trt-node-${dead}-aB3xyZ7`, `other-${dead}-aB3xyZ`])(
    'called %s are not ours',
    async (name) => {
      expect(await isRemoved(name, 25)).toBe(false);
    },
  );

  it('are no links', async () => {
    const elsewhere = path.join(parent, 'elsewhere');
    await mkdir(elsewhere);
    const link = path.join(parent, `trt-node-${dead}-aB3xyZ`);
    await symlink(elsewhere, link);
    await removeStaleFolders(parent, Date.now() + 48 * hour * 1000);
    expect((await lstat(link)).isSymbolicLink()).toBe(true);
    expect((await stat(elsewhere)).isDirectory()).toBe(true);
  });

  it('have a name that is recognised, and are private', async () => {
    const folder = await makeTempFolder();
    try {
      expect((await stat(folder)).mode & 0o777).toBe(0o700);
      const inParent = path.join(parent, path.basename(folder));
      await mkdir(inParent);
      // This process made nothing a day before it started.
      const before = (Date.now() - process.uptime() * 1000) / 1000 - 48 * hour;
      await utimes(inParent, before, before);
      await removeStaleFolders(parent);
      expect(await readdir(parent)).toEqual([]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('are not minded where there are none', async () => {
    await expect(removeStaleFolders(path.join(parent, 'nowhere'))).resolves.toBeUndefined();
  });
});
