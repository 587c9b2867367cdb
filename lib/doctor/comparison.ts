/** What a difference can do: `breaks`: an engine, or the build of one, may fail on one of the two; `slows`: times differ. */
export const differenceGroups = ['breaks', 'slows', 'informs'] as const;
export type DifferenceGroup = (typeof differenceGroups)[number];

/** What of an inference a value bounds. */
export type SpeedPart = 'network' | 'copies';

export type FactValue = string | number | boolean | null;

/** One comparable thing of an environment. */
export interface Fact {
  /** Stable: `gpu.0.power-limit`. */
  readonly id: string;
  readonly label: string;
  /** null: not known; it is then not compared. */
  readonly value: FactValue;
  /** How a person reads the value; the value itself when omitted. */
  readonly text?: string | undefined;
  readonly group: DifferenceGroup;
  /** Orders differences of a group without a factor: the higher, the likelier it matters. */
  readonly weight: number;
  readonly meaning: string;
  /** More is faster: the quotient bounds how many times slower this part of an inference can be on the lesser side. */
  readonly speedOf?: SpeedPart;
  /** Numbers that differ by no more than this part are the same. */
  readonly tolerance?: number;
  /** It changes from minute to minute, so that it is told and never makes two environments different. */
  readonly varies?: boolean;
}

export interface Difference {
  readonly id: string;
  readonly group: DifferenceGroup;
  readonly label: string;
  /** As a person reads them. */
  readonly a: string;
  readonly b: string;
  /** Which side is slower, and how many times at most, as far as this one value goes; null where it says nothing of that. */
  readonly slower: {
    readonly side: 'a' | 'b';
    readonly part: SpeedPart;
    readonly upTo: number;
  } | null;
  readonly meaning: string;
  readonly varies: boolean;
}

export interface Comparison {
  /** No difference but in what varies. */
  readonly same: boolean;
  /** What breaks first, then what slows, then the rest; the largest first in each. */
  readonly differences: readonly Difference[];
  /** How many values both sides know. */
  readonly compared: number;
  /** Labels of what one side does not know. */
  readonly notCompared: readonly string[];
}

/** Compares two environments fact by fact. Pure. */
export function compareFacts(a: readonly Fact[], b: readonly Fact[]): Comparison {
  const others = new Map(b.map((fact) => [fact.id, fact]));
  const found: { readonly difference: Difference; readonly weight: number }[] = [];
  const notCompared: string[] = [];
  let compared = 0;
  for (const fact of a) {
    const other = others.get(fact.id);
    if (!other) continue;
    if (fact.value === null || other.value === null) {
      if (fact.value !== other.value && fact.varies !== true) notCompared.push(fact.label);
      continue;
    }
    compared += 1;
    if (!isSame(fact, other)) {
      // Groups can depend on the value (no driver at all): the worse side's counts.
      const worse = rank(fact) <= rank(other) ? fact : other;
      found.push({ difference: differenceOf(worse, fact, other), weight: worse.weight });
    }
  }
  found.sort(
    (x, y) =>
      rank(x.difference) - rank(y.difference) ||
      (y.difference.slower?.upTo ?? 1) - (x.difference.slower?.upTo ?? 1) ||
      y.weight - x.weight,
  );
  const differences = found.map(({ difference }) => difference);
  return { same: differences.every(({ varies }) => varies), differences, compared, notCompared };
}

function isSame(a: Fact, b: Fact): boolean {
  if (typeof a.value === 'number' && typeof b.value === 'number') {
    const most = Math.max(Math.abs(a.value), Math.abs(b.value));
    return Math.abs(a.value - b.value) <= most * (a.tolerance ?? 0);
  }
  return a.value === b.value;
}

function differenceOf(rule: Fact, a: Fact, b: Fact): Difference {
  return {
    id: rule.id,
    group: rule.group,
    label: rule.label,
    a: textOf(a),
    b: textOf(b),
    slower: slowerOf(rule, a.value, b.value),
    meaning: rule.meaning,
    varies: rule.varies === true,
  };
}

function slowerOf(rule: Fact, a: FactValue, b: FactValue): Difference['slower'] {
  if (rule.speedOf === undefined || typeof a !== 'number' || typeof b !== 'number') return null;
  const [less, more] = a < b ? [a, b] : [b, a];
  return less > 0 ? { side: a < b ? 'a' : 'b', part: rule.speedOf, upTo: more / less } : null;
}

function textOf({ text, value }: Fact): string {
  if (text !== undefined) return text;
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return value === '' ? '(empty)' : String(value);
}

function rank({ group }: { readonly group: DifferenceGroup }): number {
  return differenceGroups.indexOf(group);
}
