import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { dockerfileProblems } from '../support/docs/dockerfile';
import { blocksIn, placed, root, userBlocks } from '../support/docs/pages';
import { typeProblems } from '../support/docs/type-check';

/** Each is checked below; `console` and `text` are what a program printed, and its command lines are parsed by another test. */
const checked = ['ts', 'sh', 'python', 'json', 'yaml', 'dockerfile', 'console', 'text'];

describe('the code in README, docs and examples', () => {
  it('is in languages that are checked', () => {
    const others = userBlocks.filter(({ language }) => !checked.includes(language));
    expect(others.map(({ page, line, language }) => `${page}:${line} ${language}`)).toEqual([]);
  });

  it('begins in the README with fifteen lines at most', () => {
    const [first] = blocksIn('ts');
    expect(first?.page).toBe('README.md');
    // And the comment that says what the model takes.
    const lines = (first?.code ?? '').split('\n').filter((line) => !/^(\/\/.*|\s*)$/.test(line));
    expect(lines.length).toBeGreaterThan(5);
    expect(lines.length).toBeLessThanOrEqual(15);
  });

  it('compiles against the public API, which something else would not', () => {
    const modules = blocksIn('ts').map(({ page, line, code }) => ({
      file: path.join(root, `${page.replace(/\.md$/, '')}-${line}.mts`),
      code: `${'\n'.repeat(line)}${code}\nexport {};\n`,
    }));
    const wrong = `import { loadEngine } from 'trt-node';\nawait loadEngine('a', { lane: 2 });\n`;
    const problems = typeProblems([
      ...modules,
      { file: path.join(root, 'wrong.mts'), code: wrong },
    ]);
    expect(problems.filter((problem) => !problem.startsWith('wrong.mts:2:'))).toEqual([]);
    expect(problems).toHaveLength(1);
  }, 60_000);

  it.each(placed(blocksIn('sh')))('%s: bash can read it', (_, { code }) => {
    const { status, stderr } = spawnSync('bash', ['-n'], { input: code, encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });

  it('in Python compiles', () => {
    const blocks = blocksIn('python');
    const source =
      'import json, sys\nfor name, code in json.load(sys.stdin): compile(code, name, "exec")\n';
    const input = JSON.stringify(blocks.map(({ page, line, code }) => [`${page}:${line}`, code]));
    const { status, stderr } = spawnSync('python3', ['-c', source], { input, encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(blocks.length).toBeGreaterThan(0);
  });

  it.each(placed(blocksIn('json')))('%s: is JSON', (_, { code }) => {
    expect(() => JSON.parse(code) as unknown).not.toThrow();
  });

  it.each(placed(blocksIn('yaml')))('%s: is YAML', (_, { code }) => {
    const documents = parseAllDocuments(code);
    const problems = [...documents].flatMap(({ errors, warnings }) => [...errors, ...warnings]);
    expect(problems.map(({ message }) => message)).toEqual([]);
  });

  it.each(placed(blocksIn('dockerfile')))('%s: is a Dockerfile', (_, { code }) => {
    expect(dockerfileProblems(code)).toEqual([]);
  });
});
