import { readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * How many processes the kernel has killed for memory: those of this process's control group, which a child shares, or where that
 * does not count them, those of the machine. null where neither is told. Only the difference of two readings says anything.
 */
export function oomKills(root = '/'): number | null {
  return ofControlGroup(root) ?? counter(readText(path.join(root, 'proc/vmstat')));
}

function ofControlGroup(root: string): number | null {
  for (const line of readText(path.join(root, 'proc/self/cgroup')).split('\n')) {
    // `0::/path` is version 2; `4:memory:/path` version 1.
    const [, controllers, group] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined || group === undefined) continue;
    const file =
      controllers === ''
        ? path.join(root, 'sys/fs/cgroup', group, 'memory.events')
        : controllers.split(',').includes('memory')
          ? path.join(root, 'sys/fs/cgroup/memory', group, 'memory.oom_control')
          : null;
    const count = file === null ? null : counter(readText(file));
    if (count !== null) return count;
  }
  return null;
}

function counter(text: string): number | null {
  const [, count] = /^oom_kill (\d+)$/m.exec(text) ?? [];
  return count === undefined ? null : Number(count);
}

/** Files of the kernel: they are read from memory, in microseconds. */
function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
