/* global document, getComputedStyle, devicePixelRatio */
/**
 * What test/native/report-page.test.ts asks a page, from within: it is added to the page as a script. Colours are as WCAG 2.2 defines
 * their contrast, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio.
 */
globalThis.probes = {
  /** Of each chart, which part has anything on it, 0 to 1. */
  drawn() {
    return [...document.querySelectorAll('.plot canvas')].map((canvas) => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      let found = 0;
      for (let index = 3; index < data.length; index += 4) if (data[index] > 0) found++;
      return found / (data.length / 4);
    });
  },

  /** Text whose contrast with what is behind it is below `least`. */
  lowContrast(least) {
    const low = [];
    const walker = document.createTreeWalker(document.body, 4);
    while (walker.nextNode()) {
      const { textContent, parentElement: element } = walker.currentNode;
      if (textContent.trim() === '' || element.matches('script, style, noscript')) continue;
      if (!element.checkVisibility()) continue;
      const ratio = contrast(getComputedStyle(element).color, groundOf(element));
      if (ratio < least) low.push(`${ratio.toFixed(2)}: ${textContent.trim().slice(0, 60)}`);
    }
    return low;
  },

  /** The colours of the charts that stand out less than `least` from the surface they are drawn upon. */
  lowSeriesContrast(least) {
    const style = getComputedStyle(document.documentElement);
    const surface = parse(colourOf(style.getPropertyValue('--surface')));
    return Array.from({ length: 8 }, (_, index) => style.getPropertyValue(`--series-${index + 1}`))
      .map((colour) => contrast(colourOf(colour), surface))
      .filter((ratio) => ratio < least);
  },

  /** How many elements have text of their own: a check of none would find nothing wrong. */
  texts() {
    return [...document.body.querySelectorAll('*')].filter((each) => each.checkVisibility()).length;
  },

  /** Canvases whose pixels are not those of the screen would be blurred. */
  blurred() {
    return [...document.querySelectorAll('.plot canvas')].filter(
      (canvas) => Math.abs(canvas.width - canvas.clientWidth * devicePixelRatio) > 1,
    ).length;
  },
};

/** As `rgb(…)`, whatever it was written as. */
function colourOf(colour) {
  const probe = document.createElement('span');
  probe.style.color = colour.trim();
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function parse(colour) {
  const [red, green, blue, alpha = 1] = colour.match(/[\d.]+/g).map(Number);
  return { red, green, blue, alpha };
}

function groundOf(element) {
  for (let each = element; each !== null; each = each.parentElement) {
    const ground = parse(getComputedStyle(each).backgroundColor);
    if (ground.alpha === 1) return ground;
    if (ground.alpha > 0) throw new Error('a half-transparent ground: teach this test to mix it');
  }
  throw new Error('the page has no ground');
}

function contrast(colour, ground) {
  const [lighter, darker] = [luminance(parse(colour)), luminance(ground)].sort((a, b) => b - a);
  return (lighter + 0.05) / (darker + 0.05);
}

function luminance({ red, green, blue }) {
  const [r, g, b] = [red, green, blue].map((byte) => {
    const part = byte / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
