import { constants } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { planHeaderBytes, readPlanHeader } from './plan-header';

type JsonObject = Readonly<Record<string, unknown>>;

/** Larger than any manifest or lock; what is larger is not read into memory. */
const maxJsonBytes = 256 * 1024 * 1024;

/** Whether a file starts as a plan does. What cannot be read is none. */
export async function isPlanFile(file: string): Promise<boolean> {
  const header = Buffer.alloc(planHeaderBytes);
  try {
    // Without O_NONBLOCK, opening a FIFO would wait for its writer.
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { bytesRead } = await handle.read(header, 0, header.length, 0);
      readPlanHeader(header.subarray(0, bytesRead));
    } finally {
      await handle.close();
    }
    return true;
  } catch {
    return false;
  }
}

/** Whether a file is a manifest, as `isManifestText` tells. */
export async function isManifestFile(file: string, sizeBytes: number): Promise<boolean> {
  return looksLikeManifest(await jsonObjectIn(file, sizeBytes));
}

/**
 * Whether a text is a manifest, of this trt-node or of another version: a later one may know more fields and drop others, so
 * only what makes it one is looked at.
 */
export function isManifestText(text: string): boolean {
  return looksLikeManifest(jsonObjectOf(text));
}

/** The JSON object that makes up a file; null when it is anything else, or too large to be one of ours. */
export async function jsonObjectIn(file: string, sizeBytes: number): Promise<JsonObject | null> {
  if (sizeBytes > maxJsonBytes) return null;
  const text = await readFile(file, 'utf8').catch(() => '');
  return jsonObjectOf(text);
}

function jsonObjectOf(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function looksLikeManifest(value: JsonObject | null): boolean {
  const { schemaVersion, writer, plan } = value ?? {};
  return (
    Number.isSafeInteger(schemaVersion) &&
    typeof writer === 'string' &&
    isObject(plan) &&
    typeof plan['sha256'] === 'string'
  );
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
