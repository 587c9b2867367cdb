import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { RuntimePin } from '../../lib/setup/pins';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A package index on loopback that serves one file. */
export interface SimpleIndex extends AsyncDisposable {
  readonly url: URL;
  /** Paths asked for, in order. */
  readonly requests: string[];
  /** The authorization headers that came, null where there was none. */
  readonly authorizations: (string | null)[];
  /** Answers file requests in turn, before the plain answer: each handler serves one. */
  readonly fileAnswers: Handler[];
}

export interface SimpleIndexOptions {
  readonly format?: 'html' | 'json';
  /** The file's address in the page; default: relative. */
  readonly href?: string;
  /** The digest that the page names; null names none. Default: the pin's. */
  readonly listedSha256?: string | null;
}

export async function startSimpleIndex(
  wheel: Buffer,
  pin: RuntimePin,
  options: SimpleIndexOptions = {},
): Promise<SimpleIndex> {
  const requests: string[] = [];
  const authorizations: (string | null)[] = [];
  const fileAnswers: Handler[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url ?? '');
    authorizations.push(request.headers.authorization ?? null);
    if (request.url === `/root/simple/${pin.package}/`) {
      const { type, text } = pageOf(pin, options);
      response.setHeader('content-type', type).end(text);
    } else if (decodeURIComponent(request.url ?? '').endsWith(`/files/${pin.file}`)) {
      const answer = fileAnswers.shift();
      if (answer !== undefined) answer(request, response);
      else response.setHeader('content-length', wheel.length).end(wheel);
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: new URL(`http://127.0.0.1:${port}/root/simple`),
    requests,
    authorizations,
    fileAnswers,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function pageOf(
  pin: RuntimePin,
  {
    format = 'html',
    href = `../../files/${pin.file}`,
    listedSha256 = pin.sha256,
  }: SimpleIndexOptions,
): { type: string; text: string } {
  if (format === 'json') {
    const hashes = listedSha256 === null ? {} : { sha256: listedSha256 };
    const other = { filename: 'other-1.0.tar.gz', url: 'other-1.0.tar.gz', hashes: {} };
    const file = { filename: pin.file, url: href, hashes, size: pin.sizeBytes };
    return {
      type: 'application/vnd.pypi.simple.v1+json',
      text: JSON.stringify({ meta: { 'api-version': '1.1' }, files: [other, file] }),
    };
  }
  const fragment = listedSha256 === null ? '' : `#sha256=${listedSha256}`;
  return {
    type: 'text/html; charset=utf-8',
    text: `<!DOCTYPE html><html><body>
<a href="other-1.0.tar.gz" data-requires-python=">=3.9">other-1.0.tar.gz</a><br/>
<a data-requires-python=">=3.9" href="${href.replaceAll('&', '&amp;')}${fragment}">${pin.file}</a><br/>
</body></html>`,
  };
}
