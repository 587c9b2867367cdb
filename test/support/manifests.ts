import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { FileDigest, Manifest, PlanDigest } from '../../lib/manifest-schema';
import { identityOf } from '../../lib/onnx/model-file';

export function digestOf(bytes: Uint8Array | string): FileDigest {
  const data = Buffer.from(bytes as string);
  return { sha256: createHash('sha256').update(data).digest('hex'), sizeBytes: data.length };
}

/** `plan.chunksSha256` of a manifest, as its documentation defines it. */
export function chunksSha256Of(bytes: Uint8Array): string {
  const chunkBytes = 4 * 1024 * 1024;
  const digests: Buffer[] = [];
  for (let offset = 0; offset < bytes.length; offset += chunkBytes) {
    const chunk = bytes.subarray(offset, offset + chunkBytes);
    digests.push(createHash('sha256').update(chunk).digest());
  }
  return createHash('sha256').update(Buffer.concat(digests)).digest('hex');
}

/** `plan` of a manifest, as a build writes it. */
export function planDigestOf(bytes: Uint8Array | string): Required<PlanDigest> {
  const data = Buffer.from(bytes as string);
  return { ...digestOf(data), chunksSha256: chunksSha256Of(data) };
}

/** Digests of a plan as a native plan tells them. */
export function hashOfPlan(
  bytes: Uint8Array | string,
): (kind: 'sha256' | 'chunksSha256') => Promise<string> {
  const data = Buffer.from(bytes as string);
  return (kind) =>
    Promise.resolve(kind === 'sha256' ? digestOf(data).sha256 : chunksSha256Of(data));
}

/** What the addon's hashFile does, by Node's own SHA-256. */
export async function hashFile(file: string): Promise<FileDigest & { identity: string }> {
  const handle = await open(file);
  try {
    const identity = await identityOf(handle);
    return { ...digestOf(await handle.readFile()), identity };
  } finally {
    await handle.close();
  }
}

/** A whole, valid manifest of the plan with these bytes. */
export function manifestFixture(plan: string, changes: Partial<Manifest> = {}): Manifest {
  return {
    schemaVersion: 1,
    writer: '0.1.0',
    flavour: 'tensorrt-rtx',
    version: '1.7.1',
    plan: digestOf(plan),
    model: { ...digestOf('model'), name: 'digits.onnx' },
    gpu: { name: 'NVIDIA RTX A4000', computeCapability: '8.6' },
    computeCapabilities: ['8.6'],
    driver: '580.159.04',
    inputs: [{ name: 'image', type: 'float32', dims: [-1, 1, 8, 8], isShapeTensor: false }],
    outputs: [{ name: 'logits', type: 'float32', dims: [-1, 10], isShapeTensor: false }],
    profiles: [{ image: { min: [1, 1, 8, 8], opt: [8, 1, 8, 8], max: [32, 1, 8, 8] } }],
    options: { precision: null, memoryPools: { workspace: 1024 } },
    labels: { commit: '1f3a' },
    builtAt: '2026-01-02T03:04:05.678Z',
    buildSeconds: 0.25,
    network: { layers: [{ name: 'conv', type: 'Convolution', outputTypes: ['float32'] }] },
    layers: [{ name: 'conv', type: 'Convolution', outputTypes: ['float32'], tactic: '0x1' }],
    ...changes,
  };
}

/** The addon's file work, with no lock: the tests that use it run in one process. */
export const fileWork = {
  hashFile,
  lockFolder: () => Promise.resolve({ release: () => undefined }),
};
