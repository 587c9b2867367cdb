import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { TrtError } from './errors';
import { planHeaderBytes, planInvalid, planNamed, readPlanHeader } from './plan-header';
import type { PlanHeader } from './plan-header';

/**
 * Looks at a plan's file before it is read into memory, which takes as much as the file says that it has: a sparse file of a
 * terabyte is refused here, and a file that is no plan is not read to its end. Rejects with `ERR_TRT_ENGINE_NOT_FOUND`,
 * `ERR_TRT_ENGINE_INVALID`.
 *
 * @returns its header, for what can begin meanwhile: another file may stand there when it is read
 */
export async function checkPlanFile(path: string): Promise<PlanHeader> {
  // Without O_NONBLOCK, opening a FIFO would wait for its writer.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(
    (cause: unknown) => {
      throw unreadable(path, cause);
    },
  );
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) {
      throw unreadable(path, stats.isDirectory() ? 'it is a folder' : 'it is not a regular file');
    }
    const header = readPlanHeader(await firstBytes(handle, path), path);
    checkPlanSize(path, stats.size);
    return header;
  } finally {
    await handle.close();
  }
}

async function firstBytes(handle: FileHandle, path: string): Promise<Uint8Array> {
  const header = Buffer.alloc(planHeaderBytes);
  const { bytesRead } = await handle.read(header, 0, header.length, 0).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  return header.subarray(0, bytesRead);
}

function checkPlanSize(path: string, sizeBytes: number): void {
  const memoryBytes = memoryOfMachine();
  if (sizeBytes <= memoryBytes) return;
  throw planInvalid(
    path,
    'too-large',
    `${planNamed(path)} has ${sizeBytes} bytes, but this machine (or container) has ${memoryBytes} bytes of memory, and a plan ` +
      'is held in memory as a whole while it is loaded. Check that it is the right file; if it is, load it with more memory.',
    { sizeBytes, memoryBytes },
  );
}

/** What this process may have at most. */
function memoryOfMachine(): number {
  // 0, or more than any machine has, where no container sets a limit.
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/** `why` is what the system said, or a text. */
function unreadable(path: string, why: unknown): TrtError {
  const system = typeof why === 'string' ? null : (why as NodeJS.ErrnoException);
  return new TrtError(
    'ERR_TRT_ENGINE_NOT_FOUND',
    `expected a plan at ${path}, but it cannot be read: ${system?.message ?? String(why)}. Check the path (relative ones start ` +
      'at the working directory) and its permissions, or build the plan.',
    { ...(system && { cause: system }), details: { path, errno: system?.code ?? null } },
  );
}
