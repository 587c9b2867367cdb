import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { manifestFor, manifestPathOf, manifestText, readManifest } from '../../lib/manifest';
import type { Manifest } from '../../lib/manifest-schema';
import { publish } from '../../lib/publish';
import type { PublishFiles } from '../../lib/publish-files';
import { tempPathFor } from '../../lib/temp-files';
import { digestOf, fileWork as work, manifestFixture, planDigestOf } from '../support/manifests';
import { RecordingFiles } from '../support/recording-files';

let folder: string;
let output: string;
let manifestPath: string;
let tempPlan: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'publish-'));
  await startOver();
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** An empty folder with the finished plan `new` in a temp file. */
async function startOver(): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  output = path.join(folder, 'a.engine');
  manifestPath = manifestPathOf(output);
  tempPlan = tempPathFor(output);
  await writeFile(tempPlan, 'new');
}

const settings = {
  nothing: () => Promise.resolve(),
  'a pair': async () => {
    await writeFile(output, 'old');
    await writeFile(manifestPath, manifestText(fresh('old')));
  },
  'a plan of another tool': () => writeFile(output, 'old'),
  'a plan with a manifest that is not its own': async () => {
    await writeFile(output, 'old');
    await writeFile(manifestPath, manifestText(manifestFixture('other')));
  },
  'a plan with a damaged manifest': async () => {
    await writeFile(output, 'old');
    await writeFile(manifestPath, manifestText({ ...fresh('old'), version: '' }));
  },
  'a plan with an empty file beside it': async () => {
    await writeFile(output, 'old');
    await writeFile(manifestPath, '');
  },
  'what a crash left between two renames': async () => {
    await writeFile(output, 'old');
    const previous = fresh('old');
    await writeFile(manifestPath, manifestText(manifestFixture('other', { previous })));
  },
} satisfies Record<string, () => Promise<void>>;

const settingNames = Object.keys(settings) as (keyof typeof settings)[];

/** With both digests, as builds write them. */
function fresh(plan: string): Manifest {
  return manifestFixture(plan, { plan: planDigestOf(plan) });
}

function start(files?: PublishFiles): Promise<void> {
  const manifest = fresh('new');
  return publish({ tempPlan, output, manifest, work, ...(files ? { files } : {}) });
}

/** Names of files without what is random in them. */
function nameOf(file: string): string {
  if (file === folder) return 'folder';
  return path.basename(file).replace(/^\.(.+)\.\d+\.[0-9a-f]{16}\.tmp$/, 'temp:$1');
}

async function steps(): Promise<string[]> {
  const files = new RecordingFiles(nameOf);
  await start(files);
  return files.steps;
}

async function planOnDisk(): Promise<string | null> {
  return readFile(output, 'utf8').catch(() => null);
}

/** The manifest that describes the plan on disk. */
async function descriptionOnDisk(): Promise<ReturnType<typeof manifestFor>> {
  const manifest = await readManifest(manifestPath);
  const plan = await planOnDisk();
  if (manifest === null || plan === null) return null;
  const found = manifestFor(manifest, digestOf(plan).sha256);
  if (found !== null && found !== 'digest-only')
    expect(planDigestOf(plan)).toMatchObject(found.plan);
  return found;
}

describe('publish', () => {
  it('writes everything before the first rename, and renames manifest, plan, manifest', async () => {
    await settings['a pair']();
    expect(await steps()).toEqual([
      'create temp:a.engine.json',
      'write temp:a.engine.json',
      'sync temp:a.engine.json',
      'create temp:a.engine.json',
      'write temp:a.engine.json',
      'sync temp:a.engine.json',
      'rename temp:a.engine.json a.engine.json',
      'sync folder',
      'rename temp:a.engine a.engine',
      'sync folder',
      'rename temp:a.engine.json a.engine.json',
      'sync folder',
    ]);
  });

  it.each(settingNames)('replaces %s and leaves nothing else', async (setting) => {
    await settings[setting]();
    await start();
    expect((await readdir(folder)).sort()).toEqual(['a.engine', 'a.engine.json']);
    expect(await planOnDisk()).toBe('new');
    expect(await readManifest(manifestPath)).toEqual(fresh('new'));
  });

  it.each(settingNames)(
    '#80 over %s, a kill before any step leaves a pair that agrees',
    async (name) => {
      await settings[name]();
      const { length } = await steps();
      expect(length).toBeGreaterThan(6);
      const outcomes = new Set<string | null>();
      for (let at = 0; at < length; at += 1) {
        await startOver();
        await settings[name]();
        const untouched = await readFile(manifestPath, 'utf8').catch(() => null);
        await expect(start(new RecordingFiles(nameOf, { at, kind: 'kill' }))).rejects.toThrow();

        const plan = await planOnDisk();
        outcomes.add(plan);
        const now = await readFile(manifestPath, 'utf8').catch(() => null);
        if (plan === 'new') {
          expect(await descriptionOnDisk(), `killed at ${at}`).toEqual(fresh('new'));
        } else if (plan === 'old' && now !== untouched) {
          const whole = name === 'a pair' || name === 'what a crash left between two renames';
          expect(await descriptionOnDisk(), `killed at ${at}`).toEqual(
            whole ? fresh('old') : 'digest-only',
          );
        }
        // The next publication cleans up behind it.
        await writeFile(tempPlan, 'new');
        await start();
        expect(await readManifest(manifestPath)).toEqual(fresh('new'));
      }
      // Both sides of the plan's rename were seen.
      expect([...outcomes]).toEqual([name === 'nothing' ? null : 'old', 'new']);
    },
  );

  it.each(settingNames)(
    '#83 over %s, a refused step is ERR_TRT_WRITE and leaves no temp file',
    async (name) => {
      await settings[name]();
      const names = await steps();
      const planRename = names.indexOf('rename temp:a.engine a.engine');
      for (let at = 0; at < names.length; at += 1) {
        await startOver();
        await settings[name]();
        const before = await readFile(manifestPath, 'utf8').catch(() => null);
        const files = new RecordingFiles(nameOf, { at, kind: 'refuse', errno: 'ENOSPC' });
        await expect(start(files), names[at]).rejects.toMatchObject({
          code: 'ERR_TRT_WRITE',
          details: { path: output, errno: 'ENOSPC' },
        });
        const left = await readdir(folder);
        expect(
          left.filter((file) => file.endsWith('.tmp')),
          names[at],
        ).toEqual([]);
        if (at > planRename) {
          expect(await planOnDisk()).toBe('new');
          expect(await descriptionOnDisk()).toEqual(fresh('new'));
          continue;
        }
        expect(await planOnDisk()).toBe(name === 'nothing' ? null : 'old');
        const now = await readFile(manifestPath, 'utf8').catch(() => null);
        expect(now, names[at]).toBe(before);
      }
    },
  );

  it('#83 replaces no file that was put in the place of the manifest meanwhile', async () => {
    await writeFile(manifestPath, '{"name":"package"}');
    await expect(start()).rejects.toMatchObject({
      code: 'ERR_TRT_WRITE',
      details: { path: manifestPath },
    });
    expect(await readFile(manifestPath, 'utf8')).toBe('{"name":"package"}');
    expect(await readdir(folder)).toEqual(['a.engine.json']);
  });

  it('lets two publications to one path follow each other', async () => {
    const second = tempPathFor(output);
    await writeFile(second, 'second');
    const manifest = manifestFixture('second');
    await Promise.all([start(), publish({ tempPlan: second, output, manifest, work })]);
    expect(await planOnDisk()).toBe('second');
    expect(await readManifest(manifestPath)).toEqual(manifest);
  });

  it('goes on after a publication to the same path has failed', async () => {
    const failing = start(new RecordingFiles(nameOf, { at: 0, kind: 'refuse' }));
    const second = tempPathFor(output);
    await writeFile(second, 'second');
    const manifest = manifestFixture('second');
    const following = publish({ tempPlan: second, output, manifest, work });
    await expect(failing).rejects.toMatchObject({ code: 'ERR_TRT_WRITE' });
    await following;
    expect(await planOnDisk()).toBe('second');
  });

  it('accepts a file system that cannot sync folders', async () => {
    const names = await steps();
    await startOver();
    const at = names.indexOf('sync folder');
    await start(new RecordingFiles(nameOf, { at, kind: 'refuse', errno: 'EINVAL' }));
    expect(await descriptionOnDisk()).toEqual(fresh('new'));
  });

  it('reports a folder that is gone', async () => {
    await rm(folder, { recursive: true });
    await expect(start()).rejects.toMatchObject({
      code: 'ERR_TRT_WRITE',
      details: { errno: 'ENOENT' },
    });
  });
});
