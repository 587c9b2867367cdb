import path from 'node:path';
import type { NativeBinding } from './binding';
import { fileState, type HashedFile } from './cache/digest-memo';
import { invalidArgument, TrtError } from './errors';
import { filePathOf } from './file-path';
import type { Manifest } from './manifest-schema';
import { nativeCall } from './native-call';

type NeededPlugin = NonNullable<Manifest['plugins']>[number];

/** Plugin libraries by their paths, as they were when their digests were taken. */
export type ComparedPlugins = ReadonlyMap<string, HashedFile>;

/**
 * The option `plugins`: absolute paths, each once.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`
 */
export function checkedPluginPaths(value: unknown): readonly string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw invalidArgument('options.plugins', 'an array of paths', value);
  const paths = Array.from(value as readonly unknown[], (item, index) =>
    path.resolve(filePathOf(item, `options.plugins[${index}]`)),
  );
  return [...new Set(paths)];
}

/**
 * Whether the plugin libraries that a plan was built with are among those given, by their digests: their code runs in this process
 * as the plan's does. More may be given than the plan needs.
 *
 * @returns the files that were compared, for `checkSamePlugins`
 * @throws TrtError (as a rejection) `ERR_TRT_PLUGIN` (`details.reason`: `missing`, `digest`, `unreadable`)
 */
export async function checkPluginFiles(
  needed: readonly NeededPlugin[],
  given: readonly string[],
  binding: Pick<NativeBinding, 'hashFile'>,
): Promise<ComparedPlugins> {
  const digests = new Map<string, HashedFile>();
  if (needed.length === 0) return digests;
  for (const file of given) digests.set(file, await pluginDigest(file, binding));
  const known = new Set([...digests.values()].map(({ sha256 }) => sha256));
  for (const plugin of needed) {
    if (known.has(plugin.sha256)) continue;
    const namesake = given.find((file) => path.basename(file) === plugin.name);
    throw namesake === undefined
      ? missingPlugin(plugin)
      : otherPlugin(plugin, namesake, digests.get(namesake)?.sha256 ?? '');
  }
  return digests;
}

/**
 * Whether the files are still those that were compared; for the moment before they are opened, as looking for drivers and
 * libraries takes its time.
 *
 * @throws TrtError (as a rejection) `ERR_TRT_PLUGIN` (`details.reason`: `changed`)
 */
export async function checkSamePlugins(compared: ComparedPlugins): Promise<void> {
  for (const [file, { identity }] of compared) {
    if ((await fileState(file))?.identity !== identity) throw changedPlugin(file);
  }
}

/** @throws TrtError (as a rejection) `ERR_TRT_PLUGIN` (`details.reason`: `unreadable`) */
export async function pluginDigest(
  file: string,
  binding: Pick<NativeBinding, 'hashFile'>,
): Promise<HashedFile> {
  try {
    return await nativeCall(() => binding.hashFile(file));
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : String(cause);
    throw new TrtError(
      'ERR_TRT_PLUGIN',
      `expected a plugin library at ${file}, but it cannot be read (${words}). Check \`plugins\`.`,
      { cause, details: { path: file, reason: 'unreadable' } },
    );
  }
}

function missingPlugin({ name, sha256 }: NeededPlugin): TrtError {
  return new TrtError(
    'ERR_TRT_PLUGIN',
    `the plan was built with the plugin library ${name} (SHA-256 ${sha256}), and it is not among \`plugins\`. Give its path.`,
    { details: { reason: 'missing', name, expected: sha256 } },
  );
}

function changedPlugin(file: string): TrtError {
  return new TrtError(
    'ERR_TRT_PLUGIN',
    `expected the plugin library ${file} to stay as it is while the plan is loaded, but it was replaced after its digest was compared. ` +
      'It was not opened. Load the plan again once nobody writes there.',
    { details: { reason: 'changed', path: file } },
  );
}

function otherPlugin({ name, sha256 }: NeededPlugin, file: string, found: string): TrtError {
  return new TrtError(
    'ERR_TRT_PLUGIN',
    `expected the plugin library ${name} that the plan was built with (SHA-256 ${sha256}), but ${file} has SHA-256 ${found}. Give ` +
      'the very file, or build the plan again with this one.',
    { details: { reason: 'digest', name, path: file, expected: sha256, found } },
  );
}
