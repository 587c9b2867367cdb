import { createHash } from 'node:crypto';
import { chartOf } from '../section-chart';
import type { ReportDocument } from '../document';
import { renderHighlights, renderSection } from './html-section';
import { markup, Html } from './html-text';
import type { PageAssets } from './page-assets';
import { anchorsOf } from './section-anchors';

/** By this a page is known for one of ours. */
export const pageMark = '<meta name="generator" content="trt-node report">';

/**
 * One page that needs nothing else: its style, its script and its figures are in it, and its policy lets it load nothing. It can be read
 * without the script too, then without the charts.
 */
export function renderHtml(report: ReportDocument, { script, style }: PageAssets): string {
  const anchors = anchorsOf(report.sections);
  const sections = report.sections.map((section, index) => ({
    section,
    anchor: anchors[index] ?? '',
  }));
  const charts = Object.fromEntries(
    sections.flatMap(({ section, anchor }) => {
      const chart = chartOf(section);
      return chart === null ? [] : [[anchor, chart]];
    }),
  );
  const policy = [
    "default-src 'none'",
    `script-src ${sourceOf(script)}`,
    `style-src ${sourceOf(style)}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  const page = markup`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        ${new Html(pageMark)}
        <meta http-equiv="Content-Security-Policy" content="${new Html(policy)}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${report.title}</title>
        <style>${new Html(style)}</style>
      </head>
      <body>
        <a class="skip" href="#page-main">Skip to the report</a>
        <div class="page">
          <header>
            <h1>${report.title}</h1>
            <p class="made">
              trt-node ${report.version},
              <time datetime="${report.createdAt}">${readableTime(report.createdAt)}</time>
            </p>
            <pre class="command" aria-label="Command"><code>${report.command}</code></pre>
          </header>
          <nav aria-labelledby="page-contents">
            <h2 id="page-contents">Contents</h2>
            <ol>
              ${sections.map(({ section, anchor }) => markup`<li><a href="#${anchor}">${section.title}</a></li> `)}
            </ol>
          </nav>
          <main id="page-main" tabindex="-1">
            <noscript>
              <p class="hint">
                The charts need the page’s own script. Everything they show stands in the tables.
              </p>
            </noscript>
            ${renderHighlights(report.highlights ?? [])}
            ${sections.map(({ section, anchor }) => renderSection(section, anchor))}
          </main>
          <footer><p>Made by trt-node ${report.version}. Charts by Chart.js.</p></footer>
        </div>
        <script type="application/json" id="page-charts">${jsonForScript(charts)}</script>
        <script>${new Html(script)}</script>
      </body>
    </html>
`;
  return page.text;
}

/** By its digest, so that no other script or style runs, wherever it came from. */
function sourceOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

/** `<` would let a name end the script element. */
function jsonForScript(value: unknown): Html {
  return new Html(JSON.stringify(value).replaceAll('<', '\\u003c'));
}

function readableTime(iso: string): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return iso;
  return `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
