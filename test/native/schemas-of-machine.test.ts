import { Ajv2020, type AnySchema } from 'ajv/dist/2020';
import fs from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { cli, digits, requireRtx, root, temporaryFolder, trtNode } from '../support/native-host';
import { runNode } from '../support/native-processes';

const rtx = await requireRtx();
const folder = await temporaryFolder();

async function problemsOf(name: string, value: unknown): Promise<unknown> {
  const file = path.join(root, 'schemas', `${name}.schema.json`);
  const schema = JSON.parse(await fs.readFile(file, 'utf8')) as AnySchema;
  const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema);
  void validate(value);
  return validate.errors;
}

async function json(...args: string[]): Promise<unknown> {
  const { stdout, stderr } = await runNode(cli, args);
  expect(stderr).toBe('');
  return JSON.parse(stdout) as unknown;
}

describe('what --json prints agrees with its schema', () => {
  it('doctor, with requirements and without', async () => {
    expect(await problemsOf('doctor', await json('doctor', '--json'))).toBeNull();
    const asked = await json(
      'doctor',
      '--json',
      '--require',
      'tensorrt-rtx>=1.5,driver>=1,memory>=1GiB',
    );
    expect(asked).toMatchObject({ schema: 'trt-node/doctor', requirements: [{}, {}, {}] });
    expect(await problemsOf('doctor', asked)).toBeNull();
    // A schema that takes anything would prove nothing.
    expect(await problemsOf('doctor', { ...(asked as object), extra: 1 })).not.toBeNull();
  });

  it('doctor --lock and --diff', async () => {
    const lock = path.join(folder, 'env.lock');
    await runNode(cli, ['doctor', '--lock', lock]);
    expect(await problemsOf('doctor', JSON.parse(await fs.readFile(lock, 'utf8')))).toBeNull();
    const other = path.join(folder, 'other.json');
    const changed = { ...((await json('doctor', '--json')) as object), node: 'v1.0.0' };
    await fs.writeFile(other, JSON.stringify(changed));
    const comparison = await json('doctor', '--diff', lock, other, '--json');
    expect(comparison).toMatchObject({ schema: 'trt-node/doctor-comparison' });
    expect(await problemsOf('doctor', comparison)).toBeNull();
  });

  it('setup', async () => {
    const args = ['--dry-run', '--dir', path.join(folder, 'runtimes'), '--quiet', '--json'];
    const asked = await json('setup', ...args, '--index-url', 'https://example.org/simple');
    expect(asked).toMatchObject({ schema: 'trt-node/setup', status: 'dry-run' });
    expect(await problemsOf('setup', asked)).toBeNull();
  });

  it('cache ls and cache prune', async () => {
    const cache = path.join(folder, 'cache');
    await trtNode.buildEngine(digits, {
      ...{ cache, library: rtx.core, computeCapabilities: ['8.6'] },
      profiles: [{ batch: [1, 2, 4] }],
    });
    const list = await json('cache', 'ls', '--json', '--dir', cache);
    expect(list).toMatchObject({ schema: 'trt-node/cache', engines: [{ state: 'whole' }] });
    expect(await problemsOf('cache', list)).toBeNull();
    const pruned = await json('cache', 'prune', '--all', '--json', '--dir', cache);
    expect(pruned).toMatchObject({ schema: 'trt-node/cache-prune', removed: [{ reason: 'all' }] });
    expect(await problemsOf('cache', pruned)).toBeNull();
  });
});
