import { lstat, realpath } from 'node:fs/promises';
import path from 'node:path';
import { TrtError } from '../errors';

/**
 * What a missing file of external data failed with, with a word on the model being a symbolic link where it is one: data is
 * looked for beside the link, and mostly lies beside what it points to.
 */
export async function aboutLink(error: unknown, model: string): Promise<unknown> {
  if (!(error instanceof TrtError) || error.details['reason'] !== 'missing') return error;
  const target = await targetOf(model);
  const folder = path.dirname(model);
  const { code, message, details, log } = error;
  const more =
    target === null
      ? `It was looked for in ${folder}.`
      : `It was looked for in ${folder}: ${model} is a symbolic link to ${target}. If the data lies there, pass that path.`;
  return new TrtError(code, `${message.replace(/\.?$/, '.')} ${more}`, {
    cause: error,
    log,
    details: { ...details, folder },
  });
}

/** null for a file that is no link. */
async function targetOf(model: string): Promise<string | null> {
  try {
    return (await lstat(model)).isSymbolicLink() ? await realpath(model) : null;
  } catch {
    return null;
  }
}
