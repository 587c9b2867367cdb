import { readdirSync, readFileSync } from 'node:fs';

interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly state: string;
}

/** Parent and state from proc(5)'s stat; null when there is no such process. */
function lookUp(pid: number): ProcessEntry | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name and may hold spaces and brackets.
    const [state = '', parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { pid, parent: Number(parent), state };
  } catch {
    return null;
  }
}

/** Whether the process exists and is more than a zombie. */
export function isRunning(pid: number): boolean {
  const entry = lookUp(pid);
  return entry !== null && entry.state !== 'Z';
}

/** Process ids of the running children of a process with this program: by default its build children. */
export function buildChildrenOf(parent: number, program = 'build-child'): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => lookUp(pid)?.parent === parent && isRunning(pid))
    .filter((pid) => commandLine(pid).includes(program));
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
