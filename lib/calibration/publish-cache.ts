import { link, open, rename, rm, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import { TrtError } from '../errors';
import type { FileWork } from '../file-work';
import { realFiles } from '../publish-files';
import { removeStaleTemps, tempPathFor } from '../temp-files';
import { writeError } from '../write-error';
import { parseSidecar, sidecarPathOf } from './cache-sidecar';

const step = 'write the calibration cache';

/** Looks before the build whether the cache can be written after it. Rejects with ERR_TRT_WRITE. */
export async function checkPlaceForCache(cache: string): Promise<void> {
  const temp = tempPathFor(cache);
  try {
    await writeFresh(temp, '');
    await unlink(temp);
  } catch (error) {
    throw writeError(cache, step, error);
  }
  await refuseForeign(sidecarPathOf(cache));
}

/**
 * Puts a new cache in place, and then what it was made from: killed between the two, it is a cache as trtexec writes it. One
 * that came there since the build began stays, with its description: builds take turns by the folder's lock. Rejects with
 * ERR_TRT_WRITE, or the signal's reason.
 */
export async function publishCache(
  cache: string,
  bytes: Uint8Array,
  sidecar: string,
  work: Pick<FileWork, 'lockFolder'>,
  signal: AbortSignal | null = null,
): Promise<void> {
  const sidecarPath = sidecarPathOf(cache);
  const temps = [tempPathFor(cache), tempPathFor(sidecarPath)] as const;
  let lock: { release(): void } | null = null;
  try {
    lock = await work.lockFolder(path.dirname(cache), signal);
    if ((await stat(cache).catch(() => null)) !== null) return;
    await refuseForeign(sidecarPath);
    await removeStaleTemps(realFiles, [cache, sidecarPath]);
    await writeFresh(temps[0], bytes);
    await writeFresh(temps[1], sidecar);
    // Of a cache that was removed since: a kill between the next two steps would make it a wrong word on this one.
    await rm(sidecarPath, { force: true });
    // Other programs take no lock.
    if (await linkFresh(temps[0], cache)) await rename(temps[1], sidecarPath);
  } catch (error) {
    if (signal?.aborted === true && error === signal.reason) throw error;
    throw writeError(cache, step, error);
  } finally {
    for (const temp of temps) await unlink(temp).catch(() => undefined);
    lock?.release();
  }
}

/** Whether `target` was free and is now `temp`. */
async function linkFresh(temp: string, target: string): Promise<boolean> {
  try {
    await link(temp, target);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    // File systems without hard links: the last one wins there.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS') throw error;
    await rename(temp, target);
    return true;
  }
}

async function refuseForeign(sidecarPath: string): Promise<void> {
  const standing = await stat(sidecarPath).catch(() => null);
  if (standing === null) return;
  const text = await readText(sidecarPath);
  if (standing.size === 0 || parseSidecar(text) !== null) return;
  throw new TrtError(
    'ERR_TRT_WRITE',
    `expected to write ${path.basename(sidecarPath)} beside the calibration cache, but a file that trt-node did not write stands at ` +
      `${sidecarPath}, and would be lost. Name another \`calibration.cache\`, or move that away.`,
    { details: { path: sidecarPath, step, errno: null } },
  );
}

async function readText(file: string): Promise<string> {
  const handle = await open(file, 'r').catch(() => null);
  if (handle === null) return '';
  try {
    // A sidecar has some kilobytes; a foreign file may have any size.
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(1024 * 1024), 0, 1024 * 1024, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } catch {
    return '';
  } finally {
    await handle.close();
  }
}

async function writeFresh(file: string, content: string | Uint8Array): Promise<void> {
  const handle = await open(file, 'wx');
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
