/** What charts take from the page's style, so that both change together. */
export interface Theme {
  readonly text: string;
  readonly muted: string;
  readonly line: string;
  readonly surface: string;
  readonly fontFamily: string;
  /** One colour for each series; `styleOf` in series-style.ts tells those beyond apart. */
  readonly series: readonly string[];
}

const seriesColours = 8;

export function readTheme(): Theme {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    text: colour('text'),
    muted: colour('muted'),
    line: colour('line'),
    surface: colour('surface'),
    fontFamily: getComputedStyle(document.body).fontFamily,
    series: Array.from({ length: seriesColours }, (_, index) => colour(`series-${index + 1}`)),
  };
}

/** Calls `redraw` when the reader's scheme changes, and before and after printing, which is always dark on white. */
export function onThemeChange(redraw: () => void): void {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
  addEventListener('beforeprint', () => {
    document.documentElement.dataset['printing'] = '';
    for (const folded of document.querySelectorAll('details:not([open])')) {
      folded.setAttribute('open', '');
      folded.setAttribute('data-opened', '');
    }
    redraw();
  });
  addEventListener('afterprint', () => {
    delete document.documentElement.dataset['printing'];
    for (const folded of document.querySelectorAll('details[data-opened]')) {
      folded.removeAttribute('open');
      folded.removeAttribute('data-opened');
    }
    redraw();
  });
}
