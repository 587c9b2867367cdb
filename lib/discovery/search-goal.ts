import type { Candidate } from './candidates';
import type { UsableLibrary } from './found-library';

/** What one load or build looks for: with it, a search opens no more libraries than it needs. */
export interface SearchGoal {
  /** Candidates of a lower rank are opened first, equals in the order of the search. Nothing has opened them: names alone tell. */
  readonly rank: (candidate: Pick<Candidate, 'flavour' | 'files' | 'namedVersion'>) => number;
  /** The search ends at the first library for which this holds: the one that the choice would be from all of them. */
  readonly isMetBy: (library: UsableLibrary) => boolean | Promise<boolean>;
}
