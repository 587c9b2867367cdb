import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { TrtError } from '../errors';
import { realFiles } from '../publish-files';
import type { RuntimeReport } from '../runtime-report';
import { tempPathFor } from '../temp-files';
import { writeError } from '../write-error';
import { snapshotKind, snapshotOf, type EnvironmentSnapshot } from './environment-snapshot';

/** Writes it so that a kill leaves the old file or the new one. Rejects with ERR_TRT_WRITE. */
export async function writeSnapshot(file: string, snapshot: EnvironmentSnapshot): Promise<void> {
  const target = path.resolve(file);
  const temp = tempPathFor(target);
  let step = 'create a file';
  try {
    const handle = await realFiles.open(temp, 'wx');
    try {
      step = 'write the snapshot';
      await handle.writeFile(`${JSON.stringify(snapshot, null, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    step = 'put the snapshot in place';
    await realFiles.rename(temp, target);
  } catch (error) {
    await realFiles.unlink(temp).catch(() => undefined);
    throw writeError(target, step, error);
  }
}

/** A file of `doctor --lock` or `doctor --json`. Rejects with ERR_TRT_INVALID_ARG when it is neither. */
export async function readSnapshot(file: string, option: string): Promise<EnvironmentSnapshot> {
  const refuse = (found: string, cause?: unknown): TrtError =>
    new TrtError(
      'ERR_TRT_INVALID_ARG',
      `expected a file of \`trt-node doctor --lock\` or \`doctor --json\` for \`${option}\` but ${file} ${found}. ` +
        'Make one on the machine to compare with: `npx trt-node doctor --lock env.lock`.',
      { details: { argument: option, path: file }, ...(cause !== undefined && { cause }) },
    );
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    const isSyntax = cause instanceof SyntaxError;
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw refuse(isSyntax ? 'is not JSON' : `cannot be read (${code})`, cause);
  }
  if (!isRecord(value)) throw refuse('holds no object');
  if (value['kind'] === snapshotKind && value['schemaVersion'] !== 1) {
    throw refuse(
      `has schema version ${String(value['schemaVersion'])}, and this trt-node reads 1: update it`,
    );
  }
  const isReport = value['kind'] !== snapshotKind;
  const missing = missingFields(value, isReport);
  if (missing.length > 0) throw refuse(`lacks ${missing.join(', ')}`);
  return isReport
    ? snapshotOf(value as unknown as RuntimeReport)
    : (value as unknown as EnvironmentSnapshot);
}

type Check = (value: unknown) => boolean;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isRecordOrNull: Check = (value) => value === null || isRecord(value);
const isText: Check = (value) => typeof value === 'string';
const isRecords: Check = (value) => Array.isArray(value) && value.every(isRecord);
const isTexts: Check = (value) => isRecord(value) && Object.values(value).every(isText);

const common: Readonly<Record<string, Check>> = {
  node: isText,
  platform: isText,
  libc: isRecordOrNull,
  host: isRecord,
  variables: isTexts,
  driver: isRecordOrNull,
  gpus: isRecords,
  libraries: isRecords,
};

/** The fields whose absence would make the comparison meaningless; single values may be missing. */
function missingFields(value: Record<string, unknown>, isReport: boolean): string[] {
  const fields: Readonly<Record<string, Check>> = isReport
    ? { ...common, version: isText, gpuStates: isRecords }
    : { ...common, trtNode: isText };
  return Object.keys(fields).filter((name) => fields[name]?.(value[name]) !== true);
}
