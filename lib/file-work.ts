import type { NativeBinding } from './binding';
import type { FileDigest } from './manifest-schema';
import { nativeCall } from './native-call';

/** What the addon does with files for builds: hashing gigabytes and holding a folder's lock. */
export interface FileWork {
  hashFile(file: string): Promise<FileDigest & { readonly identity: string }>;
  /** Waits for other publications in the folder, of whatever process. */
  lockFolder(folder: string): Promise<{ release(): void }>;
}

/** A publication takes milliseconds, and seconds where it replaces a plan of gigabytes; beyond this its process is stuck. */
const lockTimeoutMs = 300_000;

export function fileWorkOf(binding: Pick<NativeBinding, 'hashFile' | 'lockFolder'>): FileWork {
  return {
    hashFile: (file) => nativeCall(() => binding.hashFile(file)),
    lockFolder: (folder) => nativeCall(() => binding.lockFolder(folder, lockTimeoutMs)),
  };
}
