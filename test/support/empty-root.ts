/** TEST ONLY. A root file system that has Node.js, what it links to, and nothing else: what a slim image is. */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

export interface Mount {
  /** A folder of this machine. */
  readonly from: string;
  /** Its place in there. */
  readonly at: string;
}

export interface RootRun {
  readonly mounts: readonly Mount[];
  /** All variables that there are. */
  readonly env?: Readonly<Record<string, string>>;
  /** /tmp can be written; nothing else ever can. */
  readonly writableTmp?: boolean;
}

export interface RootOutcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface EmptyRoot {
  /** Runs Node.js with `args` in the working folder `/`. */
  node(args: readonly string[], run: RootRun): RootOutcome;
  /** Adds a library of this machine, by its name. */
  addLibrary(name: string): void;
}

/** Whether this user may make file systems of their own here (user namespaces). */
export function canChangeRoot(): boolean {
  return spawnSync('unshare', ['-rm', '--propagation', 'private', 'true']).status === 0;
}

const node = fs.realpathSync(process.execPath);

/** What the linker finds for Node.js: `/lib/x86_64-linux-gnu/libc.so.6`. */
function librariesOfNode(): readonly string[] {
  const lines = execFileSync('ldd', [node], { encoding: 'utf8' }).split('\n');
  return lines.flatMap((line) => /(?:=>\s*|^\s*)(\/\S+) \(0x/.exec(line)?.[1] ?? []);
}

export function makeEmptyRoot(folder: string): EmptyRoot {
  for (const each of ['proc', 'dev', 'tmp', 'bin']) {
    fs.mkdirSync(path.join(folder, each), { recursive: true });
  }
  fs.writeFileSync(path.join(folder, 'dev/null'), '');
  fs.copyFileSync(node, path.join(folder, 'bin/node'));
  const libraries = librariesOfNode();
  const add = (library: string): void => {
    const target = path.join(folder, library);
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.copyFileSync(library, target);
  };
  libraries.forEach(add);
  const systemFolder = path.dirname(libraries.find((each) => each.includes('libc.so')) ?? '/lib');
  return {
    addLibrary(name) {
      if (!libraries.some((each) => path.basename(each) === name)) {
        add(path.join(systemFolder, name));
      }
    },
    node: (args, run) => runInRoot(folder, args, run),
  };
}

function runInRoot(folder: string, args: readonly string[], run: RootRun): RootOutcome {
  const { mounts, env = {}, writableTmp = false } = run;
  for (const { at } of mounts) fs.mkdirSync(path.join(folder, at), { recursive: true });
  const root = quoted(folder);
  const commands = [
    `mount --bind ${root} ${root}`,
    ...mounts.flatMap(({ from, at }) => {
      const target = quoted(path.join(folder, at));
      return [`mount --bind ${quoted(from)} ${target}`, `mount -o remount,bind,ro ${target}`];
    }),
    `mount --rbind /proc ${quoted(path.join(folder, 'proc'))}`,
    `mount --bind /dev/null ${quoted(path.join(folder, 'dev/null'))}`,
    ...(writableTmp ? [`mount -t tmpfs none ${quoted(path.join(folder, 'tmp'))}`] : []),
    `mount -o remount,bind,ro ${root}`,
    `exec env -i ${Object.entries(env)
      .map(([name, value]) => quoted(`${name}=${value}`))
      .join(' ')} /usr/sbin/chroot ${root} /bin/node "$@"`,
  ];
  const outcome = spawnSync(
    'unshare',
    ['-rm', '--propagation', 'private', 'sh', '-ec', commands.join('\n'), 'sh', ...args],
    { encoding: 'utf8', timeout: 90_000, cwd: '/' },
  );
  if (outcome.error) throw outcome.error;
  return { code: outcome.status, stdout: outcome.stdout, stderr: outcome.stderr };
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
