import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import type { NativeLibraryFiles } from '../binding';
import type { Flavour } from '../manifest-schema';
import { compareVersions } from './versions';

export type CandidateKind = 'full' | 'lean' | 'dispatch';

/** A file that its name says is a TensorRT. Nothing has opened it. */
export interface Candidate {
  readonly flavour: Flavour;
  readonly kind: CandidateKind;
  readonly files: NativeLibraryFiles;
  readonly source: string;
  /** As far as file names tell: `10.6.0`, `10`, or null. */
  readonly namedVersion: string | null;
  /** Device and inode of the core library: however many links lead to a file, it is one candidate. */
  readonly identity: string;
}

interface LibraryName {
  readonly flavour: Flavour;
  readonly kind: CandidateKind;
  readonly version: string | null;
}

const enterpriseName = /^libnvinfer(_lean|_dispatch)?\.so(?:\.(\d+(?:\.\d+)*))?$/;
const rtxName = /^libtensorrt_rtx\.so(?:\.(\d+(?:\.\d+)*))?$/;

export function parseLibraryName(name: string): LibraryName | null {
  const enterprise = enterpriseName.exec(name);
  if (enterprise) {
    const kind = enterprise[1] ? (enterprise[1].slice(1) as 'lean' | 'dispatch') : 'full';
    return { flavour: 'tensorrt', kind, version: enterprise[2] ?? null };
  }
  const rtx = rtxName.exec(name);
  return rtx ? { flavour: 'tensorrt-rtx', kind: 'full', version: rtx[1] ?? null } : null;
}

/** The TensorRTs in a folder, each file once, best first; empty when the folder cannot be read. */
export async function candidatesIn(folder: string, source: string): Promise<Candidate[]> {
  const names = await readdir(folder).catch((): string[] => []);
  const libraries = names.flatMap((name) => {
    const parsed = parseLibraryName(name);
    return parsed ? [{ name, ...parsed }] : [];
  });
  const versioned = libraries.filter((library) => library.version !== null);
  // An unversioned name is for linking; it is looked at only where a library has no other name.
  const linkNames = libraries.filter(
    (library) =>
      library.version === null &&
      !versioned.some((other) => other.flavour === library.flavour && other.kind === library.kind),
  );
  const ranked = [...versioned, ...linkNames].sort(
    (a, b) =>
      rank(a) - rank(b) ||
      // `libnvinfer.so.10` before `libnvinfer.so.10.6.0`: the first is what others link to.
      a.name.split('.').length - b.name.split('.').length ||
      compareVersions(b.version ?? '0', a.version ?? '0'),
  );
  const found: Candidate[] = [];
  for (const { name } of ranked) {
    const candidate = await candidateAt(path.join(folder, name), source, names);
    if (candidate) found.push(candidate);
  }
  return distinct(found);
}

/** The TensorRT in one named file; a name that says nothing is taken for a TensorRT, opening it tells. */
export async function candidateAt(
  file: string,
  source: string,
  siblings?: readonly string[],
): Promise<Candidate | null> {
  const facts = await stat(file).catch(() => null);
  if (!facts?.isFile()) return null;
  const folder = path.dirname(file);
  const resolved = parseLibraryName(path.basename(await realpath(file)));
  const parsed = parseLibraryName(path.basename(file)) ??
    resolved ?? { flavour: 'tensorrt' as const, kind: 'full' as const, version: null };
  const names = siblings ?? (await readdir(folder).catch((): string[] => []));
  const parser = parserBeside(parsed, names);
  return {
    flavour: parsed.flavour,
    kind: parsed.kind,
    files: { core: file, parser: parser && path.join(folder, parser) },
    source,
    namedVersion: resolved?.version ?? parsed.version,
    // The size too: some network file systems number their files anew.
    identity: `${facts.dev}:${facts.ino}:${facts.size}`,
  };
}

export function distinct(candidates: readonly Candidate[]): Candidate[] {
  const seen = new Set<string>();
  return candidates.filter(({ identity }) => !seen.has(identity) && seen.add(identity));
}

function parserBeside(core: LibraryName, names: readonly string[]): string | null {
  const stem =
    core.flavour === 'tensorrt-rtx' ? 'libtensorrt_onnxparser_rtx.so' : 'libnvonnxparser.so';
  const major = core.version?.split('.')[0];
  const wanted =
    core.version === null || major === undefined
      ? [stem]
      : [`${stem}.${core.version}`, `${stem}.${major}`];
  const exact = wanted.find((name) => names.includes(name));
  if (exact !== undefined) return exact;
  const prefix = major === undefined ? `${stem}.` : `${stem}.${major}.`;
  const longer = names.filter((name) => name.startsWith(prefix)).sort();
  return longer.at(-1) ?? null;
}

/** 10 is the line that ran on most GPUs, 11 the newest; then RTX; then what can only be reported. */
function rank({ flavour, kind, version }: LibraryName): number {
  if (kind !== 'full') return 5;
  if (flavour === 'tensorrt-rtx') return 3;
  const major = version?.split('.')[0];
  if (major === '10') return 0;
  if (major === '11') return 1;
  return version === null ? 2 : 4;
}
