import type { Colors } from 'picocolors/types';
import type { Finding } from './finding';

/** Findings for a person: title and id, what was seen, what to do. */
export function findingLines(findings: readonly Finding[], paint: Colors): string[] {
  const marks: Readonly<Record<Finding['severity'], string>> = {
    problem: paint.red('✗'),
    warning: paint.yellow('!'),
    note: paint.dim('·'),
  };
  return findings.flatMap(({ id, severity, title, evidence, nextStep }) => [
    `  ${marks[severity]} ${title} ${paint.dim(`[${id}]`)}`,
    ...evidence.map((line) => `      ${paint.dim(`seen: ${line}`)}`),
    `      next: ${nextStep}`,
  ]);
}
