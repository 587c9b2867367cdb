export interface CompileEntry {
  readonly directory: string;
  readonly file: string;
  readonly command: string;
}
export function entriesToCheck(entries: readonly CompileEntry[]): CompileEntry[];
