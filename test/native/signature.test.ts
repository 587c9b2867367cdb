import { generateKeyPairSync, randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { BuiltEngine, LoadOptions, Manifest } from '../../lib/index';
import {
  cli,
  codeWithoutGpu,
  digits,
  failure,
  requireRtx,
  temporaryFolder,
  trtNode,
} from '../support/native-host';
import { runNode } from '../support/native-processes';

const { buildEngine, loadEngine } = trtNode;
await requireRtx();
const folder = await temporaryFolder();

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const stranger = generateKeyPairSync('ed25519');
const secret = randomBytes(32);
const images = { min: [1, 1, 8, 8], opt: [8, 1, 8, 8], max: [8, 1, 8, 8] };
const options = {
  runtime: 'tensorrt-rtx',
  computeCapabilities: ['8.6'],
  profiles: [{ images }],
} as const;

/** A load on this machine ends at the driver, unless the plan is refused before: TensorRT sees it after both. */
let driver: Awaited<ReturnType<typeof codeWithoutGpu>>;
beforeAll(async () => {
  driver = await codeWithoutGpu();
});

const verified = (plan: Parameters<typeof loadEngine>[0], load: LoadOptions) =>
  failure(driver, loadEngine(plan, load));

async function refused(
  reason: string,
  plan: Parameters<typeof loadEngine>[0],
  load: LoadOptions,
): Promise<void> {
  const error = await failure('ERR_TRT_ENGINE_SIGNATURE', loadEngine(plan, load));
  expect(error.details).toMatchObject({ reason });
}

async function rewrite(plan: string, change: (manifest: Manifest) => object): Promise<void> {
  const file = `${plan}.json`;
  const manifest = JSON.parse(await fs.readFile(file, 'utf8')) as Manifest;
  await fs.writeFile(file, JSON.stringify(change(manifest)));
}

describe('a plan that was signed when it was built', () => {
  const plan = path.join(folder, 'signed.engine');
  const key = { key: privateKey, keyId: 'release' };
  let built: BuiltEngine;
  beforeAll(async () => {
    built = await buildEngine(digits, { ...options, output: plan, signingKey: key });
  });

  it('has a signature in its manifest, and keeps it when it is saved', async () => {
    expect(built.manifest.signature).toMatchObject({ algorithm: 'ed25519', keyId: 'release' });
    const copy = path.join(folder, 'copy.engine');
    await built.save(copy);
    await verified(copy, { verificationKey: publicKey });
    await verified(copy, { verificationKey: [{ key: publicKey, keyId: 'release' }, secret] });
  });

  it('is confirmed before the driver is asked, from a file, from bytes and from memory', async () => {
    const load = { verificationKey: publicKey, integrity: 'signature' } as const;
    await verified(plan, load);
    await verified(built, load);
    await verified(await built.bytes(), { ...load, manifest: built.manifest });
    await refused('no-manifest', await built.bytes(), load);
  });

  it('is refused with another key, before the driver is asked', async () => {
    await refused('mismatch', plan, { verificationKey: stranger.publicKey });
    await refused('algorithm', plan, { verificationKey: secret });
    await refused('key-id', plan, { verificationKey: { key: publicKey, keyId: 'other' } });
  });

  it('is refused when plan or manifest were changed, also both to agree', async () => {
    const changed = path.join(folder, 'changed.engine');
    const load = { verificationKey: publicKey };
    await built.save(changed);
    await rewrite(changed, (manifest) => ({ ...manifest, labels: { approved: 'yes' } }));
    await refused('mismatch', changed, load);
    await verified(changed, {}); // a digest finds no attacker

    await built.save(changed);
    const other = await buildEngine(digits, { ...options, labels: { other: 'build' } });
    await fs.writeFile(changed, await other.bytes());
    await fs.appendFile(changed, 'x');
    await refused('plan', changed, load);

    await other.save(changed);
    await refused('unsigned', changed, load);
    await rewrite(changed, (manifest) => ({
      ...manifest,
      signature: built.manifest.signature,
    }));
    await refused('mismatch', changed, load);
  });
});

it('a secret signs and verifies, and so does the file of --sign-key', async () => {
  const file = path.join(folder, 'secret.key');
  const plan = path.join(folder, 'cli.engine');
  await fs.writeFile(file, secret, { mode: 0o600 });
  const line = ['build', digits, '-o', plan, '--compute-capability', '8.6', '--sign-key', file];
  const exit = await runNode(cli, [...line, '--profile', 'batch:1/8/8']);
  expect(exit).toMatchObject({ code: 0 });
  await verified(plan, { verificationKey: secret });
  await refused('mismatch', plan, { verificationKey: randomBytes(32) });
});

it('signature without a key, and a key that cannot sign, are refused before anything is read', async () => {
  const missing = path.join(folder, 'missing.engine');
  await failure('ERR_TRT_INVALID_ARG', loadEngine(missing, { integrity: 'signature' }));
  await failure('ERR_TRT_INVALID_ARG', buildEngine(missing, { signingKey: publicKey }));
});
