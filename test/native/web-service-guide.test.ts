// The server of docs/guides/web-service.md, as it stands there, on an engine of the stub TensorRT.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import ts from 'typescript';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { blocksOf } from '../support/docs/pages';
import { identity } from '../support/stub-models';
import { stubPlan } from '../support/stub-plans';

const root = path.resolve(__dirname, '..', '..');
const millisecond = 1000; // of StubEngine.delay

let stubs: string;
let source: string;
beforeAll(() => {
  const build = path.join(root, 'scripts', 'build-stubs.mjs');
  stubs = execFileSync(process.execPath, [build], { encoding: 'utf8' }).trim();
  const [server] = blocksOf('docs/guides/web-service.md');
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  source = ts.transpileModule(server?.code ?? '', { compilerOptions }).outputText;
  // Says when it listens: a test must not guess.
  source += `\nserver.once('listening', () => console.log('listening'));\n`;
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

describe('the server of the web service guide', () => {
  let project: string;
  let child: ChildProcess;
  let url: string;
  let said: string;

  async function start(delay: number): Promise<void> {
    fs.writeFileSync(path.join(project, 'model.engine'), stubPlan('v10', { ...identity, delay }));
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const env = {
      ...process.env,
      ...{ PORT: String(port), READY_GRACE_MS: '300' },
      LD_LIBRARY_PATH: path.join(stubs, 'driver'),
      TRT_NODE_LIBRARY_PATH: path.join(stubs, 'v10'),
    };
    child = spawn(process.execPath, ['server.mjs'], { cwd: project, env });
    said = '';
    child.stderr?.on('data', (chunk) => (said += String(chunk)));
    const listening = once(child.stdout!, 'data');
    const ended = once(child, 'exit').then(() => Promise.reject(new Error(said)));
    await Promise.race([listening, ended]);
  }
  const ask = async (body: string) => {
    const response = await fetch(url, { method: 'POST', body });
    return { status: response.status, body: await response.json() };
  };
  const statusOf = async (page: string) => (await fetch(`${url}${page}`)).status;

  beforeEach(() => {
    project = fs.mkdtempSync(path.join(os.tmpdir(), 'trt-node-service-'));
    fs.mkdirSync(path.join(project, 'node_modules'));
    fs.symlinkSync(root, path.join(project, 'node_modules', 'trt-node'));
    fs.writeFileSync(path.join(project, 'server.mjs'), source);
  });
  afterEach(() => {
    child.kill('SIGKILL');
    fs.rmSync(project, { recursive: true, force: true });
  });

  it('answers, and tells a wrong request from a right one', async () => {
    await start(0);
    expect(await statusOf('/healthz')).toBe(200);
    expect(await statusOf('/readyz')).toBe(200);
    expect(await ask('[1.5, 2, 3]')).toEqual({ status: 200, body: [1.5, 2, 3] });
    expect(await ask('no JSON')).toMatchObject({ status: 400 });
    expect(await ask('["a"]')).toMatchObject({
      ...{ status: 400, body: { code: 'ERR_TRT_INVALID_ARG' } },
    });
    expect(await ask('[[1]]')).toMatchObject({
      ...{ status: 400, body: { code: 'ERR_TRT_INPUT_DIMS' } },
    });
    expect(said).toBe('');
  });

  it('says 503 when more come than it can do', async () => {
    await start(100 * millisecond);
    const answers = await Promise.all(Array.from({ length: 90 }, () => ask('[1]')));
    const statuses = new Set(answers.map(({ status }) => status));
    expect(statuses).toEqual(new Set([200, 503]));
    const codes = answers.filter(({ status }) => status === 503).map(({ body }) => body);
    expect(codes).toContainEqual(expect.objectContaining({ code: 'ERR_TRT_QUEUE_FULL' }));
    expect(codes).toContainEqual(expect.objectContaining({ code: 'ERR_TRT_DEADLINE' }));
  });

  it('is not ready after SIGTERM, answers what is under way, and ends', async () => {
    await start(100 * millisecond);
    const pending = ask('[7]');
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    let ready = await statusOf('/readyz');
    while (ready === 200) ready = await statusOf('/readyz');
    expect(ready).toBe(503);
    expect(await pending).toEqual({ status: 200, body: [7] });
    expect(await exit).toEqual([0, null]);
    expect(said).toBe('');
  });
});
