import { describe, expect, it } from 'vitest';

import { runSetup } from '../../lib/setup/run-setup';
import { redactText, redactUrl } from '../../lib/setup/redact';
import { everythingIn, machineWith, temporaryFolder } from '../support/setup-machine';
import { startSimpleIndex, type Handler, type SimpleIndexOptions } from '../support/simple-index';
import { pinOf, wheelEntries, zipOf } from '../support/wheel';

const wheel = zipOf(wheelEntries());
const pin = pinOf(wheel);

const serverError: Handler = (_, response) => response.writeHead(503).end();
const cutOff: Handler = (_, response) => {
  response.setHeader('content-length', wheel.length);
  response.write(wheel.subarray(0, 1_000), () => response.destroy());
};
const silent: Handler = (_, response) => {
  response.setHeader('content-length', wheel.length);
  response.write(wheel.subarray(0, 1_000));
};

describe('a package index', () => {
  it.each<[string, SimpleIndexOptions]>([
    ['HTML with a relative link', { format: 'html' }],
    ['JSON with a relative link', { format: 'json' }],
    ['HTML with a link from the root', { href: `/files/${pin.file}` }],
    ['HTML with an escaped file name', { href: `../../files/${pin.file.replaceAll('-', '%2D')}` }],
    ['HTML without a digest', { listedSha256: null }],
    ['JSON without a digest', { format: 'json', listedSha256: null }],
  ])('is read: %s', async (_, options) => {
    await using home = await temporaryFolder();
    await using index = await startSimpleIndex(wheel, pin, options);
    const result = await runSetup({ dir: home.path, indexUrl: index.url.href }, machineWith(pin));
    expect(result.status).toBe('installed');
  });

  it('gets its credentials, and so do files of its origin', async () => {
    await using home = await temporaryFolder();
    await using index = await startSimpleIndex(wheel, pin);
    const url = new URL(index.url);
    url.username = 'me';
    url.password = 'p@ss/word';

    const result = await runSetup({ dir: home.path, indexUrl: url.href }, machineWith(pin));

    const expected = `Basic ${Buffer.from('me:p@ss/word').toString('base64')}`;
    expect(index.authorizations).toEqual([expected, expected]);
    expect(JSON.stringify(result)).not.toContain('ss%2Fword');
  });

  it('does not get its credentials sent to files elsewhere', async () => {
    await using home = await temporaryFolder();
    await using elsewhere = await startSimpleIndex(wheel, pin);
    const href = new URL(`/files/${pin.file}`, elsewhere.url).href;
    await using index = await startSimpleIndex(wheel, pin, { href });
    const url = new URL(index.url);
    url.username = 'me';
    url.password = 'secret';

    await runSetup({ dir: home.path, indexUrl: url.href }, machineWith(pin));

    expect(elsewhere.authorizations).toEqual([null]);
  });

  it('that is down is asked again, and the download starts over', async () => {
    await using home = await temporaryFolder();
    await using index = await startSimpleIndex(wheel, pin);
    index.fileAnswers.push(serverError, cutOff);

    const result = await runSetup({ dir: home.path, indexUrl: index.url.href }, machineWith(pin));

    expect(result.status).toBe('installed');
    expect(index.requests.length).toBe(1 + 3);
  });

  it.each<[string, Handler, number]>([
    ['cut off each time', cutOff, 10_000],
    ['answered with 503 each time', serverError, 10_000],
    ['left without a byte', silent, 50],
  ])('whose download is %s is given up after three retries', async (_, answer, stallTimeout) => {
    await using home = await temporaryFolder();
    await using index = await startSimpleIndex(wheel, pin);
    index.fileAnswers.push(answer, answer, answer, answer);

    await expect(
      runSetup({ dir: home.path, indexUrl: index.url.href }, machineWith(pin, { stallTimeout })),
    ).rejects.toMatchObject({ code: 'ERR_TRT_SETUP_DOWNLOAD', details: { attempts: 4 } });
    expect(await everythingIn(home.path)).toEqual([]);
  });

  it('without the package is not asked twice, and no secret is in the error', async () => {
    await using home = await temporaryFolder();
    await using index = await startSimpleIndex(wheel, pin);
    const url = new URL('/wrong/simple?token=hidden', index.url);
    url.username = 'me';
    url.password = 'secret';

    const error: unknown = await runSetup(
      { dir: home.path, indexUrl: url.href },
      machineWith(pin),
    ).catch((reason: unknown) => reason);

    expect(error).toMatchObject({
      code: 'ERR_TRT_SETUP_DOWNLOAD',
      details: { attempts: 1, status: 404 },
    });
    expect(everythingSaidBy(error)).not.toMatch(/secret|hidden/);
    expect(index.requests.length).toBe(1);
  });

  it('that does not answer: no secret is in the error', async () => {
    await using home = await temporaryFolder();
    const gone = await startSimpleIndex(wheel, pin);
    await gone[Symbol.asyncDispose]();
    const url = new URL(gone.url);
    url.username = 'me';
    url.password = 'secret';

    const error: unknown = await runSetup(
      { dir: home.path, indexUrl: url.href },
      machineWith(pin),
    ).catch((reason: unknown) => reason);

    expect(error).toMatchObject({ code: 'ERR_TRT_SETUP_DOWNLOAD', details: { attempts: 4 } });
    expect(everythingSaidBy(error)).not.toContain('secret');
  });

  it('that lists other files only is refused', async () => {
    await using home = await temporaryFolder();
    await using index = await startSimpleIndex(wheel, pin);
    await expect(
      runSetup(
        { dir: home.path, indexUrl: index.url.href },
        machineWith({ ...pin, file: 'another.whl' }),
      ),
    ).rejects.toMatchObject({ code: 'ERR_TRT_SETUP_DOWNLOAD', details: { listed: 2 } });
  });

  it('that lists the file with another digest is refused before the download', async () => {
    await using home = await temporaryFolder();
    await using index = await startSimpleIndex(wheel, pin, { listedSha256: '0'.repeat(64) });
    await expect(
      runSetup({ dir: home.path, indexUrl: index.url.href }, machineWith(pin)),
    ).rejects.toMatchObject({ code: 'ERR_TRT_SETUP_CHECKSUM' });
    expect(index.requests.length).toBe(1);
  });

  it.each([
    ['one byte altered', Buffer.from(wheel).fill(wheel[5_000]! ^ 1, 5_000, 5_001)],
    ['a byte short', wheel.subarray(0, -1)],
    ['a byte longer', Buffer.concat([wheel, Buffer.of(0)])],
  ])('whose file is %s is refused and nothing is left', async (_, served) => {
    await using home = await temporaryFolder();
    await using index = await startSimpleIndex(served, pin);
    await expect(
      runSetup({ dir: home.path, indexUrl: index.url.href }, machineWith(pin)),
    ).rejects.toMatchObject({ code: 'ERR_TRT_SETUP_CHECKSUM' });
    expect(await everythingIn(home.path)).toEqual([]);
  });
});

describe('redaction', () => {
  it('hides users, passwords and queries', () => {
    expect(redactUrl('https://me:secret@host.test/simple/?token=hidden')).toBe(
      'https://***@host.test/simple/?***',
    );
    expect(redactText('at https://me:s@cret@host.test/x?sig=hidden now')).toBe(
      'at https://***@host.test/x?*** now',
    );
    expect(redactText("mail me@host.test about 'http://host.test/x'")).toBe(
      "mail me@host.test about 'http://host.test/x'",
    );
  });
});

function everythingSaidBy(error: unknown): string {
  const said: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) {
    said.push(at.message, at.stack ?? '', JSON.stringify(at));
  }
  return said.join('\n');
}
