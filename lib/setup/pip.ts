import { mkdir, readdir, rename, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { TrtError } from '../errors';
import { wheelPlatform, type RuntimePin } from './pins';
import { redactText } from './redact';
import { runProgram, type ProgramResult } from './run-program';
import { checksumError } from './wheel-digest';
import { isSystemError } from './write-error';

/** How pip is called on this machine, e.g. `['python3', '-m', 'pip']`. */
export type PipCommand = readonly [string, ...string[]];

const candidates: readonly PipCommand[] = [
  ['python3', '-m', 'pip'],
  ['python', '-m', 'pip'],
  ['pip3'],
  ['pip'],
];

export async function findPip(
  env: NodeJS.ProcessEnv,
  signal: AbortSignal | undefined,
): Promise<PipCommand | null> {
  for (const command of candidates) {
    try {
      const { exitCode } = await runProgram([...command, '--version'], {
        env,
        signal,
        timeout: 30_000,
      });
      if (exitCode === 0) return command;
    } catch (error) {
      if (!isSystemError(error)) throw error;
    }
  }
  return null;
}

export interface PipDownload {
  readonly command: PipCommand;
  readonly pin: RuntimePin;
  /** Overrides the index of the user's pip configuration, which holds otherwise. */
  readonly index: URL | null;
  /** An empty folder for pip's own use. */
  readonly workFolder: string;
  /** Where the wheel goes. */
  readonly file: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal | undefined;
  readonly onBytes: (receivedBytes: number) => void;
}

/**
 * Lets pip fetch the pinned wheel: with its configuration, certificates, proxies and cache. Throws ERR_TRT_SETUP_DOWNLOAD
 * with pip's own words, or ERR_TRT_SETUP_CHECKSUM when pip itself refused the file. Its digest is the caller's to check.
 */
export async function downloadWithPip(download: PipDownload): Promise<void> {
  const { pin, workFolder, signal } = download;
  const temporary = path.join(workFolder, 'tmp');
  const destination = path.join(workFolder, 'wheels');
  const requirements = path.join(workFolder, 'requirements.txt');
  await mkdir(temporary, { recursive: true });
  await mkdir(destination);
  // With the digest there, pip picks the right one of several equal names, and a configured `require-hashes` is content.
  await writeFile(requirements, `${pin.package}==${pin.version} --hash=sha256:${pin.sha256}\n`);

  const result = await watched(
    temporary,
    download,
    async () =>
      await runProgram(
        [
          ...download.command,
          'download',
          '--no-deps',
          '--only-binary=:all:',
          `--platform=${wheelPlatform}`,
          '--python-version=3.12',
          '--no-input',
          '--disable-pip-version-check',
          '--progress-bar=off',
          `--dest=${destination}`,
          `--requirement=${requirements}`,
        ],
        { env: pipEnvironment(download, temporary), signal },
      ),
  );

  if (result.exitCode !== 0) throw pipError(download, result);
  const wheel = path.join(destination, pin.file);
  const found = await readdir(destination);
  if (!found.includes(pin.file)) {
    throw new TrtError(
      'ERR_TRT_SETUP_DOWNLOAD',
      `expected pip to fetch ${pin.file} but it fetched ${found.join(', ') || 'nothing'}. Update pip and run setup again.`,
      { details: { file: pin.file, found } },
    );
  }
  await rename(wheel, download.file);
}

function pipEnvironment(download: PipDownload, temporary: string): NodeJS.ProcessEnv {
  return {
    ...download.env,
    // pip collects a file under TMPDIR first: there its growth can be seen, and it is on the disk that has the room.
    TMPDIR: temporary,
    // By variable, as arguments are for every user of the machine to read, and an index URL may hold a password.
    ...(download.index !== null && { PIP_INDEX_URL: download.index.href }),
  };
}

/** Runs `work`, reporting four times a second how much lies in `folder`. */
async function watched<T>(
  folder: string,
  { onBytes }: PipDownload,
  work: () => Promise<T>,
): Promise<T> {
  const done = new AbortController();
  let most = 0;
  const watch = async (): Promise<void> => {
    onBytes(0);
    while (!done.signal.aborted) {
      const bytes = await largestFile(folder);
      if (bytes > most) onBytes((most = bytes));
      await sleep(250, undefined, { signal: done.signal }).catch(() => undefined);
    }
  };
  // A failing progress callback is reported once pip has ended, so that nothing is removed under it.
  const [result, watching] = await Promise.allSettled([
    work().finally(() => done.abort()),
    watch(),
  ]);
  if (result.status === 'rejected') throw result.reason;
  if (watching.status === 'rejected') throw watching.reason;
  return result.value;
}

async function largestFile(folder: string): Promise<number> {
  let largest = 0;
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  for (const name of names) {
    // It may be gone since.
    const found = await stat(path.join(folder, name)).catch(() => null);
    if (found?.isFile() && found.size > largest) largest = found.size;
  }
  return largest;
}

function pipError({ pin, command }: PipDownload, result: ProgramResult): TrtError {
  const words = redactText(result.output).trim();
  const got = /DO NOT MATCH THE HASHES[^]*?\bGot\s+([0-9a-f]{64})\b/.exec(words)?.[1];
  if (got !== undefined) return checksumError(pin, 'pip', { sha256: got });
  return new TrtError(
    'ERR_TRT_SETUP_DOWNLOAD',
    `pip could not download ${pin.package} ${pin.version} (${command.join(' ')} ended with ${result.exitCode ?? 'a signal'}). ` +
      'Check the network and the index that pip is configured with (pip config list), or name another with `indexUrl` ' +
      `(--index-url). pip's own words:\n${usefulLines(words)}`,
    { details: { package: pin.package, version: pin.version, exitCode: result.exitCode } },
  );
}

/** pip's errors, and why it had to retry, once: it says that for every attempt, with the addresses of its objects. */
export function usefulLines(words: string): string {
  const lines = words.split('\n').map((line) => line.trimEnd());
  const errors = lines.filter((line) => line.startsWith('ERROR:'));
  const reasons = lines.flatMap((line) => {
    const reason = /^WARNING: Retrying .*? after connection broken by '(.*)': /.exec(line)?.[1];
    return reason === undefined ? [] : [reason.replace(/<[^>]* object at 0x[0-9a-f]+>[:,]? */, '')];
  });
  const told = errors.length > 0 ? errors : lines.filter((line) => !line.startsWith('WARNING:'));
  return [...new Set(reasons), ...told].slice(-12).join('\n');
}
