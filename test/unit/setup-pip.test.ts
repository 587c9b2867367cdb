import { existsSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import type { SetupProgress } from '../../lib/setup';
import { usefulLines } from '../../lib/setup/pip';
import { runSetup } from '../../lib/setup/run-setup';
import type { Surroundings } from '../../lib/setup/surroundings';
import {
  everythingIn,
  machineWith,
  temporaryFolder,
  type TemporaryFolder,
} from '../support/setup-machine';
import { startSimpleIndex } from '../support/simple-index';
import { pinOf, wheelEntries, zipOf } from '../support/wheel';

const wheel = zipOf(wheelEntries());
const pin = pinOf(wheel);

// The real pip, with none of this machine's configuration.
function machineWithPip(home: TemporaryFolder, env: NodeJS.ProcessEnv = {}): Surroundings {
  return machineWith(pin, {
    env: {
      PATH: process.env['PATH'],
      HOME: home.path,
      PIP_CONFIG_FILE: '/dev/null',
      PIP_NO_CACHE_DIR: '1',
      PIP_RETRIES: '0',
      ...env,
    },
  });
}

describe('setup by pip', { timeout: 60_000 }, () => {
  it('installs from the index that pip is configured with', async () => {
    await using home = await temporaryFolder();
    await using index = await startSimpleIndex(wheel, pin);
    const progress: SetupProgress[] = [];
    const dir = path.join(home.path, 'root');

    const result = await runSetup(
      { dir, onProgress: (step) => progress.push(step) },
      machineWithPip(home, { PIP_INDEX_URL: index.url.href, PIP_REQUIRE_HASHES: '1' }),
    );

    expect(result).toMatchObject({ status: 'installed', way: 'pip', index: null });
    expect(await everythingIn(path.join(dir, 'runtimes'))).toEqual([
      'tensorrt-rtx-1.7.1.116-cu13',
      'tensorrt-rtx-1.7.1.116-cu13/LICENSE.txt',
      'tensorrt-rtx-1.7.1.116-cu13/libtensorrt_onnxparser_rtx.so.1',
      'tensorrt-rtx-1.7.1.116-cu13/libtensorrt_rtx.so.1',
      'tensorrt-rtx-1.7.1.116-cu13/runtime.json',
    ]);
    expect(progress.filter(({ phase }) => phase === 'download').at(-1)).toEqual({
      phase: 'download',
      receivedBytes: wheel.length,
      totalBytes: wheel.length,
    });
  });

  it('prefers the index of the call, with its credentials', async () => {
    await using home = await temporaryFolder();
    await using index = await startSimpleIndex(wheel, pin);
    const url = new URL(index.url);
    url.username = 'me';
    url.password = 'secret';

    const result = await runSetup(
      { dir: path.join(home.path, 'root'), indexUrl: url.href },
      machineWithPip(home, { PIP_INDEX_URL: 'http://127.0.0.1:9/simple' }),
    );

    expect(result).toMatchObject({ status: 'installed', way: 'pip' });
    expect(result.index).not.toContain('secret');
    expect(index.authorizations.at(-1)).toBe(
      `Basic ${Buffer.from('me:secret').toString('base64')}`,
    );
  });

  it('refuses a file with another digest and leaves nothing', async () => {
    await using home = await temporaryFolder();
    const altered = zipOf(wheelEntries());
    await using index = await startSimpleIndex(altered, pin, { listedSha256: null });
    const dir = path.join(home.path, 'root');

    await expect(
      runSetup({ dir }, machineWithPip(home, { PIP_INDEX_URL: index.url.href })),
    ).rejects.toMatchObject({ code: 'ERR_TRT_SETUP_CHECKSUM' });
    expect(existsSync(dir)).toBe(false);
  });

  it("fails with pip's words and without the password", async () => {
    await using home = await temporaryFolder();
    await using index = await startSimpleIndex(wheel, pin);
    const url = new URL('/wrong/simple', index.url);
    url.username = 'me';
    url.password = 'secret';

    const error: unknown = await runSetup(
      { dir: path.join(home.path, 'root'), indexUrl: url.href },
      machineWithPip(home),
    ).catch((reason: unknown) => reason);

    expect(error).toMatchObject({ code: 'ERR_TRT_SETUP_DOWNLOAD', details: { exitCode: 1 } });
    expect(String(error)).toContain('tensorrt-rtx-cu13-libs==1.7.1.116');
    expect(String(error)).not.toContain('secret');
  });

  it("keeps pip's errors and its reason to retry, once", () => {
    // What pip 23.0 prints.
    const retry = (total: number, address: string) =>
      `WARNING: Retrying (Retry(total=${total}, connect=None)) after connection broken by 'NewConnectionError('<pip._vendor.urllib3.connection.HTTPConnection object at ${address}>: Failed to establish a new connection: [Errno 111] Connection refused')': /simple/a/`;
    const words = [
      'Looking in indexes: http://127.0.0.1:9/simple',
      retry(4, '0x7fe5dc8990d0'),
      retry(3, '0x7fe5dc8991f0'),
      'ERROR: Could not find a version that satisfies the requirement a==1',
      'ERROR: No matching distribution found for a==1',
    ];
    expect(usefulLines(words.join('\n')).split('\n')).toEqual([
      "NewConnectionError('Failed to establish a new connection: [Errno 111] Connection refused')",
      ...words.slice(-2),
    ]);
  });

  it('ends pip on an abort and leaves nothing', async () => {
    await using home = await temporaryFolder();
    await using index = await startSimpleIndex(wheel, pin);
    const abort = new AbortController();
    const reason = new Error('changed my mind');
    index.fileAnswers.push((_, response) => {
      response.setHeader('content-length', wheel.length);
      response.write(wheel.subarray(0, 100_000), () => abort.abort(reason));
    });
    const dir = path.join(home.path, 'root');

    await expect(
      runSetup(
        { dir, signal: abort.signal },
        machineWithPip(home, { PIP_INDEX_URL: index.url.href }),
      ),
    ).rejects.toBe(reason);
    expect(existsSync(dir)).toBe(false);
  });

  it('goes to the index where Python has no pip', async () => {
    await using home = await temporaryFolder();
    await using index = await startSimpleIndex(wheel, pin);
    const bin = path.join(home.path, 'bin');
    await mkdir(bin);
    await writeFile(
      path.join(bin, 'python3'),
      '#!/bin/sh\necho "No module named pip" >&2\nexit 1\n',
    );
    await chmod(path.join(bin, 'python3'), 0o755);

    const result = await runSetup(
      { dir: path.join(home.path, 'root') },
      machineWith(pin, { env: { PATH: bin, PIP_INDEX_URL: index.url.href } }),
    );

    expect(result).toMatchObject({ status: 'installed', way: 'index' });
  });
});
