import { createColors } from 'picocolors';
import {
  differenceGroups,
  type Comparison,
  type Difference,
  type DifferenceGroup,
  type SpeedPart,
} from './comparison';

export interface ComparisonNames {
  readonly a: string;
  readonly b: string;
}

const titles: Readonly<Record<DifferenceGroup, string>> = {
  breaks: 'Can break: what runs on one may not run on the other',
  slows: 'Can make it slower or faster',
  informs: 'For information',
};

/** The comparison for a person. Pure: `color` decides about escape codes, not the terminal. */
export function renderComparison(
  comparison: Comparison,
  { a, b }: ComparisonNames,
  options: { readonly color: boolean },
): string {
  const paint = createColors(options.color);
  const marks: Readonly<Record<DifferenceGroup, string>> = {
    breaks: paint.red('✗'),
    slows: paint.yellow('!'),
    informs: paint.dim('·'),
  };
  const { differences, notCompared, same } = comparison;
  const width = Math.max(0, ...differences.map(({ label }) => label.length));
  const sections = differenceGroups.flatMap((group) => {
    const members = differences.filter((each) => each.group === group);
    if (members.length === 0) return [];
    const lines = members.flatMap((each) => [
      `  ${marks[group]} ${each.label.padEnd(width)}  ${each.a} → ${each.b}${factor(each, { a, b })}`,
      ...(group === 'informs' ? [] : [`    ${paint.dim(each.meaning)}`]),
    ]);
    return [[paint.bold(titles[group]), ...lines].join('\n')];
  });
  const unknown =
    notCompared.length === 0
      ? []
      : [paint.dim(`Not compared, as one side does not know it: ${notCompared.join('; ')}`)];
  return [
    `${paint.bold(a)} → ${paint.bold(b)}`,
    ...sections,
    ...unknown,
    same ? `${paint.green('✓')} ${sameLine(comparison)}` : differsLine(differences),
  ].join('\n\n');
}

const parts: Readonly<Record<SpeedPart, string>> = {
  network: 'the network',
  copies: 'copies to and from the GPU',
};

function factor({ slower, varies }: Difference, names: ComparisonNames): string {
  const now = varies ? ' (varies)' : '';
  if (slower === null) return now;
  const times = slower.upTo.toFixed(slower.upTo < 10 ? 1 : 0);
  return `  ${parts[slower.part]} up to ${times}× slower on ${names[slower.side]}${now}`;
}

function sameLine({ differences, compared, notCompared }: Comparison): string {
  const found =
    differences.length === 0
      ? 'no difference'
      : 'no difference but in what varies from moment to moment';
  if (notCompared.length === 0) return found;
  return `${found}, in what could be compared: ${compared} values could, ${notCompared.length} could not`;
}

const summaries: Readonly<Record<DifferenceGroup, string>> = {
  breaks: 'can break something',
  slows: 'can change the speed',
  informs: 'for information',
};

function differsLine(differences: readonly Difference[]): string {
  const counts = differenceGroups
    .map((group) => [group, differences.filter((each) => each.group === group).length] as const)
    .filter(([, count]) => count > 0)
    .map(([group, count]) => `${count} ${summaries[group]}`);
  return `They differ: ${counts.join(', ')}.`;
}
