import { readFile } from 'node:fs/promises';
import { configError } from './config-error';

/** What a config file exports or, in JSON, says: nothing of it is checked. @throws TrtError `ERR_TRT_INVALID_ARG` */
export async function readConfig(file: string): Promise<unknown> {
  return file.endsWith('.json') ? await readJson(file) : await runModule(file);
}

async function readJson(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw configError(file, `the config file cannot be read: ${firstLine(cause)}`, { cause });
  }
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (cause) {
    const message = firstLine(cause);
    const offset = /at position (\d+)/.exec(message)?.[1];
    const what = message.replace(/ in JSON at position \d+.*$/, '');
    const position = offset === undefined ? undefined : positionAt(text, Number(offset));
    throw configError(file, `no JSON: ${what}`, { cause, position });
  }
}

/** `line:column`, from 1 on. */
function positionAt(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  return `${before.length}:${(before.at(-1)?.length ?? 0) + 1}`;
}

/** TypeScript and both kinds of JavaScript modules. `trt-node` in it is this package, wherever the file lies. */
async function runModule(file: string): Promise<unknown> {
  const { createJiti } = await import('jiti');
  const jiti = createJiti(__filename, {
    // The folder may be read-only, and a config file is small.
    fsCache: false,
    moduleCache: false,
    virtualModules: { 'trt-node': await import('../index.js') },
  });
  try {
    return await jiti.import(file, { default: true });
  } catch (cause) {
    throw configError(file, whatFailed(file, cause), { cause, position: positionIn(file, cause) });
  }
}

function whatFailed(file: string, cause: unknown): string {
  const message = firstLine(cause)
    .replace(/^\w*Error: /, '')
    .trim();
  const missing = (cause as NodeJS.ErrnoException | null)?.code === 'MODULE_NOT_FOUND';
  if (missing && message.includes(file)) return 'there is no such config file';
  return message === '' ? 'the config file fails when it is run' : message;
}

/** Where in the file a stack or a parser's message points to. */
function positionIn(file: string, cause: unknown): string | undefined {
  const isParseError = cause instanceof Error && cause.message.startsWith('ParseError');
  const text = cause instanceof Error ? `${cause.message}\n${cause.stack ?? ''}` : '';
  for (const line of text.split('\n')) {
    const at = line.indexOf(`${file}:`);
    const [, row, column] = /^(\d+):(\d+)/.exec(line.slice(at + file.length + 1)) ?? [];
    // Columns of the parser count from 0, those of a stack from 1.
    if (at >= 0 && row !== undefined) return `${row}:${Number(column) + (isParseError ? 1 : 0)}`;
  }
  return undefined;
}

function firstLine(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  return message.split('\n')[0] ?? '';
}
