import { checkOwnFile, writeOwnFile, type OwnKind } from './own-file';
import type { ProfileResult } from './profile-result';

const timesFile: OwnKind = {
  what: 'layer times',
  isOwn: (text) => /^\s*\[\s*\{\s*"count"/.test(text),
};

/** What `writeTrtexecProfile` would refuse, before the work. */
export async function checkTrtexecProfilePath(file: string): Promise<void> {
  await checkOwnFile(file, timesFile);
}

/** The times as `trtexec --exportProfile` writes them: a count, then each layer with its sum, mean, median and per cent. */
export async function writeTrtexecProfile(file: string, result: ProfileResult): Promise<void> {
  const { layers, iterations } = result;
  const entries = [
    { count: iterations },
    ...layers.map(({ name, meanMs, medianMs, share }) => ({
      name,
      timeMs: meanMs * iterations,
      averageMs: meanMs,
      medianMs,
      percentage: share * 100,
    })),
  ];
  const lines = entries.map((entry) => JSON.stringify(entry));
  await writeOwnFile(file, `[\n${lines.join(',\n')}\n]\n`, timesFile);
}
