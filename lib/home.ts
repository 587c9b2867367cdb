import { userInfo } from 'node:os';
import path from 'node:path';

/**
 * The folder of everything that trt-node keeps on a machine: TRT_NODE_HOME (a relative one is resolved against the working
 * directory), else XDG_CACHE_HOME/trt-node, else ~/.cache/trt-node. null where there is no home folder. Libraries are loaded
 * from it, so an empty or relative HOME must not make it a folder of the working directory.
 */
export function trtNodeHome(
  env: NodeJS.ProcessEnv = process.env,
  accountHome: () => string | null = homeOfAccount,
): string | null {
  if (env['TRT_NODE_HOME']) return path.resolve(env['TRT_NODE_HOME']);
  // The XDG specification: a relative path in its variables is invalid and ignored.
  const cache = absolute(env['XDG_CACHE_HOME']);
  if (cache !== null) return path.join(cache, 'trt-node');
  const home = homeInEnvironment(env) ?? absolute(accountHome());
  return home === null ? null : path.join(home, '.cache', 'trt-node');
}

/** Where `trt-node setup` puts runtimes, one folder each; null where there is no home folder. */
export function runtimesFolder(env: NodeJS.ProcessEnv = process.env): string | null {
  const home = trtNodeHome(env);
  return home === null ? null : path.join(home, 'runtimes');
}

/** HOME; null when it is not an absolute path. */
export function homeInEnvironment(env: NodeJS.ProcessEnv): string | null {
  return absolute(env['HOME']);
}

/** The home folder that the system has for this user: `os.homedir()` would answer HOME, even an empty one. */
function homeOfAccount(): string | null {
  try {
    return userInfo().homedir;
  } catch {
    // A container's user that is not in its passwd file.
    return null;
  }
}

function absolute(folder: string | null | undefined): string | null {
  return folder && path.isAbsolute(folder) ? folder : null;
}
