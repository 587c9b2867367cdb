import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { loadBinding } from '../binding';
import { fileWorkOf } from '../file-work';
import { manifestFor, manifestPathOf, readManifest } from '../manifest';
import type { Manifest } from '../manifest-schema';
import { checkPlanFile } from '../plan-file';
import { planHeaderBytes, readPlanHeader, type PlanHeader } from '../plan-header';

/** What stands in a plan's header and in its manifest; TensorRT does not see it. */
export interface PlanInspection extends PlanHeader {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** Whether the manifest describes this very plan; no signature is looked at. null: there is no manifest. */
  readonly described: boolean | null;
  readonly manifest: Manifest | null;
}

/** Whether a file begins like a plan. A file that cannot be read does not: whoever opens it next says why. */
export async function beginsLikePlan(path: string): Promise<boolean> {
  const header = await headerOf(path).catch(() => Buffer.alloc(0));
  return ['ftrt', 'vtrt'].includes(header.toString('latin1', 0, 4));
}

/** Rejects with `ERR_TRT_ENGINE_NOT_FOUND`, `ERR_TRT_ENGINE_INVALID`, `ERR_TRT_MANIFEST_INVALID` */
export async function inspectPlan(path: string): Promise<PlanInspection> {
  await checkPlanFile(path);
  const header = readPlanHeader(await headerOf(path), path);
  const { sha256, sizeBytes } = await fileWorkOf(loadBinding()).hashFile(path);
  const read = await readManifest(manifestPathOf(path));
  const found = read === null ? null : manifestFor(read, sha256);
  return {
    path,
    ...header,
    sizeBytes,
    sha256,
    described: read === null ? null : found !== null,
    manifest: found === 'digest-only' ? null : found,
  };
}

async function headerOf(path: string): Promise<Buffer> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const header = Buffer.alloc(planHeaderBytes);
    const { bytesRead } = await handle.read(header, 0, header.length, 0);
    return header.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
