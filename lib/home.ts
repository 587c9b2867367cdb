import { homedir } from 'node:os';
import path from 'node:path';

/** The folder of everything that trt-node keeps on a machine: TRT_NODE_HOME, else XDG_CACHE_HOME/trt-node, else ~/.cache/trt-node. */
export function trtNodeHome(env: NodeJS.ProcessEnv = process.env): string {
  if (env['TRT_NODE_HOME']) return path.resolve(env['TRT_NODE_HOME']);
  // The XDG specification: a relative path in its variables is invalid and ignored.
  const cache = env['XDG_CACHE_HOME'];
  if (cache && path.isAbsolute(cache)) return path.join(cache, 'trt-node');
  return path.join(env['HOME'] || homedir(), '.cache', 'trt-node');
}

/** Where `trt-node setup` puts runtimes, one folder each. */
export function runtimesFolder(env: NodeJS.ProcessEnv = process.env): string {
  return path.join(trtNodeHome(env), 'runtimes');
}
