import type { NativeEngine } from '../binding';
import { invalidArgument, TrtError } from '../errors';
import { nativeCallSync } from '../native-call';
import { suggestion } from '../nearest-name';
import { quotedNames } from '../quoted-names';

/** What the check of `debug` needs to know of an engine. */
export interface DebugContract {
  /** Those that are known by name; there may be others. */
  readonly debugTensors: readonly string[];
  readonly native: Pick<NativeEngine, 'isDebugTensor'>;
}

/**
 * The option `debug` of `inferTimed`: names of debug tensors, each once.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`
 */
export function checkDebug(given: unknown, engine: DebugContract): readonly string[] | null {
  if (given === undefined) return null;
  if (!Array.isArray(given)) throw badNames(given);
  const names = new Set<string>();
  for (const name of given as readonly unknown[]) {
    if (typeof name !== 'string') throw badNames(given);
    if (names.has(name)) throw invalidArgument('options.debug', 'each name once', given);
    if (!isDebugTensor(name, engine)) throw notMarked(name, engine.debugTensors);
    names.add(name);
  }
  return [...names];
}

function isDebugTensor(name: string, { debugTensors, native }: DebugContract): boolean {
  return debugTensors.includes(name) || nativeCallSync(() => native.isDebugTensor(name));
}

function badNames(given: unknown): TrtError {
  return invalidArgument('options.debug', 'an array of names of debug tensors', given);
}

function notMarked(name: string, known: readonly string[]): TrtError {
  const which = known.length === 0 ? 'none is known of it' : `they are ${quotedNames(known)}`;
  return new TrtError(
    'ERR_TRT_INVALID_ARG',
    `expected names of the engine's debug tensors in \`options.debug\` but received ${JSON.stringify(name)}; ${which}` +
      `${suggestion(name, known) || '.'} Build the engine with \`debugTensors: [${JSON.stringify(name)}]\` to ask for it`,
    { details: { argument: 'options.debug', tensor: name, debugTensors: known } },
  );
}
