import type { Cell, Highlight, ReportDocument, ReportSection } from '../document';
import {
  formatCell,
  formatColumn,
  formatNumber,
  unknownCell,
  withUnit,
  titleWithUnit,
} from '../format-value';
import { reductionsOf } from '../reductions';
import {
  isChartSection,
  layerTypes,
  tableOf,
  type ChartSection,
  type ReportTable,
} from '../section-table';
import { timelineSlices } from '../timeline-slices';
import { markdownCode, markdownText } from './markdown-text';

/** By this a file is known for one of ours. */
export const markdownMark = '<!-- trt-node report -->';

/** What a page of text can hold of the layers. */
const mostLayers = 30;

/** GitHub's Markdown: tables stand for the charts. */
export function renderMarkdown(report: ReportDocument): string {
  const blocks = [
    markdownMark,
    `# ${markdownText(report.title)}`,
    `trt-node ${markdownText(report.version)}, ${markdownText(report.createdAt)}`,
    markdownCode(report.command),
    ...renderHighlights(report.highlights ?? []),
    ...report.sections.flatMap(renderSection),
  ];
  return `${blocks.join('\n\n')}\n`;
}

function renderHighlights(highlights: readonly Highlight[]): string[] {
  if (highlights.length === 0) return [];
  const lines = highlights.map(({ name, value, unit, text }) => {
    const rest = text === undefined ? '' : ` (${markdownText(text)})`;
    return `- ${markdownText(name)}: **${markdownText(withUnit(formatCell(value), unit))}**${rest}`;
  });
  return [lines.join('\n')];
}

function renderSection(section: ReportSection): string[] {
  return [
    `## ${markdownText(section.title)}`,
    ...(section.text === undefined ? [] : [markdownText(section.text)]),
    ...bodyOf(section),
  ];
}

function bodyOf(section: ReportSection): string[] {
  if (isChartSection(section)) return chartBody(section);
  switch (section.kind) {
    case 'facts':
      return table({
        title: section.title,
        columns: [{ title: 'name' }, { title: 'value' }],
        rows: section.facts.map(({ name, value, unit }) => [
          name,
          value === null ? null : withUnit(formatCell(value), unit),
        ]),
      });
    case 'table':
      return table(section);
    case 'notes':
      if (section.notes.length === 0) return ['Nothing to say.'];
      return [
        section.notes
          .map(({ level, text }) => {
            const mark = level === 'warning' ? '**Warning**: ' : '';
            return `- ${mark}${markdownText(text)}`;
          })
          .join('\n'),
      ];
  }
}

function chartBody(section: ChartSection): string[] {
  switch (section.kind) {
    case 'layers':
      return layersBody(section);
    case 'timeline':
      return [...notMeasured(timelineSlices(section)), ...leftOut(section)];
    default:
      return [...notMeasured(tableOf(section)), ...leftOut(section)];
  }
}

function layersBody(section: Extract<ChartSection, { kind: 'layers' }>): string[] {
  const all = tableOf(section);
  const rows = all.rows.slice(0, mostLayers);
  const rest =
    all.rows.length > rows.length
      ? [
          `The longest ${formatNumber(rows.length)} of ${formatNumber(all.rows.length)} layers: the HTML and the JSON report have them all.`,
        ]
      : [];
  return [...notMeasured(layerTypes(section)), ...table({ ...all, rows }), ...rest];
}

/** The lines that are about values left out; what is put together for a chart is not here. */
function leftOut(section: ChartSection): string[] {
  if (section.kind === 'timeline' || section.kind === 'histogram') return [];
  return reductionsOf(section).map(markdownText);
}

function notMeasured(found: ReportTable): string[] {
  return found.rows.length === 0 ? ['Nothing was measured here.'] : table(found);
}

type Rows = Pick<ReportTable, 'columns' | 'rows'> & { readonly title: string };

function table({ columns, rows }: Rows): string[] {
  if (rows.length === 0 || columns.length === 0) return ['Nothing was measured here.'];
  const numeric = columns.map((_, column) =>
    rows.every((row) => typeof (row[column] ?? 0) === 'number'),
  );
  const formats = columns.map((_, column) =>
    formatColumn(rows.map((row) => row[column]).filter((cell) => typeof cell === 'number')),
  );
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    [
      line(columns.map((column) => markdownText(titleWithUnit(column)))),
      line(numeric.map((isNumber) => (isNumber ? '---:' : '---'))),
      ...rows.map((row) =>
        line(columns.map((_, column) => cellText(row[column] ?? null, formats[column]))),
      ),
    ].join('\n'),
  ];
}

function cellText(cell: Cell, format = formatNumber): string {
  if (cell === null) return unknownCell;
  return typeof cell === 'number' ? format(cell) : markdownText(cell);
}
