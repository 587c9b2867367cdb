import { lstat, readFile } from 'node:fs/promises';
import path from 'node:path';

import { requiredLibraries, type CudaMajor, type RuntimePin } from './pins';

export interface RuntimeFile {
  readonly name: string;
  readonly sizeBytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** `runtime.json` of a fetched runtime. It is written last: a folder that has none is not one. */
export interface RuntimeRecord {
  readonly schemaVersion: 1;
  readonly runtime: 'tensorrt-rtx';
  readonly version: string;
  readonly cuda: CudaMajor;
  readonly package: string;
  readonly wheel: { readonly name: string; readonly sha256: string };
  readonly files: readonly RuntimeFile[];
  /** ISO 8601, UTC. */
  readonly installedAt: string;
}

export const recordName = 'runtime.json';

export function runtimeFolderName(pin: RuntimePin): string {
  return `${pin.runtime}-${pin.version}-cu${pin.cuda}`;
}

export type Installation =
  | { readonly state: 'absent' }
  | { readonly state: 'intact'; readonly record: RuntimeRecord }
  | { readonly state: 'damaged'; readonly reason: string };

/** Looks at a folder: is the pinned runtime there, with every file at its size? */
export async function inspectInstallation(folder: string, pin: RuntimePin): Promise<Installation> {
  // The folder first: it appears whole, so if it is there, its record is. Asked the other way round, one that another setup
  // publishes in between looks damaged.
  const there = await lstat(folder).catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw error;
  });
  if (there === null) return { state: 'absent' };
  let text: string;
  try {
    text = await readFile(path.join(folder, recordName), 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    return { state: 'damaged', reason: `${recordName} cannot be read (${code})` };
  }
  const record = parseRecord(text);
  if (record === null) return { state: 'damaged', reason: `${recordName} is not valid` };
  if (record.wheel.sha256 !== pin.sha256) {
    return { state: 'damaged', reason: `${recordName} tells of another wheel` };
  }
  for (const name of requiredLibraries) {
    if (!record.files.some((file) => file.name === name)) {
      return { state: 'damaged', reason: `${recordName} does not list ${name}` };
    }
  }
  for (const { name, sizeBytes } of record.files) {
    const found = await lstat(path.join(folder, name)).catch(() => null);
    if (found === null) return { state: 'damaged', reason: `${name} is missing` };
    if (!found.isFile() || found.size !== sizeBytes) {
      return { state: 'damaged', reason: `${name} should be a file of ${sizeBytes} bytes` };
    }
  }
  return { state: 'intact', record };
}

function parseRecord(text: string): RuntimeRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  return isRecord(value) ? value : null;
}

function isRecord(value: unknown): value is RuntimeRecord {
  if (!isObject(value) || value['schemaVersion'] !== 1 || !isObject(value['wheel'])) return false;
  const files = value['files'];
  return (
    typeof value['wheel']['sha256'] === 'string' && Array.isArray(files) && files.every(isFile)
  );
}

function isFile(value: unknown): value is RuntimeFile {
  // A bare name: the record must not lead out of its folder.
  return (
    isObject(value) &&
    typeof value['name'] === 'string' &&
    path.basename(value['name']) === value['name'] &&
    typeof value['sizeBytes'] === 'number' &&
    typeof value['sha256'] === 'string'
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
