import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { exitCodes } from '../../lib/cli/exit-codes';
import { commands, loadEveryCommand } from '../../lib/cli/commands';
import { userPages } from '../support/docs/pages';

const root = path.join(__dirname, '..', '..');
const docs = readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map(
  (name) => `docs/${name}`,
);
const pages = [...userPages];
const cliPage = read('docs/cli.md');
const errorsPage = read('docs/errors.md');

function read(page: string): string {
  return readFileSync(path.join(root, page), 'utf8');
}

/** The codes of the union `TrtErrorCode`, which exists as a type alone. */
function declaredCodes(): string[] {
  const union = /export type TrtErrorCode =([^;]+);/.exec(read('lib/errors.ts'));
  return [...(union?.[1] ?? '').matchAll(/'(ERR_TRT_[A-Z_]+)'/g)].map(([, code]) => code ?? '');
}

/** The rows of a page's tables whose first cell is `code`. */
function rowsOf(page: string, code: string): string[][] {
  return page
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
    .filter(([first]) => first === code);
}

describe('docs/errors.md', () => {
  const codes = declaredCodes();

  it('reads the codes of lib/errors.ts', () => {
    expect(codes).toContain('ERR_TRT_INVALID_ARG');
    expect(codes).toContain('ERR_TRT_INTERNAL');
  });

  it.each(codes)('has one row for %s, with a cause and a next step', (code) => {
    const rows = rowsOf(errorsPage, `\`${code}\``);
    expect(rows).toHaveLength(1);
    expect(rows[0]).toHaveLength(3);
    expect(rows[0]?.every((cell) => cell !== '')).toBe(true);
  });

  it.each(pages)('%s names no code that is gone', (page) => {
    const named = [...read(page).matchAll(/ERR_TRT_[A-Z_]*[A-Z](?![A-Z_])/g)].map(([code]) => code);
    expect(named.filter((code) => !codes.includes(code))).toEqual([]);
  });
});

describe('docs/cli.md', async () => {
  const programs = await loadEveryCommand();

  it('is about the commands that there are', () => {
    const names = commands.map(({ name }) => name);
    const listed = [...cliPage.matchAll(/^\| \[`(\w+)`\]\(cli\/\1\.md\)/gm)].map(
      ([, name]) => name,
    );
    expect(listed).toEqual(names);
    expect(programs.map((command) => command.name())).toEqual(names);
    const described = docs.flatMap((page) => /^docs\/cli\/(.+)\.md$/.exec(page)?.[1] ?? []);
    expect(described.sort()).toEqual(names.sort());
  });

  for (const command of programs) {
    const section = read(`docs/cli/${command.name()}.md`);
    it(`${command.name()}: has a page about it`, () => {
      expect(section).toMatch(new RegExp(`^# \`trt-node ${command.name()}\\b`));
    });
    const optionTable = section
      .split('\n')
      .filter((line) => /^\| `-/.test(line))
      .map((line) => line.split('|')[1] ?? '');

    const options = [command, ...command.commands].flatMap((each) => each.options);

    // Hidden ones are trtexec's spellings.
    const shown = options.filter(({ hidden }) => !hidden);
    it.each(shown.map(({ long, short }) => [long ?? '', short ?? '']))(
      `${command.name()} %s`,
      (long, short) => {
        const flags = optionTable.map((cell): readonly string[] => cell.match(/--?[\w-]+/g) ?? []);
        const row = flags.find((names) => names.includes(long));
        expect(row, `no row for ${long}`).toBeDefined();
        if (short !== '') expect(row).toContain(short);
      },
    );

    const spellings = options.filter(({ hidden }) => hidden).map(({ long }) => long ?? '');
    it(`${command.name()}: trtexec's spellings are in its page or in docs/trtexec.md`, () => {
      const flags = new Set(`${section}\n${read('docs/trtexec.md')}`.match(/--[A-Za-z][\w-]*/g));
      expect(spellings.filter((flag) => !flags.has(flag))).toEqual([]);
    });

    it(`${command.name()}: no option that is gone`, () => {
      const known = options.flatMap(({ long, short }) => [long, short]);
      const documented = optionTable.flatMap((cell) => cell.match(/--?[A-Za-z][\w-]*/g) ?? []);
      const flags = documented.filter((name) => /^(--\w|-\w$)/.test(name));
      expect(flags.filter((name) => !known.includes(name))).toEqual([]);
    });
  }

  it.each(Object.entries(exitCodes))('the exit code %s, %d, here and in the README', (_, code) => {
    for (const page of ['docs/cli.md', 'README.md']) {
      expect(rowsOf(read(page), String(code)), page).toHaveLength(1);
    }
  });
});

describe('links and scripts', () => {
  it.each(pages)('%s links to files and headings that exist', (page) => {
    const links = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target ?? '');
    const local = links.filter((target) => !/^https?:/.test(target));
    const broken = local.filter((target) => {
      const [file = '', anchor] = target.split('#');
      const full = file === '' ? path.join(root, page) : path.join(root, path.dirname(page), file);
      if (!existsSync(full)) return true;
      return anchor !== undefined && !anchorsOf(readFileSync(full, 'utf8')).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  it.each([...pages, 'SECURITY.md', 'CHANGELOG.md'])(
    '%s is published, and so is what it links to',
    (page) => {
      const { files } = JSON.parse(read('package.json')) as { files: string[] };
      const always = ['README.md', 'LICENSE', 'package.json'];
      const isPublished = (file: string) =>
        [...files, ...always].some((name) => file === name || file.startsWith(`${name}/`));
      const links = [...read(page).matchAll(/\]\(([^)\s#]+)[^)]*\)/g)].map(
        ([, link]) => link ?? '',
      );
      const local = links.filter((link) => !/^https?:/.test(link));
      const linked = local.map((link) => path.posix.join(path.posix.dirname(page), link));
      expect([page, ...linked].filter((file) => !isPublished(file))).toEqual([]);
    },
  );

  it.each(pages)('%s names npm scripts that exist', (page) => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...read(page).matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name ?? '');
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });
});

/** As GitHub makes them of headings. */
function anchorsOf(page: string): string[] {
  return [...page.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    (title ?? '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
