import { setTimeout as sleep } from 'node:timers/promises';

import { TrtError } from '../errors';
import { redactUrl } from './redact';
import type { Surroundings } from './surroundings';

/** What of a machine and a call every request needs. */
export interface Net {
  readonly surroundings: Pick<Surroundings, 'env' | 'retryDelays' | 'stallTimeout'>;
  readonly signal: AbortSignal | undefined;
}

/** Where something lies, with the credentials taken out of the URL: fetch refuses one that holds them. */
export interface Address {
  readonly url: URL;
  readonly authorization: string | null;
}

export interface Body {
  /** Where redirects ended: relative links in the body start here. */
  readonly url: URL;
  readonly contentType: string;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** A failed attempt, before it is known whether another follows. */
class AttemptFailed extends Error {
  constructor(
    message: string,
    readonly retriable: boolean,
    readonly details: {
      readonly cause?: unknown;
      readonly status?: number;
      readonly retryAfter?: number;
    } = {},
  ) {
    super(message, { cause: details.cause });
  }
}

const longestRetryAfter = 30_000;

export function addressOf(url: URL): Address {
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  if (url.username === '' && url.password === '') return { url: bare, authorization: null };
  const pair = `${decodePart(url.username)}:${decodePart(url.password)}`;
  return { url: bare, authorization: `Basic ${Buffer.from(pair, 'utf8').toString('base64')}` };
}

/**
 * GETs `address` and hands its body to `use`; when the network or the server fails, before or within the body, both start
 * again. Throws ERR_TRT_SETUP_DOWNLOAD when the last attempt failed, `signal.reason` on an abort; what `use` itself throws
 * passes through.
 */
export async function get<T>(
  address: Address,
  headers: Readonly<Record<string, string>>,
  net: Net,
  use: (body: Body) => Promise<T>,
): Promise<T> {
  const { retryDelays } = net.surroundings;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await once(address, headers, net, use);
    } catch (error) {
      net.signal?.throwIfAborted();
      if (!(error instanceof AttemptFailed)) throw error;
      const delay = retryDelays[attempt];
      if (!error.retriable || delay === undefined) {
        throw downloadError(address, error, attempt + 1, net);
      }
      await pause(Math.max(delay, error.details.retryAfter ?? 0), net.signal);
    }
  }
}

async function once<T>(
  address: Address,
  headers: Readonly<Record<string, string>>,
  net: Net,
  use: (body: Body) => Promise<T>,
): Promise<T> {
  net.signal?.throwIfAborted();
  const hangUp = new AbortController();
  const signals = net.signal === undefined ? [hangUp.signal] : [hangUp.signal, net.signal];
  const { stallTimeout } = net.surroundings;
  const awaited = <U>(promise: Promise<U>): Promise<U> => {
    const timer = setTimeout(() => {
      hangUp.abort(new AttemptFailed(`nothing came for ${stallTimeout / 1000} s`, true));
    }, stallTimeout);
    return promise
      .catch((error: unknown) => {
        throw hangUp.signal.reason instanceof AttemptFailed
          ? hangUp.signal.reason
          : networkFailure(error);
      })
      .finally(() => clearTimeout(timer));
  };

  try {
    // A redirect to another origin drops the authorization header: fetch sees to that.
    const response = await awaited(
      fetch(address.url, {
        headers: {
          ...headers,
          ...(address.authorization !== null && { authorization: address.authorization }),
        },
        redirect: 'follow',
        signal: AbortSignal.any(signals),
      }),
    );
    if (!response.ok) throw statusFailure(response);
    return await use({
      url: new URL(response.url),
      contentType: response.headers.get('content-type') ?? '',
      chunks: chunksOf(response, awaited),
    });
  } finally {
    // Frees the connection of a body that was not read to its end.
    hangUp.abort();
  }
}

async function* chunksOf(
  response: Response,
  awaited: <U>(promise: Promise<U>) => Promise<U>,
): AsyncGenerator<Uint8Array> {
  if (response.body === null) return;
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  for (;;) {
    const { done, value } = await awaited(reader.read());
    if (done) return;
    yield value;
  }
}

function statusFailure(response: Response): AttemptFailed {
  const { status } = response;
  const retriable = status >= 500 || status === 429 || status === 408;
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return new AttemptFailed(
    `the server answered ${status} ${response.statusText}`.trimEnd(),
    retriable,
    {
      status,
      ...(seconds >= 0 && { retryAfter: Math.min(seconds * 1_000, longestRetryAfter) }),
    },
  );
}

function networkFailure(error: unknown): AttemptFailed {
  // fetch says "fetch failed" or "terminated"; what happened is its cause.
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = codeOf(cause);
  const message = cause instanceof Error && cause.message !== '' ? cause.message : String(cause);
  return new AttemptFailed(
    code === null || message.includes(code) ? message : `${message} (${code})`,
    !isCertificateProblem(code),
    { cause: error },
  );
}

function downloadError(
  address: Address,
  failure: AttemptFailed,
  attempts: number,
  net: Net,
): TrtError {
  const url = redactUrl(address.url);
  const tried = attempts === 1 ? '' : ` (${attempts} attempts)`;
  return new TrtError(
    'ERR_TRT_SETUP_DOWNLOAD',
    `could not download ${url}: ${failure.message}${tried}. ${remedy(failure, net.surroundings.env)}`,
    {
      cause: failure.details.cause ?? failure,
      details: {
        url,
        attempts,
        ...(failure.details.status !== undefined && { status: failure.details.status }),
      },
    },
  );
}

function remedy(failure: AttemptFailed, env: NodeJS.ProcessEnv): string {
  const { status, cause } = failure.details;
  if (status === 401 || status === 403) {
    return 'Give the index URL with a user and password that may read it (https://user:password@…).';
  }
  if (status === 404)
    return 'Check the index URL: it is the one that ends in /simple on most servers.';
  const inner = cause instanceof Error ? (cause.cause ?? cause) : cause;
  if (isCertificateProblem(codeOf(inner))) {
    return 'Name the certificate authority of your network in NODE_EXTRA_CA_CERTS.';
  }
  const proxy = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'].find(
    (name) => env[name],
  );
  if (proxy !== undefined) {
    return `${proxy} is set, but only pip goes through a proxy: install pip, or name an index that is reached without one.`;
  }
  return 'Check the network and the index URL (--index-url, PIP_INDEX_URL), then run setup again.';
}

async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(milliseconds, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

function codeOf(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}

function isCertificateProblem(code: string | null): boolean {
  return code !== null && /CERT|^UNABLE_TO_|^ERR_TLS_/.test(code);
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
