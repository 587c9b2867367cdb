import type { ReportDocument } from './document';

/** Writes `report` as the ending of `path` says: `.html`, `.md` or `.json`. */
export async function writeReport(path: string, report: ReportDocument): Promise<void> {
  await Promise.reject(new Error(`not written yet: ${path} of ${report.title}`));
}
