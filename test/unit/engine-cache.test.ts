import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { engineKey, type EngineKeyParts } from '../../lib/cache/engine-key';
import {
  openEngineCache,
  type CacheBinding,
  type CachedBuild,
  type CacheOutcome,
} from '../../lib/cache/engine-cache';
import { checkedCache, type CheckedCache } from '../../lib/cache/option';
import { TrtError } from '../../lib/errors';
import type { Manifest } from '../../lib/manifest-schema';
import { realFiles, type PublishFiles } from '../../lib/publish-files';
import { FakeLocks } from '../support/cache-locks';
import { hashFile, manifestFixture } from '../support/manifests';
import { RecordingFiles } from '../support/recording-files';

let folder: string;
let home: string;
let locks: FakeLocks;
let hashed: string[];
let reports: string[];
let builds: string[];
let tempPlan: string;
let temps = 0;
/** What the addon says of a file's state. */
let identityOf = (identity: string): string => identity;
let beforeHash = (): Promise<void> => Promise.resolve();

beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'engine-cache-'));
  home = path.join(folder, 'home');
  vi.stubEnv('TRT_NODE_HOME', home);
  locks = new FakeLocks();
  hashed = [];
  reports = [];
  builds = [];
  identityOf = (identity) => identity;
  beforeHash = () => Promise.resolve();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  expect(locks.count).toBe(0);
  await fs.rm(folder, { recursive: true, force: true });
});

const binding = (): CacheBinding => ({
  hashFile: (file) => {
    hashed.push(path.basename(file));
    return beforeHash()
      .then(() => hashFile(file))
      .then((found) => ({ ...found, identity: identityOf(found.identity) }));
  },
  hashExternalFile: (inside, location) => hashFile(path.join(inside, location)),
  lockFolder: locks.lockFolder,
});

/** Parts that differ in the digest of their model. */
function partsOf(model: string): EngineKeyParts {
  return {
    format: 1,
    writer: '0.1.0',
    model: { sha256: model, sizeBytes: 3, externalData: {} },
    library: {
      flavour: 'tensorrt',
      version: '10.6.0',
      parserVersion: null,
      coreBytes: 1,
      parser: null,
      standardPlugins: null,
    },
    gpu: null,
    tf32Override: null,
    request: {},
    profileNames: null,
    plugins: [],
    calibration: null,
    reproducible: null,
  };
}

interface Wish {
  readonly option?: unknown;
  readonly model?: string;
  readonly plan?: string;
  readonly output?: string;
  readonly signal?: AbortSignal;
  readonly files?: PublishFiles;
  readonly trust?: NonNullable<CachedBuild['trust']>;
  readonly labels?: Record<string, string>;
  /** Runs in the middle of the build. */
  readonly during?: (planPath: string) => Promise<void>;
}

async function ask(wish: Wish = {}): Promise<CacheOutcome> {
  const { option = true, model = 'a', plan = `plan of ${model}`, labels = {} } = wish;
  const checked = checkedCache(option) as CheckedCache;
  const report = (severity: string, message: string) => reports.push(`${severity}: ${message}`);
  const cache = await openEngineCache(checked, binding(), report, wish.files);
  tempPlan = wish.output ?? path.join(folder, `temp-${(temps += 1)}`);
  const plannedAt = tempPlan;
  return await cache.through(partsOf(model), {
    signal: wish.signal ?? null,
    tempPlan: plannedAt,
    output: wish.output !== undefined,
    trust: wish.trust ?? (() => null),
    describe: (manifest) => ({ ...manifest, labels }),
    build: async (planPath, cacheKey) => {
      builds.push(model);
      await fs.writeFile(planPath, plan, { flag: 'wx' });
      await wish.during?.(planPath);
      return manifestFixture(plan, { cacheKey, labels });
    },
  });
}

const entryOf = (model: string) => path.join(home, 'engines', engineKey(partsOf(model)));
const planOf = (model: string) => path.join(entryOf(model), 'plan.engine');
const exists = (file: string) =>
  fs.stat(file).then(
    () => true,
    () => false,
  );
async function codeOf(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    () => 'no error',
    (error: unknown) => (error instanceof TrtError ? error.code : error),
  );
}

describe('a build through the cache', () => {
  it('is made once, and given out as a file of the cache or at the output', async () => {
    const first = await ask({ labels: { call: 'first' } });
    expect(first).toMatchObject({ hit: false, path: planOf('a') });
    const second = await ask({ labels: { call: 'second' } });
    expect(second).toMatchObject({ hit: true, path: planOf('a') });
    // What belongs to a call is its own.
    expect(second.manifest.labels).toEqual({ call: 'second' });
    expect(second.manifest.plan).toEqual(first.manifest.plan);

    const output = path.join(folder, 'out.tmp');
    expect(await ask({ output })).toMatchObject({ hit: true, path: null });
    expect(await fs.readFile(output, 'utf8')).toBe('plan of a');
    expect(builds).toEqual(['a']);
    expect(reports).toEqual([]);
  });

  it('with an output, is kept as well', async () => {
    const output = path.join(folder, 'out.tmp');
    expect(await ask({ output })).toMatchObject({ hit: false, path: null });
    expect(await fs.readFile(output, 'utf8')).toBe('plan of a');
    expect(await ask()).toMatchObject({ hit: true, path: planOf('a') });
    expect(builds).toEqual(['a']);
  });

  it('of other parts is another', async () => {
    await ask({ model: 'a' });
    expect(await ask({ model: 'b' })).toMatchObject({ hit: false });
    expect(builds).toEqual(['a', 'b']);
  });

  it('leaves nothing behind when it fails', async () => {
    const during = () => Promise.reject(new Error('no kernel'));
    await expect(ask({ during })).rejects.toThrow('no kernel');
    expect(await exists(entryOf('a'))).toBe(false);
    expect(await ask()).toMatchObject({ hit: false });
  });

  it('hashes a large plan once, as long as nobody changes it', async () => {
    const plan = 'x'.repeat(2 ** 20);
    await ask({ plan });
    await ask({ plan });
    await ask({ plan });
    expect(hashed).toEqual([]);
    await fs.utimes(planOf('a'), new Date(), new Date());
    expect(await ask({ plan })).toMatchObject({ hit: true });
    expect(hashed).toEqual(['plan.engine']);
  });
});

describe('callers at once', () => {
  it('#84 wait for one build and get its plan', async () => {
    const during = () => sleep(50);
    const all = await Promise.all(Array.from({ length: 16 }, () => ask({ during })));
    expect(builds).toEqual(['a']);
    expect(all.filter(({ hit }) => !hit)).toHaveLength(1);
    expect(new Set(all.map((each) => each.path))).toEqual(new Set([planOf('a')]));
  });

  it('#84 another takes over when the build fails', async () => {
    let fails = true;
    const during = async () => {
      await sleep(20);
      if (fails) {
        fails = false;
        throw new Error('killed');
      }
    };
    const outcomes = await Promise.allSettled([ask({ during }), ask({ during }), ask({ during })]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
    ]);
    expect(builds).toHaveLength(2);
  });

  it('#84 a waiter that is aborted goes at once, with its reason', async () => {
    let end = (): void => undefined;
    const during = () => new Promise<void>((resolve) => (end = resolve));
    const building = ask({ during });
    await vi.waitFor(() => expect(builds).toHaveLength(1));
    const controller = new AbortController();
    const waiting = ask({ signal: controller.signal });
    await vi.waitFor(() => expect(reports).toHaveLength(1));
    controller.abort('enough');
    await expect(waiting).rejects.toBe('enough');
    end();
    expect(await building).toMatchObject({ hit: false });
  });

  it.each(['given out', 'kept'])('#20 an abort does not wait until a plan is %s', async (what) => {
    const output = path.join(folder, 'out.tmp');
    if (what === 'given out') await ask();
    const abort = new AbortController();
    let target = '';
    let copy = (): void => undefined;
    const copyFile: PublishFiles['copyFile'] = async (from, to, mode) => {
      target = to;
      await new Promise<void>((resolve) => (copy = resolve));
      await realFiles.copyFile(from, to, mode);
    };
    const unlinked = vi.fn(realFiles.unlink);
    const files = { ...realFiles, copyFile, unlink: unlinked };
    const asked = ask({ output, files, signal: abort.signal });
    await vi.waitFor(() => expect(target).not.toBe(''));
    abort.abort(new Error('enough'));
    await expect(asked).rejects.toThrow('enough');
    // What was abandoned is gone when it ends.
    copy();
    await vi.waitFor(() => expect(unlinked).toHaveBeenCalledWith(target));
    await vi.waitFor(async () => expect(await exists(target)).toBe(false));
    expect(reports).toEqual([]);
  });

  it('#20 an abort does not wait until a plan is hashed', async () => {
    await ask();
    const abort = new AbortController();
    beforeHash = () => new Promise<void>(() => abort.abort(new Error('enough')));
    await expect(ask({ signal: abort.signal })).rejects.toThrow('enough');
  });

  it('#85 builds of two keys do not wait for each other', async () => {
    let end = (): void => undefined;
    const slow = ask({ model: 'a', during: () => new Promise<void>((resolve) => (end = resolve)) });
    await vi.waitFor(() => expect(builds).toEqual(['a']));
    expect(await ask({ model: 'b' })).toMatchObject({ hit: false });
    end();
    await slow;
  });

  it('#86 on a file system without locks each may build, with a warning', async () => {
    locks.works = false;
    expect(await ask()).toMatchObject({ hit: false, path: planOf('a') });
    expect(await ask()).toMatchObject({ hit: true });
    expect(reports).toHaveLength(1);
    expect(reports[0]).toMatch(/^warning: .*without locks/);
  });

  it('#86 there a build does not take away what another one is writing', async () => {
    locks.works = false;
    let end = (): void => undefined;
    const during = () => new Promise<void>((resolve) => (end = resolve));
    const slow = ask({ during });
    await vi.waitFor(() => expect(builds).toHaveLength(1));
    expect(await ask()).toMatchObject({ hit: false, path: planOf('a') });
    end();
    expect(await slow).toMatchObject({ hit: false, path: planOf('a') });
    expect(builds).toEqual(['a', 'a']);
    expect(reports.filter((report) => report.includes('not kept'))).toEqual([]);
  });

  it('is built where the file system tells another state of the plan each time', async () => {
    await ask();
    const output = path.join(folder, 'out.tmp');
    let looks = 0;
    identityOf = () => `state ${(looks += 1)}`;
    expect(await ask({ output })).toMatchObject({ hit: false, path: null });
    expect(await fs.readFile(output, 'utf8')).toBe('plan of a');
  });
});

describe('an entry that is not whole', () => {
  const tamper: [string, (model: string) => Promise<unknown>][] = [
    ['a changed plan', (model) => fs.writeFile(planOf(model), 'plan of x')],
    ['a truncated plan', (model) => fs.truncate(planOf(model), 3)],
    ['a manifest that is none', (model) => fs.writeFile(`${planOf(model)}.json`, '{}')],
    [
      '#88 the manifest of another key',
      async (model) => {
        await ask({ model: 'other', plan: `plan of ${model}` });
        await fs.copyFile(`${planOf('other')}.json`, `${planOf(model)}.json`);
      },
    ],
    [
      '#88 both files of another key',
      async (model) => {
        await ask({ model: 'other' });
        await fs.copyFile(`${planOf('other')}.json`, `${planOf(model)}.json`);
        await fs.copyFile(planOf('other'), planOf(model));
      },
    ],
    [
      'a link in the place of the plan',
      async (model) => {
        const elsewhere = path.join(folder, 'elsewhere');
        await fs.rename(planOf(model), elsewhere);
        await fs.symlink(elsewhere, planOf(model));
      },
    ],
    [
      'a folder in the place of the plan',
      async (model) => {
        await fs.rm(planOf(model));
        await fs.mkdir(path.join(planOf(model), 'in it'), { recursive: true });
      },
    ],
  ];

  it.each(tamper)('is built again, with a warning: %s', async (_name, change) => {
    await ask({ model: 'a' });
    await change('a');
    builds = [];
    expect(await ask()).toMatchObject({ hit: false, path: planOf('a') });
    expect(await fs.readFile(planOf('a'), 'utf8')).toBe('plan of a');
    expect(builds).toEqual(['a']);
    expect(reports).toHaveLength(1);
    expect(await ask()).toMatchObject({ hit: true });
  });

  it.each(tamper)('is ERR_TRT_CACHE under `strict`: %s', async (_name, change) => {
    await ask({ model: 'a' });
    await change('a');
    builds = [];
    expect(await codeOf(ask({ option: { strict: true } }))).toBe('ERR_TRT_CACHE');
    expect(builds).toEqual([]);
  });

  it('#89 is one without a good signature, where signatures are asked for', async () => {
    const trust = (manifest: Manifest) =>
      manifest.signature === undefined ? 'it is unsigned' : null;
    await ask();
    expect(await codeOf(ask({ trust, option: { strict: true } }))).toBe('ERR_TRT_CACHE');
    expect(await ask({ trust })).toMatchObject({ hit: false });
    expect(reports[0]).toContain('unsigned');
  });

  it.each(['plan.engine', 'plan.engine.json'])('#92 without %s, is absent', async (name) => {
    await ask();
    await fs.rm(path.join(entryOf('a'), name));
    expect(await ask()).toMatchObject({ hit: false });
    expect(reports).toEqual([]);
  });

  it('#92 is absent when it is removed between the look and the copy', async () => {
    await ask();
    const output = path.join(folder, 'out.tmp');
    let gone = false;
    const copyFile: PublishFiles['copyFile'] = async (from, to, mode) => {
      if (!gone && from === planOf('a')) await fs.rm(entryOf('a'), { recursive: true });
      gone = true;
      await realFiles.copyFile(from, to, mode);
    };
    expect(await ask({ output, files: { ...realFiles, copyFile } })).toMatchObject({ hit: false });
    expect(await fs.readFile(output, 'utf8')).toBe('plan of a');
  });

  it('#92 is looked at again when it is replaced while it is copied', async () => {
    await ask();
    const output = path.join(folder, 'out.tmp');
    let replaced = false;
    const copyFile: PublishFiles['copyFile'] = async (from, to, mode) => {
      await realFiles.copyFile(from, to, mode);
      if (!replaced && from === planOf('a')) await fs.writeFile(planOf('a'), 'something else');
      replaced = true;
    };
    expect(await ask({ output, files: { ...realFiles, copyFile } })).toMatchObject({ hit: false });
    expect(await fs.readFile(output, 'utf8')).toBe('plan of a');
  });

  it('#81 holds what a killed build left, until the next one sweeps it', async () => {
    await ask({ model: 'a' });
    const left = path.join(entryOf('b'), '.plan.engine.999999.0123456789abcdef.tmp');
    await fs.mkdir(path.dirname(left), { mode: 0o700 });
    await fs.writeFile(left, 'half a plan');
    await ask({ model: 'c' });
    expect(await exists(entryOf('b'))).toBe(false);
    expect(await exists(entryOf('a'))).toBe(true);
  });

  it('leaves files alone in a folder of digests that is not its own', async () => {
    const cache = path.join(folder, 'mine');
    const foreign = path.join(cache, 'digests', 'invoice.pdf');
    await fs.mkdir(path.dirname(foreign), { recursive: true });
    await fs.chmod(cache, 0o700);
    await fs.writeFile(foreign, 'mine');
    await fs.utimes(foreign, 0, 0);
    await ask({ option: cache });
    expect(await fs.readFile(foreign, 'utf8')).toBe('mine');
  });

  it('leaves files alone that are not its own', async () => {
    const foreign = path.join(home, 'engines', 'f'.repeat(64), 'notes.txt');
    await fs.mkdir(path.dirname(foreign), { recursive: true, mode: 0o700 });
    await fs.writeFile(foreign, 'mine');
    await ask({ option: { maxBytes: 0 } });
    expect(await fs.readFile(foreign, 'utf8')).toBe('mine');
  });
});

describe('steps of keeping an engine', () => {
  const nameOf = (file: string) =>
    path
      .basename(file)
      .replace(/^\.(.+)\.\d+\.[0-9a-f]{16}\.tmp$/, 'temp($1)')
      .replace(/^[0-9a-f]{64}$/, 'entry');

  it('#82 sync what was written, then the renames, then the folder', async () => {
    const files = new RecordingFiles(nameOf);
    await ask({ files });
    expect(files.steps).toEqual([
      'create temp(plan.engine.json)',
      'write temp(plan.engine.json)',
      'sync temp(plan.engine.json)',
      'rename temp(plan.engine.json) plan.engine.json',
      'rename temp(plan.engine) plan.engine',
      'sync entry',
    ]);
  });

  for (const errno of ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EACCES', 'EMFILE']) {
    it(`#83 ${errno} at each of them: the engine is there, whether it was kept or not`, async () => {
      for (const output of [false, true]) {
        const wish = (name: string): Wish =>
          output ? { output: path.join(folder, `${name}.out`) } : {};
        const counted = new RecordingFiles(nameOf);
        await ask({ model: `${errno}-${String(output)}`, files: counted, ...wish('whole') });
        for (let at = 0; at < counted.steps.length; at += 1) {
          reports = [];
          const model = `${errno}-${String(output)}-${at}`;
          const files = new RecordingFiles(nameOf, { at, kind: 'refuse', errno });
          const { hit, path: plan, manifest } = await ask({ model, files, ...wish(model) });
          expect(hit).toBe(false);
          expect(await fs.readFile(plan ?? tempPlan, 'utf8')).toBe(`plan of ${model}`);
          expect(manifest.cacheKey).toBe(engineKey(partsOf(model)));
          // What the last step would save from a power cut is no more than the entry itself.
          expect(reports).toHaveLength(files.steps.at(-1) === 'sync entry' ? 0 : 1);
          // No half entry: whoever asks next gets a whole one.
          const next = await ask({ model });
          expect(await fs.readFile(next.path ?? '', 'utf8')).toBe(`plan of ${model}`);
        }
      }
    });
  }

  it('#83 a full disk while the plan is written into the cache: it is built without', async () => {
    const tried: string[] = [];
    const during = (planPath: string) => {
      tried.push(path.dirname(planPath));
      if (tried.length > 1) return Promise.resolve();
      const details = { path: planPath, errno: 'ENOSPC' };
      return Promise.reject(new TrtError('ERR_TRT_WRITE', 'no space left', { details }));
    };
    expect(await ask({ during })).toMatchObject({ hit: false, path: null });
    expect(tried).toEqual([entryOf('a'), folder]);
    expect(reports).toHaveLength(1);
    expect(await exists(entryOf('a'))).toBe(false);
  });

  it('#83 under `strict` that is ERR_TRT_CACHE', async () => {
    const files = new RecordingFiles(nameOf, { at: 0, kind: 'refuse', errno: 'ENOSPC' });
    expect(await codeOf(ask({ files, option: { strict: true } }))).toBe('ERR_TRT_CACHE');
  });
});

describe('the folder of the cache', () => {
  it('is made for this user alone', async () => {
    await ask();
    for (const each of [path.join(home, 'engines'), entryOf('a')]) {
      expect((await fs.stat(each)).mode & 0o777).toBe(0o700);
    }
  });

  it.each([0o770, 0o707, 0o777])(
    '#90 is refused when others may write to it (%o)',
    async (mode) => {
      const shared = path.join(folder, 'shared');
      await fs.mkdir(shared);
      await fs.chmod(shared, mode);
      expect(await codeOf(ask({ option: shared }))).toBe('ERR_TRT_CACHE');
      expect(builds).toEqual([]);
    },
  );

  it('#90 so is an entry that others may write to, or that is a link', async () => {
    await ask();
    await fs.chmod(entryOf('a'), 0o777);
    expect(await codeOf(ask())).toBe('ERR_TRT_CACHE');
    await fs.chmod(entryOf('a'), 0o700);
    await fs.rename(entryOf('a'), path.join(folder, 'moved'));
    await fs.symlink(path.join(folder, 'moved'), entryOf('a'));
    expect(await codeOf(ask())).toBe('ERR_TRT_CACHE');
  });

  it('#86 that cannot be made: the engine is built without, with a warning', async () => {
    await fs.writeFile(path.join(folder, 'file'), '');
    const option = { folder: path.join(folder, 'file', 'cache') };
    expect(await ask({ option })).toMatchObject({ hit: false, path: null });
    expect(reports).toHaveLength(1);
    expect(await codeOf(ask({ option: { ...option, strict: true } }))).toBe('ERR_TRT_CACHE');
  });
});

describe('eviction', () => {
  const hourAgo = () => new Date(Date.now() - 3_600_000);
  /** Two entries that were used long ago, the first before the second. */
  async function oldEntries(): Promise<number> {
    await ask({ model: 'a' });
    await ask({ model: 'b' });
    const used = hourAgo();
    await fs.utimes(`${planOf('a')}.json`, used, new Date(used.getTime() - 1000));
    await fs.utimes(`${planOf('b')}.json`, used, used);
    const sizes = [planOf('a'), `${planOf('a')}.json`].map(
      async (file) => (await fs.stat(file)).size,
    );
    return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  }

  it('#91 takes the one that was not used for the longest time', async () => {
    const size = await oldEntries();
    await ask({ model: 'c', option: { maxBytes: 2.5 * size - ((2.5 * size) % 1) } });
    expect(await exists(planOf('a'))).toBe(false);
    expect(await exists(planOf('b'))).toBe(true);
    expect(await exists(planOf('c'))).toBe(true);
  });

  it('#91 spares one that was used since', async () => {
    const size = await oldEntries();
    await ask({ model: 'a' });
    await ask({ model: 'c', option: { maxBytes: Math.floor(2.5 * size) } });
    expect(await exists(planOf('a'))).toBe(true);
    expect(await exists(planOf('b'))).toBe(false);
  });

  it('#91 never takes one whose lock is held, nor one that was used a moment ago', async () => {
    await oldEntries();
    const held = await locks.lockFolder(entryOf('a'), 0);
    await ask({ model: 'c', option: { maxBytes: 0 } });
    held.release();
    expect(await exists(planOf('a'))).toBe(true);
    expect(await exists(planOf('b'))).toBe(false);
    await ask({ model: 'd', option: { maxBytes: 0 } });
    // c was used just now.
    expect(await exists(planOf('c'))).toBe(true);
    expect(await exists(planOf('a'))).toBe(false);
  });

  it('#91 a time in the future keeps nothing for ever, and equal times are told apart', async () => {
    await oldEntries();
    const future = new Date(Date.now() + 365 * 86_400_000);
    for (const model of ['a', 'b']) await fs.utimes(`${planOf(model)}.json`, future, future);
    await ask({ model: 'c', option: { maxBytes: 0 } });
    expect(await exists(planOf('a'))).toBe(false);
    expect(await exists(planOf('b'))).toBe(false);
  });

  it('#86 takes nothing where no lock tells what is in use', async () => {
    await oldEntries();
    locks.works = false;
    await ask({ model: 'c', option: { maxBytes: 0 } });
    expect(await exists(planOf('a'))).toBe(true);
  });
});

describe('a lock whose folder goes away', () => {
  it('is taken anew on the folder that is there', async () => {
    await ask({ model: 'z' });
    let tries = 0;
    locks.beforeTry = async (at) => {
      tries += 1;
      // Another process had it, and removed the empty folder with it.
      if (tries === 1) await fs.rmdir(at);
    };
    expect(await ask()).toMatchObject({ hit: false, path: planOf('a') });
    expect(tries).toBeGreaterThan(2);
  });
});
