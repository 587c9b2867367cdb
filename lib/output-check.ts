import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import path from 'node:path';
import { TrtError } from './errors';
import { writeError } from './write-error';

/** Finds out before a long build whether a file can be written to `output`. Rejects with `ERR_TRT_WRITE`. */
export async function checkOutput(output: string): Promise<void> {
  const folder = path.dirname(output);
  try {
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw writeError(output, 'write to the folder of the output', error);
  }
  const [parent, standing] = await Promise.all([stat(folder), stat(output).catch(() => null)]);
  if (parent.isDirectory() && (standing === null || standing.isFile())) return;
  const finding = parent.isDirectory()
    ? `something that is not a file stands at ${output}`
    : `${folder} is not a folder`;
  throw new TrtError(
    'ERR_TRT_WRITE',
    `expected to write the plan to ${output}, but ${finding}. Name another output.`,
    { details: { path: output, step: 'check the output', errno: null } },
  );
}
