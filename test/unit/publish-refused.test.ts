import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { manifestFor, manifestPathOf, manifestText, readManifest } from '../../lib/manifest';
import { publish, type Publication } from '../../lib/publish';
import { tempPathFor } from '../../lib/temp-files';
import { digestOf, fileWork as work, manifestFixture } from '../support/manifests';
import { RefusingFiles, type Refusal } from '../support/refusing-files';

let folder: string;
let output: string;
let manifestPath: string;
let tempPlan: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'publish-refused-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The pair `old`, and the finished plan `new` in a temp file. */
async function startOver(): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  output = path.join(folder, 'a.engine');
  manifestPath = manifestPathOf(output);
  tempPlan = tempPathFor(output);
  await writeFile(tempPlan, 'new');
  await writeFile(output, 'old');
  await writeFile(manifestPath, manifestText(manifestFixture('old')));
}

const start = (more: Partial<Publication> = {}): Promise<void> =>
  publish({ tempPlan, output, manifest: manifestFixture('new'), work, ...more });

const caught = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => null,
    (error: unknown) => error,
  );

const refusals: Refusal[] = ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EACCES', 'EMFILE', 'short'];

describe('#83 publication where one call of the file system is refused', () => {
  it.each(refusals)(
    '%s, at each call in turn: ERR_TRT_WRITE or done, and a pair that agrees',
    async (refusal) => {
      await startOver();
      const all = new RefusingFiles(-1, refusal);
      await start({ files: all });
      expect(all.calls.length).toBeGreaterThan(15);
      const refusedAt: string[] = [];
      for (const [at, name] of all.calls.entries()) {
        await startOver();
        const files = new RefusingFiles(at, refusal);
        const error = await caught(start({ files }));
        const where = `${name}, call ${at}`;
        expect(files.calls[at], where).toBe(name);
        if (error !== null) {
          refusedAt.push(name);
          const errno = refusal === 'short' ? 'ENOSPC' : refusal;
          expect(error, where).toMatchObject({ code: 'ERR_TRT_WRITE', details: { errno } });
        }
        const left = await readdir(folder);
        expect(left.sort(), where).toEqual(['a.engine', 'a.engine.json']);
        const plan = await readFile(output, 'utf8');
        if (error === null) expect(plan, where).toBe('new');
        const manifest = manifestFor((await readManifest(manifestPath))!, digestOf(plan).sha256);
        expect(manifest, where).toEqual(manifestFixture(plan));
        // With the fault gone the same works.
        await writeFile(tempPlan, 'new');
        await start();
        expect(await readManifest(manifestPath), where).toEqual(manifestFixture('new'));
      }
      expect(refusedAt).toEqual(expect.arrayContaining(['open', 'writeFile', 'sync', 'rename']));
    },
  );
});

describe('#20 a publication that is given up', () => {
  const reason = { any: 'value' };

  async function expectUntouched(): Promise<void> {
    expect((await readdir(folder)).sort()).toEqual(['a.engine', 'a.engine.json']);
    expect(await readFile(output, 'utf8')).toBe('old');
    expect(await readManifest(manifestPath)).toEqual(manifestFixture('old'));
  }

  it('while another process writes there: rejects with the reason', async () => {
    await startOver();
    const controller = new AbortController();
    const lockFolder = (_folder: string, signal: AbortSignal | null = null): Promise<never> =>
      new Promise((_, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason));
        controller.abort(reason);
      });
    const signal = controller.signal;
    expect(await caught(start({ signal, work: { ...work, lockFolder } }))).toBe(reason);
    await expectUntouched();
  });

  it('while the plan that stands there is hashed: rejects with the reason, and lets the folder go', async () => {
    await startOver();
    const controller = new AbortController();
    let held = 0;
    const lockFolder = (): Promise<{ release(): void }> => {
      held += 1;
      return Promise.resolve({ release: () => (held -= 1) });
    };
    const hashFile = (): Promise<never> => {
      controller.abort(reason);
      return new Promise(() => undefined);
    };
    const signal = controller.signal;
    expect(await caught(start({ signal, work: { hashFile, lockFolder } }))).toBe(reason);
    expect(held).toBe(0);
    await expectUntouched();
  });

  it('while it waits for one to the same path: rejects with the reason, and the next still waits', async () => {
    await startOver();
    let finish = (): void => undefined;
    const busy = new Promise<void>((resolve) => (finish = resolve));
    const order: string[] = [];
    const first = start({
      work: {
        ...work,
        lockFolder: async () => {
          await busy;
          order.push('first');
          return { release: () => undefined };
        },
      },
    });
    const controller = new AbortController();
    const given = tempPathFor(output);
    await writeFile(given, 'given up');
    const second = caught(start({ tempPlan: given, signal: controller.signal }));
    const third = tempPathFor(output);
    await writeFile(third, 'third');
    const last = start({
      tempPlan: third,
      manifest: manifestFixture('third'),
      work: {
        ...work,
        lockFolder: () => {
          order.push('third');
          return work.lockFolder();
        },
      },
    });
    controller.abort(reason);
    expect(await second).toBe(reason);
    finish();
    await Promise.all([first, last]);
    expect(order).toEqual(['first', 'third']);
    expect((await readdir(folder)).sort()).toEqual(['a.engine', 'a.engine.json']);
    expect(await readFile(output, 'utf8')).toBe('third');
  });

  it('once its first file is in place: is completed', async () => {
    await startOver();
    const controller = new AbortController();
    const files = new RefusingFiles(-1, 'EIO');
    const rename = files.rename.bind(files);
    files.rename = async (from, to) => {
      controller.abort(reason);
      await rename(from, to);
    };
    await start({ files, signal: controller.signal });
    expect(await readFile(output, 'utf8')).toBe('new');
    expect(await readManifest(manifestPath)).toEqual(manifestFixture('new'));
  });
});
