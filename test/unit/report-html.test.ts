import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ReportDocument, ReportSection } from '../../lib/report/document';
import { renderHtml } from '../../lib/report/html/render-html';
import { anchorsOf } from '../../lib/report/html/section-anchors';
import type { ChartSpec } from '../../lib/report/chart-spec';
import { oddNames, sampleReport } from '../support/sample-report';

const assets = { script: 'globalThis.drawn = true;', style: 'body { color: red }' };

function documentOf(...sections: ReportSection[]): ReportDocument {
  return { ...sampleReport({ samples: 10, layers: 10 }), sections };
}

/** The figures that the page's script is given. */
function chartsIn(page: string): Record<string, ChartSpec> {
  const [, text = ''] = /<script type="application\/json" id="page-charts">(.*?)<\/script>/s.exec(
    page,
  ) ?? ['', '{}'];
  return JSON.parse(text) as Record<string, ChartSpec>;
}

describe('the page', () => {
  const page = renderHtml(sampleReport(), assets);

  it('lets nothing run or load but its own script and style', () => {
    const [, policy = ''] = /Content-Security-Policy" content="([^"]+)"/.exec(page) ?? [];
    const digest = (text: string) => createHash('sha256').update(text).digest('base64');
    expect(policy.split('; ').sort()).toEqual(
      [
        "default-src 'none'",
        `script-src 'sha256-${digest(assets.script)}'`,
        `style-src 'sha256-${digest(assets.style)}'`,
        "base-uri 'none'",
        "form-action 'none'",
      ].sort(),
    );
    // What a browser takes the digest of: everything between the tags.
    expect(page).toContain(`<script>${assets.script}</script>`);
    expect(page).toContain(`<style>${assets.style}</style>`);
  });

  it('has no other element that would run or load something, whatever the names say', () => {
    const tags = page.match(/<[a-z!][^>]*>/gi) ?? [];
    expect(tags.filter((tag) => tag.startsWith('<script'))).toHaveLength(2);
    const loading = /^<(img|link|iframe|object|embed|base|form)\b|\s(on\w+|src|style)=/i;
    expect(tags.filter((tag) => loading.test(tag))).toEqual([]);
  });

  it('shows odd names as they are', () => {
    const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
    expect(page).toContain(escaped(oddNames[0]).replaceAll('>', '&gt;'));
    expect(page).toContain('Größe · 層 · طبقة · 🧪');
    // What would turn the text around, or is no text at all.
    expect(['\u202e', '\u0007'].filter((each) => page.includes(each))).toEqual([]);
    expect(page).toContain('turned \\u202e round');
  });

  it('has an anchor for each entry of its contents', () => {
    const targets = [...page.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id);
    const ids = [...page.matchAll(/\bid="([^"]+)"/g)].map(([, id]) => id);
    expect(targets).toHaveLength(1 + sampleReport().sections.length);
    expect(targets.filter((id) => !ids.includes(id))).toEqual([]);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('gives its script the figures of every chart', () => {
    const kinds = Object.values(chartsIn(page)).map(({ kind }) => kind);
    expect([...new Set(kinds)].sort()).toEqual(
      ['bars', 'histogram', 'layers', 'percentiles', 'sweep', 'timeline'].sort(),
    );
    const layers = chartsIn(page)['layers'];
    expect(layers?.kind === 'layers' && layers.bars).toHaveLength(250);
  });

  it('has every layer in its table, the longest first', () => {
    const [, table = ''] = /data-name="layers">(.*?)<\/table>/s.exec(page) ?? [];
    const times = [...table.matchAll(/<td class="number" data-value="([^"]+)">/g)]
      .map(([, value]) => Number(value))
      .filter((_, index) => index % 2 === 0);
    expect(times).toHaveLength(250);
    expect(times).toEqual([...times].sort((a, b) => b - a));
  });
});

describe('anchors', () => {
  it('are unlike each other and the page’s own', () => {
    expect(
      anchorsOf([{ id: 'a' }, { id: 'a' }, { id: 'page-main' }, { id: 'ä "x"' }, { id: '' }]),
    ).toEqual(['a', 'a-2', 'section-main', '-x-', 'section']);
  });
});

describe('large and empty sections', () => {
  it('are small on the page', () => {
    const values = Array.from({ length: 1_000_000 }, (_, index) => 1 + Math.sin(index) / 10);
    const series = [{ name: 'GPU time', values }];
    const points = values.map((y, x) => ({ x, y }));
    const page = renderHtml(
      documentOf(
        { kind: 'histogram', id: 'h', title: 'H', unit: 'ms', series },
        { kind: 'percentiles', id: 'p', title: 'P', unit: 'ms', series },
        {
          ...{ kind: 'timeline', id: 't', title: 'T', x: { title: 'n' }, y: { title: 'ms' } },
          series: [{ name: 'GPU time', points }],
        },
        {
          ...{ kind: 'table', id: 'raw', title: 'Raw', columns: [{ title: 'ms' }] },
          rows: values.slice(0, 20_000).map((value) => [value]),
        },
      ),
      assets,
    );
    expect(page.length).toBeLessThan(500_000);
    expect(page).toContain('1,000,000 points in 400 groups');
    expect(page).toContain('The first 2000 of 20,000 rows');
  });

  it('say that nothing was measured', () => {
    const page = renderHtml(
      documentOf(
        { kind: 'histogram', id: 'h', title: 'H', unit: 'ms', series: [] },
        {
          kind: 'percentiles',
          id: 'p',
          title: 'P',
          unit: 'ms',
          series: [{ name: 'a', values: [NaN] }],
        },
        { kind: 'sweep', id: 's', title: 'S', x: { title: 'x' }, y: { title: 'y' }, series: [] },
        { kind: 'bars', id: 'b', title: 'B', unit: 'ms', bars: [] },
        { kind: 'layers', id: 'l', title: 'L', layers: [] },
        { kind: 'facts', id: 'f', title: 'F', facts: [] },
        { kind: 'table', id: 't', title: 'T', columns: [], rows: [] },
      ),
      assets,
    );
    expect(page.match(/Nothing was measured here/g)).toHaveLength(7);
    expect(chartsIn(page)).toEqual({});
  });
});
