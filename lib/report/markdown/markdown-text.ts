import { printable } from '../../cli/printable';

/**
 * Text for one line of Markdown that a reader sees as it is: nothing of it becomes markup, HTML, a link or the end of a table cell.
 * Line breaks become spaces.
 */
export function markdownText(text: string): string {
  return (
    printable(text.replace(/\s*[\r\n]+\s*/g, ' ').trim())
      .replace(/[\\`*_[\]|~$]/g, '\\$&')
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      // GitHub makes links of addresses that nobody marked.
      .replaceAll('://', ':\\/\\/')
      .replace(/\bwww\./gi, (each) => each.replace('.', '\\.'))
      // What begins a heading, a list or a line across, at the start of a line alone.
      .replace(/^(?:[#+=-]|\d+(?=[.)](?:\s|$)))/, (start) => escapeStart(start))
  );
}

function escapeStart(start: string): string {
  return /^\d/.test(start) ? `${start}\\` : `\\${start}`;
}

/** A code block that its own content cannot end. */
export function markdownCode(text: string): string {
  const clean = printable(text);
  const runs = clean.match(/`+/g) ?? [];
  const fence = '`'.repeat(Math.max(3, ...runs.map((run) => run.length + 1)));
  return `${fence}\n${clean}\n${fence}`;
}
