import type { Colors } from 'picocolors/types';
import type { RequirementResult } from './requirements';

/** A line each: whether it holds, and what was found. */
export function requirementLines(
  results: readonly RequirementResult[],
  paint: Pick<Colors, 'red' | 'green' | 'dim'>,
): readonly string[] {
  const width = Math.max(0, ...results.map(({ requirement }) => requirement.length));
  return results.map((result) => {
    const mark = result.holds ? paint.green('✓') : paint.red('✗');
    const found = foundText(result);
    return `  ${mark} ${result.requirement.padEnd(width)}  ${found}  ${paint.dim(result.where)}`;
  });
}

function foundText({ name, found }: RequirementResult): string {
  if (found === null) return 'none';
  return name === 'memory' ? `${(Number(found) / 2 ** 30).toFixed(1)} GiB` : found;
}
