import path from 'node:path';
import { TrtError } from './errors';
import { manifestFor, manifestPathOf, manifestText, parseManifest } from './manifest';
import type { FileWork } from './file-work';
import type { Manifest } from './manifest-schema';
import { isManifestText } from './own-files';
import { realFiles, type PublishFiles } from './publish-files';
import { removeStaleTemps, tempPathFor } from './temp-files';
import { untilAborted } from './until-aborted';
import { writeError } from './write-error';

export interface Publication {
  /** The finished plan, fsynced, in the folder of `output`. It is renamed, or removed where publication fails. */
  readonly tempPlan: string;
  readonly output: string;
  /** Describes `tempPlan`; without `previous`. */
  readonly manifest: Manifest;
  readonly work: FileWork;
  /** Default: the real file system. */
  readonly files?: PublishFiles;
  /** Heard until the first rename; from there on a publication is completed. */
  readonly signal?: AbortSignal | null;
}

/** What stands at the output before publication. */
interface Standing {
  readonly previous: NonNullable<Manifest['previous']> | null;
  /** The manifest file's bytes, for putting it back; null where there is none. */
  readonly manifestBytes: Uint8Array | null;
}

/**
 * Publications to one path wait for each other, as interleaved renames would mix two pairs: in this process here, which keeps
 * their order, and across processes by the folder's lock.
 */
const running = new Map<string, Promise<void>>();

/**
 * Puts a plan and its manifest in place so that a kill at any moment leaves a pair that agrees: the first manifest describes
 * the new and the old plan, then the plan is renamed, then the manifest without the old entry. Everything that can run
 * out of space is written before the first rename. Rejects with `ERR_TRT_WRITE`, and with the signal's reason after an abort.
 */
export async function publish(publication: Publication): Promise<void> {
  const key = path.resolve(publication.output);
  const { signal = null, files = realFiles } = publication;
  const before = running.get(key) ?? Promise.resolve();
  const mine = untilAborted(signal, before).then(() =>
    publishAlone({ ...publication, files, signal }),
  );
  // Both: one that was given up still waited for the one before it.
  const settled = Promise.allSettled([before, mine]).then(() => undefined);
  running.set(key, settled);
  try {
    await mine;
  } catch (error) {
    // It may have been given up before its turn.
    await files.unlink(publication.tempPlan).catch(() => undefined);
    throw error;
  } finally {
    if (running.get(key) === settled) running.delete(key);
  }
}

async function publishAlone(publication: Required<Publication>): Promise<void> {
  const { files, work, output, manifest, tempPlan, signal } = publication;
  const manifestPath = manifestPathOf(output);
  const folder = path.dirname(output);
  const temps = [tempPlan];
  const step = stepper(output, signal);
  let lock: { release(): void } | null = null;
  try {
    lock = await work.lockFolder(folder, signal);
    await removeStaleTemps(files, [output, manifestPath]);
    const standing = await step('look at the plan that stands there', () =>
      lookAtStanding(publication),
    );
    const writeTemp = async (content: Manifest): Promise<string> => {
      const temp = tempPathFor(manifestPath);
      temps.push(temp);
      await step('write the manifest', () => writeFresh(files, temp, manifestText(content)));
      return temp;
    };
    const { previous } = standing;
    const bridge = previous === null ? null : await writeTemp({ ...manifest, previous });
    const final = await writeTemp(manifest);
    signal?.throwIfAborted();

    await step('put the manifest in place', () => files.rename(bridge ?? final, manifestPath));
    try {
      await step('put the manifest in place', () => syncFolder(files, folder));
      await step('put the plan in place', () => files.rename(tempPlan, output));
    } catch (error) {
      // NFS can report a rename that did happen as failed; the old manifest would then be the wrong one.
      const stillOld = await files.stat(tempPlan).catch(() => null);
      if (stillOld !== null) await putBack(files, manifestPath, standing.manifestBytes);
      throw error;
    }
    await step('put the plan in place', () => syncFolder(files, folder));
    if (bridge !== null) {
      await step('finish the manifest', async () => {
        await files.rename(final, manifestPath);
        await syncFolder(files, folder);
      });
    }
  } catch (error) {
    await Promise.all(temps.map((temp) => files.unlink(temp).catch(() => undefined)));
    throw error;
  } finally {
    lock?.release();
  }
}

async function lookAtStanding(publication: Required<Publication>): Promise<Standing> {
  const { files, output, work, signal } = publication;
  const manifestPath = manifestPathOf(output);
  const manifestBytes = await files.readFile(manifestPath).catch(missing);
  if (manifestBytes !== null) refuseForeign(manifestBytes, manifestPath);
  const stats = await files.stat(output).catch(missing);
  if (stats === null) return { previous: null, manifestBytes };
  const { sha256, sizeBytes } = await untilAborted(signal, work.hashFile(output));
  const described = manifestBytes && describes(manifestBytes, manifestPath, sha256);
  return { previous: described ?? { plan: { sha256, sizeBytes } }, manifestBytes };
}

/** `checkOutput` looked before the build; what another program wrote there since is not replaced either. */
function refuseForeign(bytes: Uint8Array, file: string): void {
  if (bytes.length === 0 || isManifestText(Buffer.from(bytes).toString('utf8'))) return;
  throw new TrtError(
    'ERR_TRT_WRITE',
    `expected to write the manifest to ${file}, but a file that is not a manifest of trt-node was put there while the engine ` +
      'was built, and would be lost. Name another output, or move that away.',
    { details: { path: file, step: 'look at what stands there', errno: null } },
  );
}

/** The standing manifest when it is readable and is that plan's; a new publication replaces it in any case. */
function describes(bytes: Uint8Array, where: string, sha256: string): Manifest | null {
  try {
    const found = manifestFor(parseManifest(Buffer.from(bytes).toString('utf8'), where), sha256);
    return found === 'digest-only' ? null : found;
  } catch (error) {
    if (error instanceof TrtError) return null;
    throw error;
  }
}

function missing(error: unknown): null {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return null;
  throw error;
}

async function writeFresh(files: PublishFiles, target: string, text: string): Promise<void> {
  const file = await files.open(target, 'wx');
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** After a rename, a power cut may still lose it until the folder itself is on disk. */
async function syncFolder(files: PublishFiles, folder: string): Promise<void> {
  const handle = await files.open(folder, 'r');
  try {
    await handle.sync();
  } catch (error) {
    // Some network file systems cannot sync folders; there is nothing else to do on them.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EINVAL' && code !== 'ENOTSUP') throw error;
  } finally {
    await handle.close();
  }
}

/** Restores the manifest of before. Best effort: the one in place describes the old plan too. */
async function putBack(
  files: PublishFiles,
  manifestPath: string,
  bytes: Uint8Array | null,
): Promise<void> {
  if (bytes === null) {
    await files.unlink(manifestPath).catch(() => undefined);
    return;
  }
  const temp = tempPathFor(manifestPath);
  try {
    await writeFresh(files, temp, Buffer.from(bytes).toString('utf8'));
    await files.rename(temp, manifestPath);
  } catch {
    await files.unlink(temp).catch(() => undefined);
  }
}

function stepper(
  output: string,
  signal: AbortSignal | null,
): <T>(name: string, work: () => Promise<T>) => Promise<T> {
  return async (name, work) => {
    try {
      return await work();
    } catch (error) {
      // Whatever its caller chose.
      if (signal?.aborted && error === signal.reason) throw error;
      throw writeError(output, name, error);
    }
  };
}
