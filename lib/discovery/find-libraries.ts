import { constants, type Stats } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import path from 'node:path';
import type { NativeLibraryFiles, NativeLibraryProbe } from '../binding';
import { invalidArgument, TrtError } from '../errors';
import type { Flavour } from '../manifest-schema';
import { candidateAt, candidatesIn, distinct, type Candidate } from './candidates';
import { isUsable, type Discovery, type FoundLibrary, type Place } from './found-library';
import { openHere } from './open-here';
import { openInChild } from './open-in-child';
import type { SearchGoal } from './search-goal';
import { libraryFoldersOf, searchPaths, type SearchPath } from './places';
import { usableReleases } from './supported-releases';

export interface FindLibrariesOptions {
  /** A library file or a folder; only it is looked at then. ERR_TRT_LIBRARY_NOT_FOUND when it does not exist. */
  readonly library?: string | undefined;
  /** Only candidates of this flavour are opened (a given `library` always is). Both when omitted. */
  readonly flavour?: Flavour | undefined;
  /** Opening ends once it is met, and `libraries` are then those that were opened. All are opened when omitted. */
  readonly goal?: SearchGoal | undefined;
  /** Default: process.env. The child that opens the candidates gets it too. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Milliseconds for one candidate; 30000 when omitted. */
  readonly timeoutMs?: number | undefined;
  /** Where a candidate is opened: a crash of its ends that process. `thread`: this one. `process` when omitted: a child. */
  readonly isolation?: 'process' | 'thread' | undefined;
}

/** Opens one library and says what it is; rejects with the TrtError that becomes the library's `problem`. */
export type OpenLibrary = (
  files: NativeLibraryFiles,
  options: { env: NodeJS.ProcessEnv; timeoutMs: number },
) => Promise<NativeLibraryProbe>;

/** What tests put in the place of the real machine. */
export interface SearchSeams {
  readonly open?: OpenLibrary;
  readonly root?: string;
  readonly arch?: string;
}

/** What the small runtimes cannot do, in NVIDIA's terms: neither has a builder. */
const limits: Readonly<Record<'lean' | 'dispatch', string>> = {
  lean: 'it cannot build, and loads none but version-compatible plans',
  dispatch: 'it cannot build, and can only hand version-compatible plans over to a lean runtime',
};

const defaultTimeoutMs = 30_000;

/**
 * Lists the TensorRTs on this machine, usable or with their problems, and every place that was looked at. When no library
 * meets the goal, or none is given, it is all of them.
 */
export async function findLibraries(
  options: FindLibrariesOptions = {},
  seams: SearchSeams = {},
): Promise<Discovery> {
  const { open = openerOf(options), root = '/', arch = process.arch } = seams;
  const { library, flavour, goal, env = process.env, timeoutMs = defaultTimeoutMs } = options;
  const requested = library === undefined ? null : await requestedPath(library);
  const paths =
    requested === null
      ? await searchPaths({ env, root, arch })
      : [requested, ...libraryFoldersOf(requested, arch)].map((each) => ({
          path: each,
          source: 'library option',
        }));

  const places: Place[] = [];
  const candidates: Candidate[] = [];
  for (const searched of distinctPaths(paths)) {
    const { facts, unreadable } = await factsOf(searched.path);
    // Below a given library, lib/ and lib64/ are a courtesy: where they are missing they were not asked for.
    if (facts !== null || requested === null || unreadable !== null) {
      places.push({
        ...searched,
        exists: facts !== null,
        ...(unreadable !== null && { unreadable }),
      });
    }
    if (facts?.isDirectory()) {
      candidates.push(...(await candidatesIn(searched.path, searched.source)));
    } else if (facts) {
      const candidate = await candidateAt(searched.path, searched.source);
      if (candidate) candidates.push(candidate);
    }
  }

  const wanted = distinct(candidates).filter(
    (candidate) => requested !== null || flavour === undefined || candidate.flavour === flavour,
  );
  const opened = new Map<Candidate, FoundLibrary>();
  // One after another: each child maps up to gigabytes, and with a goal the first answer is mostly the last one needed.
  for (const candidate of goal ? ranked(wanted, goal) : wanted) {
    const found = await lookAt(candidate, open, { env, timeoutMs });
    opened.set(candidate, found);
    if (goal && isUsable(found) && (await goal.isMetBy(found))) break;
  }
  // In the order of the search, whatever was opened first.
  const libraries = wanted.flatMap((candidate) => opened.get(candidate) ?? []);
  return { libraries, places, requested };
}

const openerOf = ({ isolation }: FindLibrariesOptions): OpenLibrary =>
  isolation === 'thread' ? openHere : openInChild;

/** What is at a path; `unreadable` is the system's code where something may be there and cannot be looked at. */
async function factsOf(file: string): Promise<{ facts: Stats | null; unreadable: string | null }> {
  let facts: Stats | null = null;
  try {
    facts = await stat(file);
    if (facts.isDirectory()) await access(file, constants.R_OK | constants.X_OK);
    return { facts, unreadable: null };
  } catch (error) {
    const code = systemCodeOf(error);
    return { facts, unreadable: code === 'ENOENT' || code === 'ENOTDIR' ? null : code };
  }
}

function systemCodeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

async function requestedPath(library: string): Promise<string> {
  if (typeof library !== 'string' || library === '') {
    throw invalidArgument('library', 'the path of a TensorRT library or of its folder', library);
  }
  const absolute = path.resolve(library);
  try {
    await stat(absolute);
  } catch (cause) {
    throw new TrtError(
      'ERR_TRT_LIBRARY_NOT_FOUND',
      `expected a TensorRT library or a folder with one at \`library\` (--library), but ${absolute} cannot be opened (${systemCodeOf(cause)}). ` +
        'Correct the path, or leave `library` (--library) out to search this machine.',
      { cause, details: { path: absolute } },
    );
  }
  return absolute;
}

async function lookAt(
  candidate: Candidate,
  open: OpenLibrary,
  options: { env: NodeJS.ProcessEnv; timeoutMs: number },
): Promise<FoundLibrary> {
  const { flavour, files, source, namedVersion, kind } = candidate;
  const unusable = (problem: TrtError): FoundLibrary => {
    const told = problem.details['version'];
    return {
      flavour,
      files,
      source,
      version: typeof told === 'string' ? told : namedVersion,
      problem,
    };
  };
  if (kind !== 'full') {
    return unusable(
      new TrtError(
        'ERR_TRT_LIBRARY_UNSUPPORTED',
        `${files.core} is TensorRT's ${kind} runtime: ${limits[kind]}. trt-node does not use it and needs the full one: ${usableReleases}.`,
        { details: { path: files.core, kind } },
      ),
    );
  }
  try {
    const probe = await open(files, options);
    return {
      flavour: probe.flavour,
      version: probe.version,
      abi: probe.abi,
      files,
      source,
      hasBuilder: probe.hasBuilder && files.parser !== null,
      hasRuntime: probe.hasRuntime,
      parserVersion: probe.parserVersion,
      problem: null,
    };
  } catch (error) {
    if (error instanceof TrtError) return unusable(error);
    throw error;
  }
}

function distinctPaths(paths: readonly SearchPath[]): SearchPath[] {
  const seen = new Set<string>();
  return paths.filter(({ path: each }) => !seen.has(each) && seen.add(each));
}

/** A stable sort: equals stay in the order of the search, which is the user's. */
function ranked(candidates: readonly Candidate[], { rank }: SearchGoal): Candidate[] {
  return [...candidates].sort((a, b) => rank(a) - rank(b));
}
