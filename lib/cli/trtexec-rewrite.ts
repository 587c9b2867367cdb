import { invalidArgument, TrtError } from '../errors';
import type { TrtexecFlag } from './trtexec-flag';
import { trtexecFlagNamed } from './trtexec-flags';
import { takesShapes, TrtexecProfiles } from './trtexec-profiles';

/** A flag of trtexec as it stands on a command line. */
interface Given {
  readonly entry: TrtexecFlag;
  /** As typed, for messages: `--iterations=100`. */
  readonly typed: readonly string[];
  readonly value: string;
}

/**
 * The arguments of `trt-node build` with trtexec's flags in trt-node's own spelling. What trtexec does not know stays as it is; what
 * `build` cannot do is an error that says what can.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`
 */
export function rewriteTrtexecFlags(args: readonly string[]): string[] {
  const rewritten: string[] = [];
  const profiles = new TrtexecProfiles();
  const measuring: Given[] = [];
  let output: string | null = null;
  for (let index = 0; index < args.length; index += 1) {
    const given = givenAt(args, index);
    if (given === null) {
      // Behind `--`, and as the value of a flag of ours, everything is as it stands.
      if (args[index] === '--')
        return [...rewritten, ...profiles.arguments(), ...args.slice(index)];
      if (['-o', '--output'].includes(args[index] ?? '')) output = args[index + 1] ?? null;
      rewritten.push(args[index] ?? '');
      continue;
    }
    const { entry, typed, value } = given;
    index += typed.length - 1;
    if (entry.flag === '--saveEngine') output = value;
    if (takesShapes(entry.flag, value)) profiles.add(entry.flag, value);
    else if (entry.kind === 'elsewhere') measuring.push(given);
    else rewritten.push(...argumentsOf(given));
  }
  const [first] = measuring;
  if (first !== undefined) throw belongsElsewhere(first, measuring, output);
  return [...rewritten, ...profiles.arguments()];
}

/** null: no flag of trtexec, or one that trt-node spells so and reads itself. */
function givenAt(args: readonly string[], index: number): Given | null {
  const text = args[index] ?? '';
  if (!text.startsWith('--')) return null;
  const at = text.indexOf('=');
  const entry = trtexecFlagNamed(at < 0 ? text : text.slice(0, at));
  if (entry === undefined) return null;
  if (at >= 0) return { entry, typed: [text], value: text.slice(at + 1) };
  if (entry.value === undefined) return { entry, typed: [text], value: '' };
  const value = args[index + 1];
  if (value === undefined) throw invalidArgument(text, `a value: ${text}=<${entry.value}>`, value);
  return { entry, typed: [text, value], value };
}

function argumentsOf({ entry, typed, value }: Given): readonly string[] {
  if (entry.value === undefined && typed[0]?.includes('=') === true && entry.kind !== 'same') {
    throw invalidArgument(entry.flag, 'no value', value);
  }
  switch (entry.kind) {
    case 'same':
      return typed;
    case 'rewritten':
      if (entry.value !== undefined && value === '') {
        throw invalidArgument(entry.flag, `a ${entry.value}`, value);
      }
      return entry.to(value);
    case 'needless':
      if (entry.only === undefined || entry.only.includes(value)) return [];
      throw invalidArgument(entry.flag, `${entry.only.join(' or ')} (${entry.note})`, value);
    case 'missing':
    case 'elsewhere':
      throw new TrtError(
        'ERR_TRT_INVALID_ARG',
        `trt-node has no \`${entry.flag}\`: ${entry.note ?? ''}. See trt-node help trtexec.`,
        { details: { argument: entry.flag } },
      );
  }
}

/** One line with the command that does it. */
function belongsElsewhere(first: Given, all: readonly Given[], output: string | null): TrtError {
  const { entry } = first;
  const command = entry.kind === 'elsewhere' ? entry.command : 'bench';
  const same = all.filter(
    (each) => each.entry.kind === 'elsewhere' && each.entry.command === command,
  );
  const loaded = same.find((each) => each.entry.flag === '--loadEngine')?.value;
  const words = same
    .filter((each) => each.entry.flag !== '--loadEngine')
    .filter((each) => each.entry.kind === 'elsewhere' && each.entry.ours !== undefined)
    .flatMap((each) => each.typed);
  const run = ['trt-node', command, loaded ?? output ?? '<engine>', ...words].join(' ');
  const flags = all.map((each) => `\`${each.entry.flag}\``).join(', ');
  return new TrtError(
    'ERR_TRT_INVALID_ARG',
    `\`build\` builds and measures nothing: leave ${flags} out, and then run: ${run}`,
    { details: { argument: entry.flag, command } },
  );
}
