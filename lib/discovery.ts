/**
 * Which TensorRTs are on this machine, and which of them a build or a load uses.
 *
 * `findLibraries` lists candidates without opening anything in this process: each is opened in a short child process, so a
 * broken library cannot take the caller down and TensorRT stays out of processes that only wanted to look. A goal ends the
 * search at the library that the chooser would choose. The two choosers are pure: what was found and what is wanted go in, one library or a TrtError comes out.
 */
export { findLibraries, type FindLibrariesOptions } from './discovery/find-libraries';
export { chooseForBuild, goalOfBuild, type BuildChoice } from './discovery/choose-for-build';
export { chooseForLoad, goalOfLoad, type LoadChoice } from './discovery/choose-for-load';
export type {
  Discovery,
  FoundLibrary,
  Place,
  UnusableLibrary,
  UsableLibrary,
} from './discovery/found-library';
