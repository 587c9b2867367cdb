import { constants } from 'node:fs';
import { access, open } from 'node:fs/promises';
import path from 'node:path';
import { invalidArgument, TrtError } from '../errors';
import { realFiles } from '../publish-files';
import { tempPathFor } from '../temp-files';
import { writeError } from '../write-error';
import type { ReportDocument } from './document';
import { readPageAssets } from './html/page-assets';
import { pageMark, renderHtml } from './html/render-html';
import { markdownMark, renderMarkdown } from './markdown/render-markdown';

interface Format {
  /** What one of our files has near its beginning. */
  readonly mark: string;
  /** What else is needed, looked at before the work. */
  readonly check?: () => Promise<unknown>;
  readonly render: (report: ReportDocument) => string | Promise<string>;
}

const jsonMark = '{"schema":"trt-node/report"';

const formats: Readonly<Record<string, Format>> = {
  '.html': {
    mark: pageMark,
    check: () => readPageAssets(),
    render: async (report) => renderHtml(report, await readPageAssets()),
  },
  '.md': { mark: markdownMark, render: renderMarkdown },
  '.json': { mark: jsonMark, render: renderJson },
};

/** Its first member says what it is; `mark` above counts on that. */
function renderJson({ schema, ...rest }: ReportDocument): string {
  return `${JSON.stringify({ schema, ...rest })}\n`;
}

/**
 * Writes `report` as the ending of `file` says: `.html`, `.md` or `.json`. A kill leaves the old file or the new one. Only a report, or an
 * empty file, is replaced.
 *
 * Rejects with `ERR_TRT_INVALID_ARG` for another ending and `ERR_TRT_WRITE` for what cannot be written.
 */
export async function writeReport(file: string, report: ReportDocument): Promise<void> {
  const format = formatOf(file);
  await refuseForeign(file, format);
  await writeWhole(file, await format.render(report));
}

/** What `writeReport` would refuse, before the work that a report is about. */
export async function checkReportPath(report: string): Promise<void> {
  const format = formatOf(report);
  await format.check?.();
  try {
    await access(path.dirname(path.resolve(report)), constants.W_OK);
  } catch (error) {
    throw writeError(report, 'create a file', error);
  }
  await refuseForeign(report, format);
}

function formatOf(file: string): Format {
  const ending = path.extname(file).toLowerCase();
  const format = Object.hasOwn(formats, ending) ? formats[ending] : undefined;
  if (format !== undefined) return format;
  throw invalidArgument('report', 'a file name that ends in .html, .md or .json', file);
}

/** `--report package.json` is a slip of the hand. */
async function refuseForeign(file: string, { mark }: Format): Promise<void> {
  let start: string;
  try {
    // Without O_NONBLOCK, opening a FIFO would wait for its writer.
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(1024), 0, 1024, 0);
      start = buffer.toString('utf8', 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw writeError(file, 'look at what stands there', error);
  }
  if (start === '' || start.includes(mark)) return;
  throw new TrtError(
    'ERR_TRT_WRITE',
    `expected to write a report to ${file}, but what stands there is no report of trt-node and would be lost. ` +
      'Name another file, or move that away.',
    { details: { path: file, step: 'look at what stands there', errno: null } },
  );
}

async function writeWhole(file: string, text: string): Promise<void> {
  const target = path.resolve(file);
  const temp = tempPathFor(target);
  let step = 'create a file';
  try {
    const handle = await realFiles.open(temp, 'wx');
    try {
      step = 'write the report';
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    step = 'put the report in place';
    await realFiles.rename(temp, target);
  } catch (error) {
    await realFiles.unlink(temp).catch(() => undefined);
    throw writeError(target, step, error);
  }
}
