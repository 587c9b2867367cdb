import { TrtError } from '../errors';
import { addressOf, get, type Address, type Body, type Net } from './http';
import type { RuntimePin } from './pins';
import { redactUrl } from './redact';
import { checksumError } from './wheel-digest';

/** A file as an index lists it. */
interface ListedFile {
  readonly name: string;
  /** Maybe relative to the page. */
  readonly url: string;
  readonly sha256: string | null;
}

const accept = [
  'application/vnd.pypi.simple.v1+json',
  'application/vnd.pypi.simple.v1+html;q=0.2',
  'text/html;q=0.1',
].join(', ');

// The largest project pages have some ten megabytes.
const largestPage = 64 * 1024 * 1024;

/**
 * Finds the pinned wheel in a package index of the simple repository API, HTML (PEP 503) or JSON (PEP 691).
 *
 * Throws ERR_TRT_SETUP_DOWNLOAD where the index cannot be read or does not list the file, and ERR_TRT_SETUP_CHECKSUM where
 * it lists it with another digest than the pinned one: then it need not be fetched.
 */
export async function findWheel(index: URL, pin: RuntimePin, net: Net): Promise<Address> {
  const page = projectPage(index, pin.package);
  const { text, isJson, base } = await get(addressOf(page), { accept }, net, readPage);
  const shown = redactUrl(page);
  const files = isJson ? parseJson(text, shown) : parseHtml(text);
  const file = files.find(({ name }) => name === pin.file);
  if (file === undefined) {
    throw new TrtError(
      'ERR_TRT_SETUP_DOWNLOAD',
      `expected ${pin.file} at ${shown} but that page lists ${files.length} other files. ` +
        'Name an index that has it with `indexUrl` (--index-url), or install pip and let it search.',
      { details: { url: shown, file: pin.file, listed: files.length } },
    );
  }
  if (file.sha256 !== null && file.sha256 !== pin.sha256) {
    throw checksumError(pin, shown, { sha256: file.sha256 });
  }
  return fileAddress(file, baseOf(text, isJson, base), index);
}

function projectPage(index: URL, name: string): URL {
  const folder = new URL(index);
  folder.search = '';
  folder.hash = '';
  if (!folder.pathname.endsWith('/')) folder.pathname += '/';
  const page = new URL(`${name}/`, folder);
  page.username = index.username;
  page.password = index.password;
  return page;
}

async function readPage(body: Body): Promise<{ text: string; isJson: boolean; base: URL }> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body.chunks) {
    size += chunk.byteLength;
    if (size > largestPage) {
      throw new TrtError(
        'ERR_TRT_SETUP_DOWNLOAD',
        `expected a project page at ${redactUrl(body.url)} but received more than ${largestPage} bytes. Check the index URL.`,
        { details: { url: redactUrl(body.url) } },
      );
    }
    chunks.push(chunk);
  }
  return {
    text: Buffer.concat(chunks).toString('utf8'),
    isJson: /[/+]json\b/i.test(body.contentType),
    base: body.url,
  };
}

function parseJson(text: string, shown: string): ListedFile[] {
  let page: unknown;
  try {
    page = JSON.parse(text);
  } catch (cause) {
    throw new TrtError(
      'ERR_TRT_SETUP_DOWNLOAD',
      `expected JSON at ${shown} but received something else. Check the index URL.`,
      { cause, details: { url: shown } },
    );
  }
  const files: ListedFile[] = [];
  for (const file of listOf(propertyOf(page, 'files'))) {
    const name = propertyOf(file, 'filename');
    const url = propertyOf(file, 'url');
    const sha256 = propertyOf(propertyOf(file, 'hashes'), 'sha256');
    if (typeof name !== 'string' || typeof url !== 'string') continue;
    files.push({ name, url, sha256: typeof sha256 === 'string' ? sha256.toLowerCase() : null });
  }
  return files;
}

// An attribute may hold a bare `>`: `data-requires-python=">=3.9"`.
const anchor = /<a\b((?:"[^"]*"|'[^']*'|[^'">])*)>/gi;
const hrefAttribute = /(?:^|\s)href\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/i;
const baseTag = /<base\b((?:"[^"]*"|'[^']*'|[^'">])*)>/i;

function parseHtml(text: string): ListedFile[] {
  const files: ListedFile[] = [];
  for (const [, attributes = ''] of text.matchAll(anchor)) {
    const url = hrefOf(attributes);
    if (url === null) continue;
    const [location = '', fragment = ''] = url.split('#', 2);
    const sha256 = /(?:^|&)sha256=([0-9a-f]{64})(?:&|$)/i.exec(fragment)?.[1] ?? null;
    files.push({ name: lastSegment(location), url, sha256: sha256?.toLowerCase() ?? null });
  }
  return files;
}

function baseOf(text: string, isJson: boolean, page: URL): URL {
  const href = isJson ? null : hrefOf(baseTag.exec(text)?.[1] ?? '');
  return href !== null && URL.canParse(href, page.href) ? new URL(href, page) : page;
}

function hrefOf(attributes: string): string | null {
  const match = hrefAttribute.exec(attributes);
  const value = match?.[1] ?? match?.[2] ?? match?.[3];
  return value === undefined ? null : decodeEntities(value.trim());
}

function lastSegment(location: string): string {
  const segment = (location.split('?', 1)[0] ?? '').split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function fileAddress(file: ListedFile, base: URL, index: URL): Address {
  if (!URL.canParse(file.url, base.href) || !/^https?:$/.test(new URL(file.url, base).protocol)) {
    throw new TrtError(
      'ERR_TRT_SETUP_DOWNLOAD',
      `expected an http(s) link to ${file.name} in ${redactUrl(index)} but found ${redactUrl(file.url)}. Name another index.`,
      { details: { url: redactUrl(index), file: file.name } },
    );
  }
  const url = new URL(file.url, base);
  url.hash = '';
  // As pip does: files on the index's own origin are asked for with the index's credentials, those elsewhere never.
  if (url.username === '' && url.password === '' && url.origin === index.origin) {
    url.username = index.username;
    url.password = index.password;
  }
  return addressOf(url);
}

const namedEntities: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
};

function decodeEntities(text: string): string {
  return text.replace(
    /&(?:#x([0-9a-f]{1,6})|#([0-9]{1,7})|([a-z]+));/gi,
    (whole: string, hex?: string, decimal?: string, name?: string) => {
      if (name !== undefined) return namedEntities[name.toLowerCase()] ?? whole;
      const point = hex !== undefined ? Number.parseInt(hex, 16) : Number(decimal);
      return point <= 0x10ffff ? String.fromCodePoint(point) : whole;
    },
  );
}

function propertyOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
