/** TEST ONLY. Scripts that run in a process of their own on the stubs: for exits, crashes, signals and threads. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { root, temporaryFolder } from './native-host';
import { runNode, type NodeExit, type NodeOptions } from './native-processes';
import { stubDriver, stubLibraries } from './stub-host';
import { stubPlan, type StubAbi, type StubEngine } from './stub-plans';

export interface StubScript extends NodeOptions {
  readonly engine: StubEngine;
  /** Marks the plan, and is what the stub says of itself. */
  readonly version?: readonly [number, number, number];
}

const folder = await temporaryFolder();
const fixture = path.join(root, 'test', 'fixtures', 'native', 'stubs.cjs');
let scripts = 0;

/**
 * Runs CommonJS source to its end, with `stubs` (test/fixtures/native/stubs.cjs) and `loadEngine` in scope. The driver is
 * found as everywhere, by its name.
 */
export async function runOnStubs(
  abi: StubAbi,
  source: string,
  { engine, version, env, ...options }: StubScript,
): Promise<NodeExit> {
  const file = path.join(folder, `script${(scripts += 1)}.cjs`);
  const prelude =
    `const stubs = require(${JSON.stringify(fixture)});` +
    `const { loadEngine } = require(${JSON.stringify(path.join(root, 'dist', 'index.js'))});`;
  await writeFile(file, `${prelude}\n${source}`);
  return runNode(file, [], {
    ...options,
    env: {
      ...process.env,
      LD_LIBRARY_PATH: stubDriver,
      TRT_NODE_STUB_SCRIPT: fixture,
      TRT_NODE_STUB_LIBRARY: stubLibraries[abi],
      TRT_NODE_STUB_PLAN: Buffer.from(stubPlan(abi, engine, version)).toString('base64'),
      ...(version ? { TRT_NODE_STUB_VERSION: version.join('.') } : {}),
      ...env,
    },
  });
}
