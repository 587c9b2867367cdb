import path from 'node:path';
import { trtNodeHome } from '../home';

/** Where the engine cache is when no folder is named; null where there is no home folder. */
export function enginesFolder(env: NodeJS.ProcessEnv = process.env): string | null {
  return inHome('engines', env);
}

/** Where the timing caches are; null where there is no home folder. */
export function timingFolder(env: NodeJS.ProcessEnv = process.env): string | null {
  return inHome('timing', env);
}

/** Where an engine cache keeps the digests of large files that it has seen. */
export function digestsFolder(cacheFolder: string): string {
  return path.join(cacheFolder, 'digests');
}

function inHome(name: string, env: NodeJS.ProcessEnv): string | null {
  const home = trtNodeHome(env);
  return home === null ? null : path.join(home, name);
}
