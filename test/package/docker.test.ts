/**
 * What docker/Dockerfile.rtx says, done without Docker: each RUN of its build in folders that are empty as a fresh image's are, and
 * its last stage as a root file system of its own, read-only.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import { createServer as createPort, type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BundleRecord } from '../../lib/bundle/record';
import { canChangeRoot, makeEmptyRoot, type EmptyRoot } from '../support/empty-root';
import { cli, digits, root } from '../support/native-host';
import { stubDriver, stubLibraries } from '../support/stub-host';
import { identity } from '../support/stub-models';
import { stubPlan } from '../support/stub-plans';
import { expand, pairsOf, readDockerfile, type Instruction } from './dockerfile';

const docker = path.join(root, 'docker');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'trt-node-docker-'));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** The package that a user would install, with the addon of this checkout; packing it does not compile. */
function packed(): string {
  const staged = path.join(folder, 'package');
  fs.mkdirSync(staged);
  for (const file of ['package.json', 'LICENSE', 'README.md', 'dist']) {
    fs.cpSync(path.join(root, file), path.join(staged, file), { recursive: true });
  }
  const prebuilt = 'prebuilds/linux-x64/trt-node.glibc.node';
  const addon = [prebuilt, 'build/Release/trt_node.node']
    .map((file) => path.join(root, file))
    .find((file) => fs.existsSync(file));
  if (addon === undefined) throw new Error('no addon is built: npm run build');
  fs.mkdirSync(path.dirname(path.join(staged, prebuilt)), { recursive: true });
  fs.copyFileSync(addon, path.join(staged, prebuilt));
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const output = execFileSync('npm', args, { cwd: staged, encoding: 'utf8', stdio: 'pipe' });
  const [first] = Object.values(JSON.parse(output) as Record<string, { filename: string }>);
  return path.join(folder, first?.filename ?? '');
}

/** A registry's part for one package: serves the tarball under a URL that a lock file can hold. */
async function serve(tarball: string): Promise<{ url: string; close: () => void }> {
  const script = `require('node:http').createServer((_, r) => require('node:fs').createReadStream(process.argv[1]).pipe(r))
    .listen(0, '127.0.0.1', function () { console.log(this.address().port); })`;
  // In a process of its own: this one waits for npm.
  const server = spawn(process.execPath, ['-e', script, tarball], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [port] = (await once(server.stdout, 'data')) as [Buffer];
  return {
    url: `http://127.0.0.1:${port.toString().trim()}/trt-node.tgz`,
    close: () => server.kill(),
  };
}

/** What the image's tools are: nothing else of this machine is on PATH, Python above all. */
const tools = ['node', 'npm', 'npx', 'sh', 'env', 'mkdir', 'ln', 'uname', 'dirname', 'sed'];

/** A user's project, as the guide tells to make it. */
function makeContext(url: string): string {
  const context = path.join(folder, 'context');
  fs.mkdirSync(path.join(context, 'models'), { recursive: true });
  fs.copyFileSync(digits, path.join(context, 'models', 'model.onnx'));
  fs.cpSync(path.join(docker, 'app'), path.join(context, 'app'), { recursive: true });
  const project = { name: 'service', private: true, dependencies: { 'trt-node': url } };
  fs.writeFileSync(path.join(context, 'package.json'), JSON.stringify(project));
  execFileSync('npm', ['install', '--package-lock-only', '--ignore-scripts', '--no-audit'], {
    cwd: context,
    stdio: 'pipe',
  });
  return context;
}

/** The folders that are empty in a fresh image, in which its RUN lines write. */
class Image {
  // /tmp is the last to be mounted: what the others are made of lies in there.
  readonly folders: readonly string[] = ['/opt', '/root', '/tmp'];
  workdir = '/';
  readonly env: Record<string, string> = {
    PATH: '/root/bin',
    HOME: '/root',
  };

  constructor(
    readonly place: string,
    readonly context: string,
  ) {
    for (const each of this.folders) fs.mkdirSync(path.join(place, each), { recursive: true });
    // The registry and certificates of this machine; nothing else is in an image.
    const npmrc = path.join(os.homedir(), '.npmrc');
    if (fs.existsSync(npmrc)) fs.copyFileSync(npmrc, path.join(place, 'root', '.npmrc'));
    for (const [name, value] of Object.entries(process.env)) {
      if (
        /^(npm_config_registry|https?_proxy|no_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE)$/i.test(
          name,
        )
      ) {
        this.env[name] = value ?? '';
      }
    }
    const bin = path.join(place, 'root/bin');
    fs.mkdirSync(bin);
    for (const tool of tools) {
      const found = execFileSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).trim();
      fs.symlinkSync(fs.realpathSync(found), path.join(bin, tool));
    }
  }

  /** Does one instruction; returns what RUN printed. */
  do({ name, flags, text }: Instruction, args: Readonly<Record<string, string>>): string {
    const values = { ...args, ...this.env };
    switch (name) {
      case 'ARG': {
        const [[key, value] = ['', '']] = pairsOf(text);
        this.env[key] = args[key] ?? value;
        return '';
      }
      case 'ENV':
        for (const [key, value] of pairsOf(text)) this.env[key] = expand(value, values);
        return '';
      case 'WORKDIR':
        this.workdir = text;
        fs.mkdirSync(path.join(this.place, text), { recursive: true });
        return '';
      case 'COPY':
        this.copy(flags, text);
        return '';
      case 'RUN':
        return this.run(text);
      default:
        throw new Error(`${name} is not expected in this stage`);
    }
  }

  private copy(flags: Readonly<Record<string, string>>, text: string): void {
    expect(flags).toEqual({});
    const paths = text.split(/\s+/);
    const target = path.join(this.place, this.workdir, paths.at(-1) ?? '');
    for (const each of paths.slice(0, -1)) {
      const source = path.join(this.context, each);
      const isFolder = fs.statSync(source).isDirectory();
      fs.cpSync(source, isFolder ? target : path.join(target, each), { recursive: true });
    }
  }

  private run(text: string): string {
    const mounts = this.folders.map(
      (each) => `mount --bind '${path.join(this.place, each)}' ${each}`,
    );
    const script = [...mounts, `cd ${this.workdir}`, 'exec env -i "$@"'].join('\n');
    const env = Object.entries(this.env).map(([key, value]) => `${key}=${value}`);
    const outcome = spawnSync(
      'unshare',
      ['-rm', '--propagation', 'private', 'sh', '-ec', script, 'sh', ...env, '/bin/sh', '-c', text],
      { encoding: 'utf8', timeout: 170_000 },
    );
    if (outcome.status !== 0)
      throw new Error(`RUN ${text}
ended with ${outcome.status}: ${outcome.stderr}`);
    return outcome.stdout;
  }
}

const rtx = readDockerfile(path.join(docker, 'Dockerfile.rtx'));
const [build, service] = rtx.stages;

describe('Dockerfile.rtx', () => {
  let image: Image;
  let closeServer: () => void;
  const printed: { text: string; output: string }[] = [];

  beforeAll(async () => {
    expect(canChangeRoot(), 'user namespaces are needed (unshare -rm)').toBe(true);
    const { url, close } = await serve(packed());
    closeServer = close;
    image = new Image(path.join(folder, 'image'), makeContext(url));
    for (const instruction of build?.instructions ?? []) {
      const output = image.do(instruction, {});
      if (instruction.name === 'RUN') printed.push({ text: instruction.text, output });
    }
  });
  afterAll(() => closeServer?.());

  it('builds and bundles an engine on a machine with nothing but Node.js', () => {
    expect(printed.length).toBeGreaterThan(4);
    const plan = path.join(image.place, 'opt/trt/plans/model.engine');
    const manifest = JSON.parse(fs.readFileSync(`${plan}.json`, 'utf8')) as Record<string, unknown>;
    expect(manifest).toMatchObject({
      flavour: 'tensorrt-rtx',
      gpu: null,
      computeCapabilities: ['8.6', '8.9'],
    });
    expect(printed.at(-1)?.output).toContain('lib/libtensorrt_rtx.so.1');
    // setup fetched it into TRT_NODE_HOME, not into a cache below HOME.
    expect(fs.existsSync(path.join(image.place, 'root/.cache/trt-node'))).toBe(false);
  });

  it('runs as the last stage has it: doctor, health check and service say what is missing', () => {
    const stage = path.join(folder, 'service');
    const commands: string[][] = [];
    const env: Record<string, string> = {};
    for (const { name, flags, text } of service?.instructions ?? []) {
      const [from = '', to = ''] = text.split(/\s+/);
      const at = path.join(stage, to);
      if (name === 'COPY' && flags['from'] !== undefined) {
        fs.cpSync(path.join(image.place, from), at, { recursive: true, verbatimSymlinks: true });
      } else if (name === 'COPY') {
        fs.cpSync(path.join(image.context, from), at, { recursive: true });
      } else if (name === 'ENV') {
        for (const [key, value] of pairsOf(text)) env[key] = value;
      } else if (name === 'CMD' || name === 'HEALTHCHECK') {
        commands.push(JSON.parse(text.replace(/^CMD /, '')) as string[]);
      }
    }
    const record = JSON.parse(
      fs.readFileSync(path.join(stage, 'opt/trt/bundle.json'), 'utf8'),
    ) as BundleRecord;
    const emptyRoot: EmptyRoot = makeEmptyRoot(path.join(folder, 'service-root'));
    for (const name of record.requires.libraries) emptyRoot.addLibrary(name);
    const mounts = [{ from: path.join(stage, 'opt/trt'), at: '/opt/trt' }];
    const inService = (args: readonly string[]): ReturnType<EmptyRoot['node']> =>
      emptyRoot.node(args, { mounts, env });

    const [health = [], serve = []] = commands;
    expect([health[0], serve[0]]).toEqual(['node', 'node']);
    expect(inService(health.slice(1))).toMatchObject({ code: 1, stderr: '' });
    const started = inService(serve.slice(1));
    expect(started).toMatchObject({ code: 1 });
    expect(started.stderr).toMatch(/^ERR_TRT_NO_DRIVER: /);
    const doctor = inService(['/opt/trt/bin/trt-node', 'doctor', '--for', 'infer', '--json']);
    expect(JSON.parse(doctor.stdout)).toMatchObject({
      libraries: [{ source: 'trt-node bundle', canLoad: true }],
      missing: { infer: [{ code: 'ERR_TRT_NO_DRIVER' }] },
    });
  });
});

describe('the service of docker/app', () => {
  it('is ready once its engine is, answers, is healthy, and ends on SIGTERM', async () => {
    const plan = path.join(folder, 'stub.engine');
    fs.writeFileSync(plan, stubPlan('v10', identity));
    const bundle = path.join(folder, 'stub-bundle');
    execFileSync(process.execPath, [
      ...[cli, 'bundle', '--out', bundle, '--plan', plan, '--no-builder', '--quiet'],
      ...['--library', stubLibraries.v10],
    ]);
    fs.cpSync(path.join(docker, 'app'), path.join(bundle, 'app'), { recursive: true });
    const port = String(await freePort());
    const env = {
      ...{ PORT: port, READY_GRACE_MS: '0', LD_LIBRARY_PATH: stubDriver },
      PLAN: path.join(bundle, 'plans', 'stub.engine'),
    };
    const server = spawn(process.execPath, [path.join(bundle, 'app', 'server.mjs')], {
      env,
      stdio: 'inherit',
    });
    const ended = once(server, 'exit');
    try {
      await until(async () => (await statusOf(`http://127.0.0.1:${port}/readyz`)) === 200);
      const health = spawnSync(process.execPath, [path.join(bundle, 'app', 'health.mjs')], { env });
      expect(health.status).toBe(0);
      const answer = await fetch(`http://127.0.0.1:${port}/`, {
        method: 'POST',
        body: '[0.5, 1.5, 2.5]',
      });
      expect(await answer.json()).toEqual([0.5, 1.5, 2.5]);
    } finally {
      server.kill('SIGTERM');
    }
    expect(await ended).toEqual([0, null]);
  });
});

async function freePort(): Promise<number> {
  const server = createPort().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** null: nobody answers. */
function statusOf(url: string): Promise<number | null> {
  return new Promise((resolve) => {
    http
      .get(url, (response) => {
        response.resume();
        resolve(response.statusCode ?? null);
      })
      .once('error', () => resolve(null));
  });
}

/** Asks again and again: readiness is made to be polled. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error('it did not become so within a minute');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
