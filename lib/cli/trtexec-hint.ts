import { describeTrtexecFlag, trtexecFlagNamed } from './trtexec-flags';

/** One line about a flag of trtexec that a command does not take; null for any other flag. */
export function trtexecHint(flag: string): string | null {
  const entry = trtexecFlagNamed(flag);
  if (entry === undefined) return null;
  const [ours, note] = describeTrtexecFlag(entry);
  const where = entry.kind === 'missing' ? 'is not there' : `is: trt-node ${ours}`;
  const words = note === '' ? where : `${where}; ${note}`;
  return `trtexec's ${flag} ${words}. All of them: trt-node help trtexec`;
}
