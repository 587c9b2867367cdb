import { chartOf } from '../section-chart';
import type { Fact, Highlight, NotesSection, ReportSection } from '../document';
import { formatCell, formatCount, withUnit } from '../format-value';
import { reductionsOf } from '../reductions';
import { binTable, isChartSection, layerTypes, tableOf, type ChartSection } from '../section-table';
import { renderTable } from './html-table';
import { markup, type Html } from './html-text';

/** A section with everything but its chart, which the page's script draws where `data-chart` stands. */
export function renderSection(section: ReportSection, anchor: string): Html {
  return markup`
    <section id="${anchor}" aria-labelledby="${anchor}-title">
      <h2 id="${anchor}-title">${section.title}</h2>
      ${section.text !== undefined && markup`<p class="lead">${section.text}</p>`}
      ${bodyOf(section, anchor)}
    </section>
  `;
}

function bodyOf(section: ReportSection, anchor: string): Html {
  if (isChartSection(section)) return renderChart(section, anchor);
  switch (section.kind) {
    case 'facts':
      return renderFacts(section.facts);
    case 'table':
      if (section.rows.length === 0) return nothing;
      return renderTable(section, { named: true });
    case 'notes':
      return renderNotes(section.notes);
  }
}

const nothing = markup`<p class="hint">Nothing was measured here.</p>`;

function renderChart(section: ChartSection, anchor: string): Html {
  if (chartOf(section) === null) return nothing;
  return markup`<div class="chart" data-chart="${anchor}" data-title="${section.title}"></div>
    ${reductionsOf(section).map((line) => markup`<p class="hint">${line}</p> `)}${tablesOf(section)}`;
}

function tablesOf(section: ChartSection): Html {
  const table = renderTable(tableOf(section), { name: section.kind, named: true });
  switch (section.kind) {
    case 'histogram': {
      const bins = binTable(section);
      return markup`${renderTable(tableOf(section), { sortable: false })}
      ${bins !== null && folded(bins.title, renderTable(bins, { named: true }))}`;
    }
    case 'percentiles':
      return renderTable(tableOf(section), { sortable: false });
    case 'layers':
      return markup`${renderTable(layerTypes(section))}
      ${folded(`All ${formatCount(section.layers.length, 'layer')} as a table`, table)}`;
    case 'timeline':
    case 'sweep':
    case 'bars':
      return folded('The same as a table', table);
  }
}

function folded(summary: string, content: Html): Html {
  return markup`<details>
    <summary>${summary}</summary>
    ${content}
  </details>`;
}

function renderFacts(facts: readonly Fact[]): Html {
  if (facts.length === 0) return nothing;
  return markup`<dl class="facts">
    ${facts.map(
      ({ name, value, unit }) =>
        markup`<div>
          <dt>${name}</dt>
          <dd>${valueOf(value, unit)}</dd>
        </div> `,
    )}
  </dl>`;
}

function valueOf(value: Fact['value'], unit: string | undefined): Html {
  if (value === null) return markup`<span class="unknown">not known</span>`;
  return markup`${withUnit(formatCell(value), unit)}`;
}

function renderNotes(notes: NotesSection['notes']): Html {
  if (notes.length === 0) return markup`<p class="hint">Nothing to say.</p>`;
  return markup`<ul class="notes">
    ${notes.map(({ level, text }) => markup`<li class="${level}"><strong>${level === 'warning' ? 'Warning' : 'Note'}</strong> <span>${text}</span></li> `)}
  </ul>`;
}

export function renderHighlights(highlights: readonly Highlight[]): Html {
  if (highlights.length === 0) return markup``;
  return markup`<dl class="highlights">
    ${highlights.map(
      ({ name, value, unit, text }) =>
        markup`<div>
          <dt>${name}</dt>
          <dd>
            <b>${formatCell(value)}</b>
            ${unit !== undefined && unit !== '' && markup`<span class="unit">${unit}</span>`}
            ${text !== undefined && markup`<small>${text}</small>`}
          </dd>
        </div> `,
    )}
  </dl>`;
}
