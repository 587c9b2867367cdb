import { TrtError } from '../errors';
import { flavourNames } from '../gpu-support';
import type { Flavour } from '../manifest-schema';
import { isUsable, type Discovery, type FoundLibrary, type UsableLibrary } from './found-library';
import { usableReleases } from './supported-releases';

/** A library in one line: `TensorRT 10.6.0 at /usr/lib/… (system folder)`. */
export function describeLibrary({ flavour, version, files, source }: FoundLibrary): string {
  return `${flavourNames[flavour]} ${version ?? '(version unknown)'} at ${files.core} (${source})`;
}

/** No library of `flavours`: what else there is, every place that was looked at, and where to get one. */
export function libraryNotFound(found: Discovery, flavours: readonly Flavour[]): TrtError {
  const wanted = flavours.map((flavour) => flavourNames[flavour]).join(' or ');
  const others = found.libraries.filter(({ flavour }) => !flavours.includes(flavour));
  const lines = [
    found.requested === null
      ? `${wanted} was not found on this machine.`
      : `${wanted} was not found at ${found.requested}.`,
    ...others.map((library) => `There is ${describeLibrary(library)}.`),
    'Looked at:',
    ...placeLines(found.places),
    flavours.includes('tensorrt-rtx')
      ? 'Run `npx trt-node setup` to fetch TensorRT-RTX, or install TensorRT and name its folder in TRT_NODE_LIBRARY_PATH.'
      : 'Install TensorRT (for example `pip install tensorrt`) and name its folder in TRT_NODE_LIBRARY_PATH.',
  ];
  return new TrtError('ERR_TRT_LIBRARY_NOT_FOUND', lines.join('\n'), {
    details: {
      requested: found.requested,
      places: found.places.map(({ path }) => path),
      flavours,
    },
  });
}

/** A line for each place, but one for all of a source's places that do not exist: there can be dozens. */
function placeLines(places: Discovery['places']): string[] {
  const lines = places
    .filter(({ exists, unreadable }) => exists || unreadable !== undefined)
    .map(({ path, source, unreadable }) =>
      unreadable === undefined
        ? `  ${path} (${source})`
        : `  ${path} (${source}, cannot be read: ${unreadable})`,
    );
  const missing = places.filter(({ exists, unreadable }) => !exists && unreadable === undefined);
  for (const source of new Set(missing.map((place) => place.source))) {
    const paths = missing.filter((place) => place.source === source).map(({ path }) => path);
    lines.push(
      paths.length === 1
        ? `  ${paths.join()} (${source}, does not exist)`
        : `  ${paths.length} folders that do not exist (${source})`,
    );
  }
  return lines;
}

/** There are libraries and none can be used: the most telling problem, and the others below it. */
export function unusableLibraries(libraries: readonly FoundLibrary[]): TrtError | null {
  const problems = libraries.flatMap((library) =>
    isUsable(library) ? [] : [{ library, problem: library.problem }],
  );
  // "Too old" is certain and names the remedy; a failed load may have many reasons.
  const first =
    problems.find(
      ({ problem }) =>
        problem.code === 'ERR_TRT_LIBRARY_UNSUPPORTED' && problem.details['kind'] === undefined,
    ) ??
    problems.find(({ problem }) => problem.code === 'ERR_TRT_LIBRARY_LOAD') ??
    problems[0];
  if (!first) return null;
  const rest = problems.filter((each) => each !== first);
  const lines = [
    first.problem.message,
    `Found: ${describeLibrary(first.library)}. trt-node works with ${usableReleases}.`,
    ...rest.map(
      ({ library, problem }) => `Neither usable: ${describeLibrary(library)}: ${problem.message}`,
    ),
  ];
  return new TrtError(first.problem.code, lines.join('\n'), {
    cause: first.problem,
    log: first.problem.log,
    details: {
      ...first.problem.details,
      path: first.library.files.core,
      version: first.library.version,
    },
  });
}

/**
 * The problem of a given `library` file that cannot be used. What its name makes of it is a guess, so it is told before
 * anything that would follow from its flavour.
 */
export function requestedFileProblem({ libraries, requested }: Discovery): TrtError | null {
  const file = libraries.find(({ files }) => files.core === requested);
  if (!file || isUsable(file)) return null;
  const { problem } = file;
  return new TrtError(
    problem.code,
    `${problem.message}\n\`library\` (--library) names that file; trt-node works with ${usableReleases}.`,
    {
      cause: problem,
      log: problem.log,
      details: { ...problem.details, path: file.files.core, version: file.version },
    },
  );
}

/** A library that can be opened and cannot build. */
export function builderMissing(library: UsableLibrary): TrtError {
  const parser =
    library.flavour === 'tensorrt-rtx'
      ? 'libtensorrt_onnxparser_rtx.so.1'
      : `libnvonnxparser.so.${library.version.split('.')[0] ?? ''}`;
  const why =
    library.files.parser === null
      ? `the ONNX parser ${parser} does not lie beside it. Install it there (with apt: libnvonnxparsers${library.version.split('.')[0] ?? ''})`
      : 'it exports no builder. Install the full TensorRT';
  return new TrtError(
    'ERR_TRT_BUILDER_MISSING',
    `${describeLibrary(library)} cannot build: ${why}, or name another TensorRT with \`library\` (--library).`,
    { details: { path: library.files.core, parser } },
  );
}
