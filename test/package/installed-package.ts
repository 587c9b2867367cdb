import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const root = path.resolve(__dirname, '..', '..');

interface PackedFile {
  readonly path: string;
  readonly size: number;
}

/** trt-node as a user has it: packed here, installed from the tarball in an empty project, with install scripts off. */
export interface InstalledPackage {
  readonly root: string;
  readonly project: string;
  readonly tarball: string;
  readonly files: readonly PackedFile[];
  /** Runs Node on a file that is written into the project. */
  node(name: string, source: string, args?: readonly string[]): Outcome;
  /** Runs a program in the project. */
  run(command: string, args: readonly string[]): Outcome;
  remove(): void;
}

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function installPackage(): InstalledPackage {
  execFileSync(process.execPath, [path.join(root, 'scripts', 'prebuild-native.mjs')], {
    cwd: root,
    stdio: 'inherit',
  });
  const project = fs.mkdtempSync(path.join(os.tmpdir(), 'trt-node-package-'));
  // What prepack prints would stand in front of the JSON.
  const quietly = ['--json', '--foreground-scripts=false', '--pack-destination', project];
  const packed = execFileSync('npm', ['pack', ...quietly], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const { filename, files } = firstPacked(packed);
  const tarball = path.join(project, filename);
  fs.writeFileSync(path.join(project, 'package.json'), '{ "name": "consumer", "private": true }\n');
  const quiet = ['--no-audit', '--no-fund', '--prefer-offline'];
  execFileSync('npm', ['install', '--ignore-scripts', ...quiet, tarball], {
    cwd: project,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const run = (command: string, args: readonly string[]): Outcome => {
    // A build of the addon in a checkout must not stand in for the packed one.
    const env = { ...process.env, PREBUILDS_ONLY: '1' };
    const { status, stdout, stderr, error } = spawnSync(command, args, {
      cwd: project,
      env,
      encoding: 'utf8',
    });
    if (error) throw error;
    return { status, stdout, stderr };
  };
  return {
    root,
    project,
    tarball,
    files,
    run,
    node(name, source, args = []) {
      fs.writeFileSync(path.join(project, name), source);
      return run(process.execPath, [...args, name]);
    },
    remove: () => fs.rmSync(project, { recursive: true, force: true }),
  };
}

/** npm 7 to 11 print a list, npm 12 an object by package name. */
function firstPacked(json: string): { filename: string; files: PackedFile[] } {
  const packed = JSON.parse(json) as Record<string, { filename: string; files: PackedFile[] }>;
  const first = Object.values(packed)[0];
  if (first === undefined) throw new Error(`npm pack packed nothing: ${json}`);
  return first;
}
