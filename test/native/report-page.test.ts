import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import chromium from '@sparticuz/chromium';
import { chromium as playwright, type Browser, type Locator, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { writeReport } from '../../lib/report/write-report';
import { oddNames, sampleReport } from '../support/sample-report';

const probes = path.resolve(__dirname, '..', 'support', 'report-page-probes.js');
const asked = process.env['TRT_NODE_TEST_SCREENSHOTS'];
const wide = { width: 1280, height: 900 };
const narrow = { width: 360, height: 740 };

let folder: string;
let address: string;
let browser: Browser;
const open: Page[] = [];

beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'trt-node-report-page-'));
  const file = path.join(folder, 'report.html');
  await writeReport(file, sampleReport());
  address = pathToFileURL(file).href;
  // In one process, the browser ends with its first page; and the page's own policy is to be tested, not a browser without any.
  const unwanted = [
    '--single-process',
    '--disable-web-security',
    '--allow-running-insecure-content',
  ];
  browser = await playwright.launch({
    executablePath: await chromium.executablePath(),
    // Pictures are compared: on a GPU's canvas, edges differ a little after the first look at its pixels.
    args: [
      ...chromium.args.filter((arg) => !unwanted.includes(arg)),
      '--disable-accelerated-2d-canvas',
    ],
  });
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((page) => page.close()));
});
afterAll(async () => {
  await browser.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

interface Look {
  readonly viewport?: { readonly width: number; readonly height: number };
  readonly colorScheme?: 'light' | 'dark';
  readonly javaScriptEnabled?: boolean;
}

/** The page, and what it said and asked for that it should not have. */
async function load(look: Look = {}): Promise<{ page: Page; complaints: string[] }> {
  const page = await browser.newPage({ viewport: wide, colorScheme: 'light', ...look });
  open.push(page);
  const complaints: string[] = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('dialog', (dialog) => complaints.push(dialog.message()));
  page.on('request', (request) => {
    if (request.url() !== address) complaints.push(request.url());
  });
  if (look.javaScriptEnabled !== false) await page.addInitScript({ path: probes });
  await page.goto(address);
  return { page, complaints };
}

const section = (page: Page, id: string) => page.locator(`section#${id}`);
const canvasOf = (page: Page, id: string) => section(page, id).locator('.plot canvas');
const readoutOf = (page: Page, id: string) => section(page, id).locator('.readout');
const picture = (canvas: Locator) =>
  canvas.evaluate((each: unknown) => (each as { toDataURL(): string }).toDataURL());

/** What is said after each key. */
async function press(page: Page, id: string, keys: readonly string[]): Promise<string[]> {
  const said: string[] = [];
  await canvasOf(page, id).focus();
  for (const key of keys) {
    await page.keyboard.press(key);
    said.push((await readoutOf(page, id).textContent()) ?? '');
  }
  return said;
}

const charts = [
  ...['gpu-time', 'gpu-and-wall', 'percentiles', 'timeline', 'clock', 'sweep', 'layers', 'ladder'],
];

describe('the page of a report', () => {
  it('loads without a complaint and without the network', async () => {
    const { page, complaints } = await load();
    await expect(page.title()).resolves.toBe(sampleReport().title);
    expect(complaints).toEqual([]);
  });

  it('draws every chart, sharply', async () => {
    const { page } = await load();
    const drawn = await page.evaluate<number[]>('probes.drawn()');
    expect(drawn).toHaveLength(charts.length);
    // Axes and lines alone cover about a hundredth.
    expect(Math.min(...drawn)).toBeGreaterThan(0.005);
    expect(await page.evaluate('probes.blurred()')).toBe(0);
  });

  it('runs nothing that a name brought', async () => {
    const { page, complaints } = await load();
    expect(await page.evaluate('globalThis.broken')).toBeUndefined();
    await section(page, 'layers').locator('summary').click();
    for (const name of oddNames.filter((each) => /^\S/.test(each) && !/[\u202e\n]/.test(each))) {
      await expect(
        page.locator('[data-name="layers"]').getByText(name, { exact: true }).count(),
      ).resolves.toBe(1);
    }
    // In the chart too, where the field finds them.
    await page.getByLabel('Filter layers').fill('<script>');
    await press(page, 'layers', ['ArrowDown', 'End']);
    expect(await page.evaluate('globalThis.broken')).toBeUndefined();
    expect(complaints).toEqual([]);
  });

  it('can be read without its script', async () => {
    const { page, complaints } = await load({ javaScriptEnabled: false });
    await expect(page.locator('noscript p').isVisible()).resolves.toBe(true);
    await section(page, 'layers').locator('summary').click();
    await expect(page.locator('[data-name="layers"] tbody tr').count()).resolves.toBe(250);
    await expect(page.locator('button:visible').count()).resolves.toBe(0);
    expect(complaints).toEqual([]);
  });
});

describe('the keyboard', () => {
  it('moves through the points of every chart, and each is said and shown', async () => {
    const { page } = await load();
    for (const id of charts) await movesThrough(page, id);
  });

  async function movesThrough(page: Page, id: string): Promise<void> {
    const before = await picture(canvasOf(page, id));
    const said = await press(page, id, ['ArrowRight', 'ArrowRight', 'ArrowLeft', 'End', 'Home']);
    const [first, second, again, last, home] = said;
    expect(said.every((text) => /\d/.test(text))).toBe(true);
    expect(second).not.toBe(first);
    expect(again).toBe(first);
    expect(last).not.toBe(first);
    expect(home).toBe(first);
    expect(await picture(canvasOf(page, id))).not.toBe(before);
    expect(await readoutOf(page, id).getAttribute('aria-live')).toBe('polite');
    await expect(press(page, id, ['Escape'])).resolves.toEqual(['']);
    await page.keyboard.press('Tab');
    expect(await picture(canvasOf(page, id)), id).toBe(before);
  }

  it('goes from series to series, as far as they are shown', async () => {
    const { page } = await load();
    const before = await picture(canvasOf(page, 'sweep'));
    const names = async () =>
      (await press(page, 'sweep', ['Home', 'ArrowDown', 'ArrowDown', 'ArrowDown'])).map(
        (text) => text.split(',')[0],
      );
    await expect(names()).resolves.toEqual(['1 lane', '2 lanes', '4 lanes', '1 lane']);
    const button = section(page, 'sweep').getByRole('button', { name: '2 lanes' });
    await button.focus();
    await page.keyboard.press('Enter');
    await expect(button.getAttribute('aria-pressed')).resolves.toBe('false');
    await expect(names()).resolves.toEqual(['1 lane', '4 lanes', '1 lane', '4 lanes']);
    await button.click();
    await expect(button.getAttribute('aria-pressed')).resolves.toBe('true');
    expect(await picture(canvasOf(page, 'sweep'))).toBe(before);
  });

  it('leaves to the browser what is no key of a chart', async () => {
    const { page } = await load();
    await press(page, 'gpu-time', ['a']);
    await page.keyboard.press('Tab');
    await expect(
      canvasOf(page, 'gpu-time').evaluate(
        (each: unknown) =>
          each ===
          (each as { ownerDocument: { activeElement: unknown } }).ownerDocument.activeElement,
      ),
    ).resolves.toBe(false);
  });

  it('skips to the report', async () => {
    const { page } = await load();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('page-main');
  });
});

describe('colours', () => {
  it.each(['light', 'dark'] as const)('can be read in the %s scheme', async (colorScheme) => {
    const { page } = await load({ colorScheme });
    await page.$$eval('details', (all) => {
      for (const each of all) each.setAttribute('open', '');
    });
    expect(await page.evaluate('probes.texts()')).toBeGreaterThan(1000);
    // WCAG 2.2 AA: 4.5 for text, 3 for what a picture says.
    expect(await page.evaluate('probes.lowContrast(4.5)')).toEqual([]);
    expect(await page.evaluate('probes.lowSeriesContrast(3)')).toEqual([]);
  });

  it('follow the scheme while the page is open, charts too', async () => {
    const { page } = await load();
    const look = async () => [
      await page.evaluate('getComputedStyle(document.body).backgroundColor'),
      await picture(canvasOf(page, 'sweep')),
      await picture(section(page, 'layers').locator('.swatch').first()),
    ];
    const light = await look();
    await page.emulateMedia({ colorScheme: 'dark' });
    const dark = await look();
    light.forEach((each, index) => expect(dark[index]).not.toBe(each));
    await page.emulateMedia({ colorScheme: 'light' });
    expect(await look()).toEqual(light);
  });

  it('are dark on white when printed, with everything unfolded', async () => {
    const { page } = await load();
    const light = await picture(canvasOf(page, 'sweep'));
    await page.emulateMedia({ colorScheme: 'dark' });
    const dark = await picture(canvasOf(page, 'sweep'));
    await page.evaluate("dispatchEvent(new Event('beforeprint'))");
    expect(await picture(canvasOf(page, 'sweep'))).toBe(light);
    await expect(page.locator('details:not([open])').count()).resolves.toBe(0);
    await page.evaluate("dispatchEvent(new Event('afterprint'))");
    expect(await picture(canvasOf(page, 'sweep'))).toBe(dark);
    await expect(page.locator('details[open]').count()).resolves.toBe(0);
  });
});

describe('room', () => {
  it.each([narrow, { width: 320, height: 640 }, { width: 768, height: 900 }, wide])(
    'is enough at $width pixels',
    async (viewport) => {
      const { page } = await load({ viewport });
      await page.$$eval('details', (all) => {
        for (const each of all) each.setAttribute('open', '');
      });
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(viewport.width);
    },
  );

  it('is made use of when the window changes', async () => {
    const { page } = await load({ viewport: wide });
    await page.setViewportSize(narrow);
    await page.waitForFunction('probes.blurred() === 0');
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(narrow.width);
    // The names of layers move from beside their bars to above them.
    const { page: fresh } = await load({ viewport: narrow });
    const expected = await picture(canvasOf(fresh, 'layers'));
    await expect.poll(() => picture(canvasOf(page, 'layers'))).toBe(expected);
  });

  it('of a wide table is reached by the keyboard', async () => {
    const { page } = await load({ viewport: narrow });
    const regions = page.locator('.scroll[tabindex="0"]');
    await expect(regions.count()).resolves.toBeGreaterThan(0);
    const { page: spacious } = await load({ viewport: wide });
    const summary = section(spacious, 'gpu-time').locator('.scroll').first();
    await expect(summary.getAttribute('tabindex')).resolves.toBeNull();
  });
});

describe('layers', () => {
  const rows = (page: Page) => page.locator('[data-name="layers"] tbody tr:visible');
  const column = async (page: Page, index: number) =>
    rows(page).locator(`td:nth-child(${index})`).allTextContents();

  async function unfolded(): Promise<Page> {
    const { page } = await load();
    await section(page, 'layers').locator('summary').click();
    return page;
  }

  it('are narrowed down by words, in table and chart', async () => {
    const page = await unfolded();
    const before = await picture(canvasOf(page, 'layers'));
    await page.getByLabel('Filter layers').fill('conv2 caskconvolution');
    const names = await column(page, 1);
    const types = await column(page, 2);
    expect(names.length).toBeGreaterThan(0);
    expect(names.length).toBeLessThan(100);
    expect(names.filter((name) => !name.includes('conv2'))).toEqual([]);
    expect(new Set(types)).toEqual(new Set(['CaskConvolution']));
    const told = section(page, 'layers').locator('.told');
    await expect(told.textContent()).resolves.toBe(`${names.length} of 250`);
    expect(await picture(canvasOf(page, 'layers'))).not.toBe(before);
    const [said] = await press(page, 'layers', ['End']);
    expect(said).toContain(names.slice(0, 30).at(-1));
    await page.getByLabel('Filter layers').fill('');
    await expect(rows(page).count()).resolves.toBe(250);
  });

  it('may be none', async () => {
    const page = await unfolded();
    await page.getByLabel('Filter layers').fill('no layer is called so');
    await expect(rows(page).count()).resolves.toBe(0);
    await expect(press(page, 'layers', ['ArrowDown'])).resolves.toEqual(['']);
  });

  it('are sorted by the headings, and what is not known comes last', async () => {
    const page = await unfolded();
    const heading = (name: string) =>
      page.locator('[data-name="layers"] th').filter({ hasText: name });
    const sortBy = (name: string) => heading(name).getByRole('button').click();
    await sortBy('time');
    const descending = (await column(page, 4)).map(Number);
    expect(descending).toEqual([...descending].sort((a, b) => b - a));
    await expect(heading('time').getAttribute('aria-sort')).resolves.toBe('descending');
    await sortBy('time');
    expect((await column(page, 4)).map(Number)).toEqual([...descending].reverse());
    await sortBy('precision');
    const precisions = await column(page, 3);
    expect(precisions.slice(-50)).toEqual(Array(50).fill('–'));
    expect(precisions.slice(0, 200)).toEqual(Array(200).fill('float16'));
    await expect(heading('time').getAttribute('aria-sort')).resolves.toBeNull();
    await sortBy('type');
    const types = (await column(page, 2)).filter((type) => type !== '–');
    expect(types).toEqual([...types].sort((a, b) => a.localeCompare(b, 'en')));
  });

  it('are all drawn when asked for', async () => {
    const page = await unfolded();
    const height = async () => (await canvasOf(page, 'layers').boundingBox())?.height ?? 0;
    const before = await height();
    const button = section(page, 'layers').getByRole('button', { name: 'Show all 250' });
    await button.click();
    expect(await height()).toBeGreaterThan(5 * before);
    const slowest = await column(page, 1);
    const [said] = await press(page, 'layers', ['End']);
    expect(said).toContain(slowest.at(-1));
  });

  it('are hidden by type', async () => {
    const { page } = await load();
    const [before] = await press(page, 'layers', ['Home']);
    const type =
      /, (\w+), float16|, (\w+),/
        .exec(before ?? '')
        ?.slice(1)
        .find(Boolean) ?? '';
    await section(page, 'layers').getByRole('button', { name: type, exact: true }).click();
    const said = await press(page, 'layers', ['Home', ...Array<string>(29).fill('ArrowDown')]);
    expect(new Set(said).size).toBe(30);
    expect(said.filter((text) => text.includes(`, ${type}`))).toEqual([]);
  });
});

describe('pictures for a person to look at', () => {
  it.each([
    ['wide', 'light', wide],
    ['wide', 'dark', wide],
    ['narrow', 'light', narrow],
    ['narrow', 'dark', narrow],
  ] as const)('%s %s', async (width, colorScheme, viewport) => {
    const target = asked ?? folder;
    fs.mkdirSync(target, { recursive: true });
    const { page } = await load({ viewport, colorScheme });
    const height = await page.evaluate<number>('document.documentElement.scrollHeight');
    // One picture of it all would be taller than the renderer's textures: below that, it begins again.
    const step = 3000;
    for (let top = 0; top < height; top += step) {
      const file = path.join(target, `report-${width}-${colorScheme}-${top / step + 1}.png`);
      const clip = { x: 0, y: top, width: viewport.width, height: Math.min(step, height - top) };
      await page.screenshot({ path: file, fullPage: true, clip });
      expect(fs.statSync(file).size).toBeGreaterThan(5000);
    }
  });
});
