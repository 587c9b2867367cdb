import type { NativeAbi, NativeLibraryFiles } from '../binding';
import type { TrtError } from '../errors';
import type { Flavour } from '../manifest-schema';

interface LibraryIdentity {
  readonly flavour: Flavour;
  /** Absolute paths, as they were found (symbolic links are not resolved). */
  readonly files: NativeLibraryFiles;
  /** Where it was found, for people: `LD_LIBRARY_PATH`, `trt-node setup`, … */
  readonly source: string;
}

/** A TensorRT that was opened and that one of the addon's ABIs drives. */
export interface UsableLibrary extends LibraryIdentity {
  /** `10.6.0` */
  readonly version: string;
  readonly abi: NativeAbi;
  /** It exports a builder and its ONNX parser lies beside it. */
  readonly hasBuilder: boolean;
  /** It exports a runtime, so it can load plans. */
  readonly hasRuntime: boolean;
  readonly parserVersion: string | null;
  readonly problem: null;
}

/** A TensorRT that is there and cannot be used; `problem` says why. */
export interface UnusableLibrary extends LibraryIdentity {
  /** What it said before it was refused, or what its file name says; null where neither does. */
  readonly version: string | null;
  readonly problem: TrtError;
}

export type FoundLibrary = UsableLibrary | UnusableLibrary;

/** A folder or a library file that was looked at. */
export interface Place {
  readonly path: string;
  readonly source: string;
  readonly exists: boolean;
  /** The system's code where it cannot be looked at, `EACCES`; whether it exists is not known when `exists` is false. */
  readonly unreadable?: string;
}

/** The outcome of one search, in the order in which equals are preferred. */
export interface Discovery {
  readonly libraries: readonly FoundLibrary[];
  readonly places: readonly Place[];
  /** The `library` option when one was given: nothing else was looked at then. */
  readonly requested: string | null;
}

export function isUsable(library: FoundLibrary): library is UsableLibrary {
  return library.problem === null;
}
