import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { TrtError } from '../errors';
import { writeError } from '../write-error';
import type { BenchRecord } from './record';
import { faultIn } from './record-check';

/** Writes a JSON file as a whole, or not at all. Rejects with ERR_TRT_WRITE. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  const temp = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(temp, `${JSON.stringify(value)}\n`);
    await rename(temp, path);
  } catch (error) {
    await rm(temp, { force: true });
    throw writeError(path, 'write', error);
  }
}

/**
 * A record that `--output` wrote, or that a `.json` report has.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`
 */
export async function readRecord(path: string): Promise<BenchRecord> {
  const refuse = (found: string, cause?: unknown): TrtError =>
    new TrtError(
      'ERR_TRT_INVALID_ARG',
      `expected a record of \`trt-node bench --output\` or its .json report, but ${path} ${found}`,
      { cause, details: { argument: 'bench diff', path } },
    );
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw refuse(`cannot be read: ${(cause as Error).message}`, cause);
  }
  const record =
    schemaOf(parsed) === 'trt-node/report' ? (parsed as { data?: unknown }).data : parsed;
  const schema = schemaOf(record);
  if (schema !== 'trt-node/bench') {
    throw refuse(schema === null ? 'is something else' : `is a ${schema}`);
  }
  const { schemaVersion } = record as Record<string, unknown>;
  if (schemaVersion !== 1) {
    throw refuse(
      `is of version ${String(schemaVersion)}, and this trt-node knows version 1: use a newer one`,
    );
  }
  const fault = faultIn(record);
  if (fault !== null) throw refuse(`is damaged: ${fault} is missing, or not what it should be`);
  return record as BenchRecord;
}

function schemaOf(value: unknown): string | null {
  const schema = (value as { readonly schema?: unknown } | null)?.schema;
  return typeof schema === 'string' ? schema : null;
}
