// What a user's project does with the package: installed by npm and by pnpm, used from CommonJS, ES modules and TypeScript, under
// every Node.js that the README names.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { majors, nodeRelease } from '../../scripts/node-release.mjs';
import { npmTool } from '../../scripts/npm-tool.mjs';
import { identity } from '../support/stub-models';
import { stubPlan, stubVersions } from '../support/stub-plans';
import { installPackage, type InstalledPackage } from './installed-package';

const root = path.resolve(__dirname, '..', '..');

const use = `
const library = process.env['STUB_TENSORRT'];
void loadEngine('stub.engine', { library }).then(async (engine) => {
  const { y } = await engine.infer({ x: Tensor.from([1.5, 2]) });
  console.log(JSON.stringify([engine.version, y.dims, y.toNested()]));
  await engine.close();
});
`;
const said = `["${stubVersions.v10.join('.')}",[2],[1.5,2]]\n`;

/** Sources by file name; the TypeScript ones are compiled to JavaScript of the same name first. */
const sources = {
  'required.cjs': `const { loadEngine, Tensor } = require('trt-node');${use}`,
  'imported.mjs': `import { loadEngine, Tensor } from 'trt-node';${use}`,
  'typed-import.mts': `import { loadEngine, Tensor, type Engine } from 'trt-node';
    export type Inputs = Engine['inputs'];${use}`,
  'typed-require.cts': `import { loadEngine, Tensor, type Engine } from 'trt-node';
    export type Inputs = Engine['inputs'];${use}`,
};
const programs = ['required.cjs', 'imported.mjs', 'typed-import.mjs', 'typed-require.cjs'];

/** What `main()` of the package's command is started by, whoever installed it. */
const command = path.join('node_modules', '.bin', 'trt-node');

describe.each(['npm', 'pnpm'])('a project of %s', (manager) => {
  let installed: InstalledPackage;
  let project: string;
  let stubs: string;
  beforeAll(() => {
    const build = path.join(root, 'scripts', 'build-stubs.mjs');
    stubs = execFileSync(process.execPath, [build], { encoding: 'utf8' }).trim();
    installed = installPackage();
    project = manager === 'npm' ? installed.project : pnpmProject(installed.tarball);
    for (const [name, source] of Object.entries(sources)) {
      fs.writeFileSync(path.join(project, name), source);
    }
    fs.writeFileSync(path.join(project, 'stub.engine'), stubPlan('v10', identity));
    const compilerOptions = {
      ...{ strict: true, module: 'node16', target: 'es2022', types: ['node'] },
      lib: ['es2023', 'esnext.disposable'],
      typeRoots: [path.join(root, 'node_modules', '@types')],
    };
    const files = Object.keys(sources).filter((name) => name.endsWith('ts'));
    fs.writeFileSync(
      path.join(project, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, files }),
    );
    execFileSync(path.join(root, 'node_modules', '.bin', 'tsc'), ['-p', 'tsconfig.json'], {
      cwd: project,
      stdio: 'inherit',
    });
  });
  afterAll(() => {
    installed.remove();
    fs.rmSync(project, { recursive: true, force: true });
  });

  const runs = majors.flatMap((major) => programs.map((program) => [major, program] as const));
  it.each(runs)('under Node.js %s: %s', (major, program) => {
    const env = {
      ...process.env,
      PREBUILDS_ONLY: '1',
      LD_LIBRARY_PATH: path.join(stubs, 'driver'),
      STUB_TENSORRT: path.join(stubs, 'v10', 'libnvinfer.so.10'),
    };
    const options = { cwd: project, env, encoding: 'utf8' } as const;
    const { status, stdout, stderr } = spawnSync(nodeRelease(major), [program], options);
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: said, stderr: '' });
  });

  it('has the command', () => {
    const { status, stdout } = spawnSync(command, ['--version'], {
      cwd: project,
      encoding: 'utf8',
    });
    const { version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) as {
      version: string;
    };
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${version}\n` });
  });
});

/** pnpm gives a package what it declares and nothing else, and keeps all of it behind links. */
function pnpmProject(tarball: string): string {
  const project = fs.mkdtempSync(path.join(os.tmpdir(), 'trt-node-pnpm-'));
  fs.writeFileSync(path.join(project, 'package.json'), '{ "name": "consumer", "private": true }\n');
  const args = ['add', tarball, '--ignore-scripts', '--store-dir', path.join(project, '.store')];
  execFileSync(process.execPath, [npmTool('pnpm'), ...args], {
    cwd: project,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return project;
}
