import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Flavour } from '../manifest-schema';

export const recordName = 'bundle.json';
export const recordSchema = 'trt-node/bundle';

/** What a file in a bundle is for. */
export type BundleKind =
  | 'addon'
  | 'trt-node'
  | 'dependency'
  | 'library'
  | 'builder'
  | 'plugin'
  | 'plan'
  | 'manifest'
  | 'licence';

/** A file; paths are relative to the bundle, with `/`. */
export interface BundleFile {
  readonly path: string;
  readonly kind: BundleKind;
  readonly sizeBytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** A symbolic link within the bundle. */
export interface BundleLink {
  readonly path: string;
  readonly kind: BundleKind;
  /** Relative to the link's folder. */
  readonly link: string;
}

export interface BundledLibrary {
  readonly flavour: Flavour;
  readonly version: string;
  readonly core: string;
  /** null without a builder. */
  readonly parser: string | null;
}

export interface BundledPlan {
  readonly path: string;
  /** null: the plan has none, so nothing but its header can be checked. */
  readonly manifest: string | null;
  readonly flavour: Flavour;
  readonly version: string;
  /** What it runs on; null without a manifest. */
  readonly computeCapabilities: readonly string[] | null;
}

/** `bundle.json`. It holds no time and no path of the machine that made it: the same inputs give the same file. */
export interface BundleRecord {
  readonly schema: typeof recordSchema;
  readonly schemaVersion: 1;
  /** `incomplete` while it is written: what a killed run leaves is not used. */
  readonly state: 'complete' | 'incomplete';
  /** trt-node's version. */
  readonly version: string;
  /** `linux-x64` */
  readonly platform: string;
  readonly builder: boolean;
  readonly libraries: readonly BundledLibrary[];
  readonly plans: readonly BundledPlan[];
  /** What must be where the bundle runs. */
  readonly requires: {
    /** A range, as in package.json. */
    readonly node: string;
    readonly glibc: string | null;
    /** Of libstdc++: the newest `GLIBCXX_` version. */
    readonly glibcxx: string | null;
    /** Of the C and C++ runtime, which Node.js' images have. */
    readonly libraries: readonly string[];
    /** `lib` when a library in it is found by LD_LIBRARY_PATH alone; null: no variable is needed. */
    readonly libraryPath: string | null;
  };
  readonly files: readonly (BundleFile | BundleLink)[];
  /** Of all files, links not counted. */
  readonly totalBytes: number;
}

/** The record in `folder`, whole or not; null: the folder is no bundle. */
export function readBundleRecord(folder: string): BundleRecord | null {
  try {
    const value: unknown = JSON.parse(readFileSync(path.join(folder, recordName), 'utf8'));
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}

function isRecord(value: unknown): value is BundleRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { schema, schemaVersion, state, files } = value as Partial<BundleRecord>;
  return (
    schema === recordSchema &&
    schemaVersion === 1 &&
    (state === 'complete' || state === 'incomplete') &&
    Array.isArray(files) &&
    files.every((file: unknown) => isInside((file as Partial<BundleFile> | null)?.path))
  );
}

/** What a record names is replaced with its bundle: it must not lead out of the folder. */
function isInside(file: unknown): boolean {
  if (typeof file !== 'string' || file === '' || path.posix.isAbsolute(file)) return false;
  return !path.posix.normalize(file).startsWith('..');
}
