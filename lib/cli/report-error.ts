import pc from 'picocolors';
import { TrtError, type LogLine } from '../errors';
import { Aborted } from './exit-codes';

const logTail = 12;

/** What the user reads on stderr: `error [CODE]: message`, and the end of TensorRT's own log. */
export function formatError(error: unknown, colors: Pick<typeof pc, 'red' | 'dim'> = pc): string {
  if (error instanceof Aborted) return error.message;
  if (!(error instanceof TrtError)) {
    // Not one of ours: a bug, whose stack is what a report of it needs.
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `${colors.red('error')}: ${text}`;
  }
  const lines = [`${colors.red('error')} [${error.code}]: ${error.message}`];
  const tail = worthReading(error.log).slice(-logTail);
  if (tail.length > 0) {
    lines.push(colors.dim('TensorRT said:'));
    for (const { severity, message } of tail) lines.push(colors.dim(`  [${severity}] ${message}`));
  }
  return lines.join('\n');
}

/** Errors and warnings; the chatty severities only where there is nothing else. */
function worthReading(log: readonly LogLine[]): readonly LogLine[] {
  const telling = log.filter(({ severity }) => severity !== 'info' && severity !== 'verbose');
  return telling.length > 0 ? telling : log;
}
