import { packageVersion } from '../package-version';
import type { Highlight, ReportDocument, ReportSection } from '../report/document';

export interface ReportContent {
  readonly title: string;
  readonly highlights?: readonly Highlight[];
  readonly sections: readonly (ReportSection | null)[];
  /** What `--json` prints. */
  readonly data: unknown;
}

/** What is the same in the report of every command; sections that are null are left out. */
export function reportOf(
  { title, highlights, sections, data }: ReportContent,
  argv: readonly string[] = process.argv,
): ReportDocument {
  return {
    schema: 'trt-node/report',
    schemaVersion: 1,
    title,
    command: ['trt-node', ...argv.slice(2)].join(' '),
    createdAt: new Date().toISOString(),
    version: packageVersion(),
    ...(highlights === undefined ? {} : { highlights }),
    sections: sections.filter((section) => section !== null),
    data,
  };
}
