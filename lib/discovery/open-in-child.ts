import { stat } from 'node:fs/promises';
import type { NativeLibraryFiles, NativeLibraryProbe } from '../binding';
import { TrtError } from '../errors';
import { askProbeChild } from '../probe-process';

/** Usable libraries by what would change if the file were another. Failures are asked again: a missing dependency may have come. */
const known = new Map<string, NativeLibraryProbe>();

/** Opens a library in a child process of its own: what crashes there is that library's problem alone. */
export async function openInChild(
  files: NativeLibraryFiles,
  options: { env: NodeJS.ProcessEnv; timeoutMs: number },
): Promise<NativeLibraryProbe> {
  const key = await fingerprint(files, options.env);
  const before = known.get(key);
  if (before) return before;

  const outcome = await askProbeChild({ kind: 'library', files }, options);
  switch (outcome.kind) {
    case 'answer':
      known.set(key, outcome.value);
      return outcome.value;
    case 'error':
      throw outcome.error;
    case 'lost':
      throw new TrtError(
        'ERR_TRT_LIBRARY_LOAD',
        `${files.core} could not be opened: the process that tried ${outcome.how}. ` +
          (outcome.started
            ? 'Its file may be damaged, or made for another machine; install it again.'
            : "Child processes must be allowed: with --allow-child-process under Node's permission model, with fork and exec in a " +
              "sandbox. `buildEngine` does without them under `isolation: 'thread'`.") +
          (outcome.stderr ? `\n${outcome.stderr}` : ''),
        { details: { path: files.core, how: outcome.how } },
      );
  }
}

async function fingerprint(files: NativeLibraryFiles, env: NodeJS.ProcessEnv): Promise<string> {
  const facts = [files.core, files.parser].map(async (file) => {
    if (file === null) return null;
    const { mtimeMs, size, dev, ino } = await stat(file);
    return [file, mtimeMs, size, dev, ino];
  });
  return JSON.stringify([env['LD_LIBRARY_PATH'] ?? '', ...(await Promise.all(facts))]);
}
