import * as fs from 'node:fs/promises';

/** The part of a file handle that publication needs. */
export interface PublishHandle {
  writeFile(data: string | Uint8Array): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The file system as publication sees it: the seam at which tests make steps fail. `node:fs/promises` fits. */
export interface PublishFiles {
  open(path: string, flags: string): Promise<PublishHandle>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  copyFile(from: string, to: string, mode: number): Promise<void>;
  readFile(path: string): Promise<Uint8Array>;
  readdir(path: string): Promise<string[]>;
  stat(path: string): Promise<{ readonly mtimeMs: number; isFile(): boolean }>;
}

export const realFiles: PublishFiles = fs;
