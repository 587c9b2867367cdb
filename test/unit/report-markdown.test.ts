import { describe, expect, it } from 'vitest';
import { markdownCode, markdownText } from '../../lib/report/markdown/markdown-text';
import { renderMarkdown } from '../../lib/report/markdown/render-markdown';
import { sampleReport } from '../support/sample-report';

const report = sampleReport();
const text = renderMarkdown(report);

/** The tables of a section, each a list of lines. */
function tablesOf(title: string): string[][] {
  const section = text.split(/^## /m).find((each) => each.startsWith(`${title}\n`)) ?? '';
  return section
    .split('\n\n')
    .filter((block) => block.startsWith('|'))
    .map((block) => block.trimEnd().split('\n'));
}

describe('text for Markdown', () => {
  it.each([
    ['a|b', 'a\\|b'],
    ['two\r\n  lines', 'two lines'],
    ['<b> & [x](y) `c` *d* _e_', '&lt;b&gt; &amp; \\[x\\](y) \\`c\\` \\*d\\* \\_e\\_'],
    ['https://example.invalid', 'https:\\/\\/example.invalid'],
    ['www.example.invalid', 'www\\.example.invalid'],
    ['# no heading', '\\# no heading'],
    ['0.3741 ms', '0.3741 ms'],
    ['- no item', '\\- no item'],
    ['1. no item', '1\\. no item'],
    ['C:\\models', 'C:\\\\models'],
    ['\u202e', '\\\\u202e'],
    ['layer-1 + layer.2 = 3', 'layer-1 + layer.2 = 3'],
  ])('%j', (given, expected) => {
    expect(markdownText(given)).toBe(expected);
  });

  it('puts code between fences that it cannot end', () => {
    expect(markdownCode('trt-node bench ```` x')).toBe('`````\ntrt-node bench ```` x\n`````');
    expect(markdownCode('plain')).toBe('```\nplain\n```');
  });
});

describe('the Markdown report', () => {
  it('has a heading for each section', () => {
    const headings = [...text.matchAll(/^## (.+)$/gm)].map(([, title]) => title);
    expect(headings).toEqual(report.sections.map(({ title }) => title));
    expect(text.match(/^# /gm)).toHaveLength(1);
  });

  it('has tables whose rows have as many cells as their heading', () => {
    const tables = report.sections.flatMap(({ title }) => tablesOf(title));
    expect(tables.length).toBeGreaterThanOrEqual(report.sections.length - 1);
    for (const lines of tables) {
      const cells = lines.map((line) => line.split(/(?<!\\)\|/).length);
      expect(new Set(cells).size, lines.join('\n')).toBe(1);
      expect(lines[1]).toMatch(/^\|( (---|---:) \|)+$/);
    }
  });

  it('has no markup of a name', () => {
    expect(text.replace('<!-- trt-node report -->', '')).not.toMatch(/<[a-z/!]/i);
    expect(text).toContain('&lt;script&gt;');
    expect(text).toContain('two lines \\| and a cell');
  });

  it('has the percentiles of samples, and of a timeline ten parts', () => {
    const [percentiles = []] = tablesOf('Percentiles');
    expect(percentiles.slice(2).map((line) => line.split(' | ')[0])).toEqual(
      ['min', 'p50', 'p75', 'p90', 'p95', 'p99', 'p99.9', 'max'].map((name) => `| ${name}`),
    );
    const [timeline = []] = tablesOf('Latency over time');
    expect(timeline).toHaveLength(2 + 2 * 10);
  });

  it('has the longest layers, and time by type', () => {
    const [types = [], layers = []] = tablesOf('Time per layer');
    expect(types.length).toBeGreaterThan(5);
    expect(layers).toHaveLength(2 + 30);
    expect(text).toContain('The longest 30 of 250 layers');
  });

  it('is as long for a million samples as for a thousand', () => {
    const large = renderMarkdown(sampleReport({ samples: 100_000 }));
    expect(large.length).toBeLessThan(text.length * 1.2);
  });
});
