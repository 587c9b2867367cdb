import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const root = path.join(__dirname, '..', '..', '..');

/** A fenced block of a page, with where it stands. */
export interface DocBlock {
  readonly page: string;
  readonly line: number;
  readonly language: string;
  readonly code: string;
}

export function readPage(page: string): string {
  return readFileSync(path.join(root, page), 'utf8');
}

function pagesUnder(folder: string): string[] {
  if (!existsSync(path.join(root, folder))) return [];
  const files = readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' });
  return files
    .filter((name) => name.endsWith('.md') && !name.includes('node_modules'))
    .map((name) => `${folder}/${name.replaceAll(path.sep, '/')}`)
    .sort();
}

/** README, docs and examples: what a user reads. */
export const userPages = [
  'README.md',
  ...pagesUnder('docs'),
  ...pagesUnder('examples'),
] as const satisfies readonly string[];

/** The fenced blocks of a page, in order; indented ones (in lists) without their indentation. */
export function blocksOf(page: string): DocBlock[] {
  const blocks: DocBlock[] = [];
  let open: { indent: string; language: string; line: number; code: string[] } | null = null;
  for (const [index, text] of readPage(page).split('\n').entries()) {
    const fence = /^(\s*)```(\S*)/.exec(text);
    if (open === null) {
      if (fence === null) continue;
      const [, indent = '', language = ''] = fence;
      open = { indent, language, line: index + 1, code: [] };
    } else if (fence === null) {
      open.code.push(text.startsWith(open.indent) ? text.slice(open.indent.length) : text);
    } else {
      const { language, line, code } = open;
      blocks.push({ page, line, language, code: code.map((each) => `${each}\n`).join('') });
      open = null;
    }
  }
  if (open !== null) throw new Error(`${page}:${open.line}: the block is not closed`);
  return blocks;
}

export const userBlocks: readonly DocBlock[] = userPages.flatMap(blocksOf);

export function blocksIn(...languages: readonly string[]): DocBlock[] {
  return userBlocks.filter(({ language }) => languages.includes(language));
}

/** For `it.each`: what is checked, and where it stands. */
export function placed(blocks: readonly DocBlock[]): [string, DocBlock][] {
  return blocks.map((block) => [`${block.page}:${block.line}`, block]);
}
