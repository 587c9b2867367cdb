import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { manifestFor, manifestPathOf, manifestText, parseManifest } from '../../lib/manifest';
import { publish } from '../../lib/publish';
import { realFiles, type PublishFiles, type PublishHandle } from '../../lib/publish-files';
import { tempPathFor } from '../../lib/temp-files';
import { digestOf, fileWork as work, manifestFixture } from '../support/manifests';

/** What reaches the disk: contents when the file is synced, names when the folder is. */
type Operation =
  | { readonly kind: 'create' | 'sync'; readonly file: string }
  | { readonly kind: 'write'; readonly file: string; readonly text: string }
  | { readonly kind: 'rename'; readonly file: string; readonly to: string }
  | { readonly kind: 'sync-folder' };

/** The real file system, and a record of what it was asked. */
class JournalFiles implements PublishFiles {
  readonly journal: Operation[] = [];

  constructor(private readonly folder: string) {}

  async open(file: string, flags: string): Promise<PublishHandle> {
    const handle = await realFiles.open(file, flags);
    if (flags !== 'r') this.journal.push({ kind: 'create', file });
    return {
      writeFile: async (data) => {
        this.journal.push({ kind: 'write', file, text: Buffer.from(data as string).toString() });
        await handle.writeFile(data);
      },
      sync: async () => {
        this.journal.push(file === this.folder ? { kind: 'sync-folder' } : { kind: 'sync', file });
        await handle.sync();
      },
      close: () => handle.close(),
    };
  }

  async rename(file: string, to: string): Promise<void> {
    this.journal.push({ kind: 'rename', file, to });
    await realFiles.rename(file, to);
  }

  readonly unlink = realFiles.unlink;
  readonly copyFile = realFiles.copyFile;
  readonly readFile = realFiles.readFile;
  readonly readdir = realFiles.readdir;
  readonly stat = realFiles.stat;
}

type Disk = ReadonlyMap<string, string>;

function subsets<T>(values: readonly T[]): Set<T>[] {
  return [...Array(2 ** values.length).keys()].map(
    (bits) => new Set(values.filter((_, index) => bits & (1 << index))),
  );
}

/**
 * Every disk that a power cut after `journal` may leave. What was not synced is lost: a file's content wholly, and of the changes
 * of names any of them, in whatever order.
 */
function disksAfter(start: Disk, journal: readonly Operation[]): Disk[] {
  const last = journal.findLastIndex(({ kind }) => kind === 'sync-folder');
  const pending = journal
    .slice(last + 1)
    .filter(({ kind }) => kind === 'create' || kind === 'rename');
  const lost = subsets(pending);
  return lost.map((dropped) => {
    const names = new Map<string, { durable: string; text: string }>();
    // Of which file a handle was opened: by the name it was made with.
    const made = new Map<string, { durable: string; text: string }>();
    for (const [name, text] of start) {
      const file = { durable: text, text };
      names.set(name, file);
      made.set(name, file);
    }
    for (const operation of journal) {
      switch (operation.kind) {
        case 'create': {
          const file = { durable: '', text: '' };
          made.set(operation.file, file);
          if (!dropped.has(operation)) names.set(operation.file, file);
          break;
        }
        case 'write':
          made.get(operation.file)!.text += operation.text;
          break;
        case 'sync': {
          const file = made.get(operation.file)!;
          file.durable = file.text;
          break;
        }
        case 'rename':
          if (dropped.has(operation)) break;
          names.set(operation.to, made.get(operation.file)!);
          names.delete(operation.file);
          break;
        case 'sync-folder':
          break;
      }
    }
    return new Map([...names].map(([name, { durable }]) => [name, durable]));
  });
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'power-cut-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('#82 a power cut at any moment, with all lost that was not synced, leaves a pair that agrees', async () => {
  const output = path.join(folder, 'a.engine');
  const manifestPath = manifestPathOf(output);
  const tempPlan = tempPathFor(output);
  const start = new Map([
    [output, 'old'],
    [manifestPath, manifestText(manifestFixture('old'))],
    // The builder has synced it.
    [tempPlan, 'new'],
  ]);
  for (const [file, text] of start) await writeFile(file, text);
  const files = new JournalFiles(folder);
  await publish({ tempPlan, output, manifest: manifestFixture('new'), work, files });

  const plans = new Set<string>();
  /** After how many operations a cut may leave a pair that does not agree. */
  const mismatches = (journal: readonly Operation[]): number[] =>
    [...Array(journal.length + 1).keys()].filter((cut) =>
      disksAfter(start, journal.slice(0, cut)).some((disk) => {
        const plan = disk.get(output)!;
        plans.add(plan);
        const text = disk.get(manifestPath)!;
        if (text === '') return true;
        const its = manifestFor(parseManifest(text, manifestPath), digestOf(plan).sha256);
        return JSON.stringify(its) !== JSON.stringify(manifestFixture(plan));
      }),
    );
  const { journal } = files;
  expect(mismatches(journal)).toEqual([]);
  expect([...plans]).toEqual(['old', 'new']);
  // In the end nothing more can be lost.
  expect(disksAfter(start, journal)).toHaveLength(1);
  // Each sync is needed, but for the last one, after which nothing is to come.
  const syncs = journal.filter(({ kind }) => kind.startsWith('sync'));
  for (const left of syncs.slice(0, -1)) {
    expect(mismatches(journal.filter((operation) => operation !== left))).not.toEqual([]);
  }
});
