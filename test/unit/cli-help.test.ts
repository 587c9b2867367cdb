import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { environmentVariables } from '../../lib/cli/help-environment';
import { helpTopics } from '../../lib/cli/help-topics';
import { runCommandLine } from '../../lib/cli/program';

describe('trt-node help', () => {
  let stdout = '';
  let exitCodeBefore: typeof process.exitCode;

  beforeEach(() => {
    stdout = '';
    exitCodeBefore = process.exitCode;
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      stdout += String(text);
      return true;
    });
    vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
  });
  afterEach(() => {
    vi.restoreAllMocks();
    process.exitCode = exitCodeBefore;
  });

  async function run(...args: string[]): Promise<typeof process.exitCode> {
    await runCommandLine(['node', 'trt-node', ...args]);
    return process.exitCode;
  }

  it.each([
    ['trtexec', '--saveEngine'],
    ['config', 'defineConfig'],
    ['environment', 'TRT_NODE_HOME'],
    ['exit-codes', '130'],
  ])('%s is a topic', async (topic, part) => {
    expect(await run('help', topic)).toBe(0);
    expect(stdout).toContain(part);
  });

  it('lists its topics', async () => {
    await run('--help');
    for (const { name } of helpTopics) expect(stdout).toContain(`help ${name}`);
  });

  it('is of a command too, and of nothing else', async () => {
    expect(await run('help', 'build')).toBe(0);
    expect(stdout).toContain('--optimization-level');
    expect(await run('help', 'weather')).toBe(2);
  });
});

describe('trt-node help environment', () => {
  it('has the variables of docs/cli.md, and NO_COLOR', () => {
    const page = readFileSync(path.join(__dirname, '..', '..', 'docs', 'cli.md'), 'utf8');
    const [, section = ''] = page.split('## Environment variables');
    const documented = [...section.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name);
    const names = environmentVariables.map(([name]) => name);
    expect(names.filter((name) => name !== 'NO_COLOR')).toEqual(
      documented.filter((name) => name !== 'NO_COLOR'),
    );
  });
});
