import { compareFacts, type Comparison } from './comparison';
import { factsOf } from './environment-facts';
import type { KnownEnvironment } from './known-environment';

/** What differs between two environments, and what it can do. Pure. */
export function compareEnvironments(a: KnownEnvironment, b: KnownEnvironment): Comparison {
  const [left, right] = [factsOf(a), factsOf(b)];
  // A variable is a fact of the side that sets it alone. Not set is a value: what differs is whether it is set at all.
  return compareFacts(withUnset(left, right), withUnset(right, left));
}

type Facts = ReturnType<typeof factsOf>;

function withUnset(facts: Facts, others: Facts): Facts {
  const ids = new Set(facts.map(({ id }) => id));
  const unset = others
    .filter(({ id }) => id.startsWith('env.') && !ids.has(id))
    .map((fact) => ({ ...fact, value: 'not set', text: 'not set' }));
  return [...facts, ...unset];
}
