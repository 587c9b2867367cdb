import { performance } from 'node:perf_hooks';
import type { NativeBinding } from './binding';
import type { FileDigest } from './manifest-schema';
import { nativeCall } from './native-call';

/** What the addon does with files for builds: hashing gigabytes and holding a folder's lock. */
export interface FileWork {
  hashFile(file: string): Promise<FileDigest & { readonly identity: string }>;
  /** Waits for other publications in the folder, of whatever process. Rejects with the signal's reason within a moment of an abort. */
  lockFolder(folder: string, signal?: AbortSignal | null): Promise<{ release(): void }>;
}

/** A publication takes milliseconds, and seconds where it replaces a plan of gigabytes; beyond this its process is stuck. */
const lockTimeoutMs = 300_000;

/** How long the addon waits at a time: no longer than an abort may take. */
const sliceMs = 250;

export function fileWorkOf(binding: Pick<NativeBinding, 'hashFile' | 'lockFolder'>): FileWork {
  return {
    hashFile: (file) => nativeCall(() => binding.hashFile(file)),
    lockFolder: (folder, signal = null) => lockFolder(binding, folder, signal),
  };
}

async function lockFolder(
  binding: Pick<NativeBinding, 'lockFolder'>,
  folder: string,
  signal: AbortSignal | null,
): Promise<{ release(): void }> {
  const begun = performance.now();
  for (;;) {
    signal?.throwIfAborted();
    const asked = performance.now();
    try {
      const lock = await nativeCall(() => binding.lockFolder(folder, sliceMs));
      if (!signal?.aborted) return lock;
      lock.release();
    } catch (error) {
      // A folder that cannot be opened is refused at once; the end of a slice means that someone holds it.
      const now = performance.now();
      if (now - asked < sliceMs || now - begun >= lockTimeoutMs) throw error;
    }
  }
}
