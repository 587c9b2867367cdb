import { TrtError } from '../errors';

/** `details.reason` of ERR_TRT_ONNX_INVALID. */
export type ModelInvalidReason =
  | 'not-a-file'
  | 'empty'
  | 'too-large'
  | 'truncated'
  | 'not-onnx'
  | 'malformed'
  | 'too-deep'
  | 'input-shape'
  | 'changed';

/** `ERR_TRT_ONNX_INVALID`. `where` is the model's path, or words for a model that has none. */
export function invalidModel(
  where: string,
  reason: ModelInvalidReason,
  finding: string,
  next: string,
): TrtError {
  return new TrtError(
    'ERR_TRT_ONNX_INVALID',
    `expected an ONNX model in ${where}, but ${finding}. ${next}`,
    { details: { path: where, reason } },
  );
}

export function truncatedModel(where: string, finding: string): TrtError {
  return invalidModel(
    where,
    'truncated',
    `it is cut short: ${finding}`,
    'Copy, download or export it again and compare its size with the original.',
  );
}

export function notOnnx(where: string, finding: string): TrtError {
  return invalidModel(
    where,
    'not-onnx',
    `this is not ONNX: ${finding}`,
    'Export the model to ONNX (torch.onnx.export, tf2onnx, skl2onnx) and pass that file; a file that Git LFS ' +
      'stands in for must be pulled first.',
  );
}

/** The file that was read is not the one that is there now. */
export function changedModel(where: string): TrtError {
  return invalidModel(
    where,
    'changed',
    'the file was changed or replaced while it was examined',
    'Leave the model alone until it is built, and build again.',
  );
}

/** For what lies inside of the graph; a file that is no ONNX at all is `notOnnx`. */
export function malformedModel(where: string, finding: string): TrtError {
  return invalidModel(
    where,
    'malformed',
    `its content is damaged: ${finding}`,
    'Copy or export it again; onnx.checker.check_model tells more about a file that an exporter wrote so.',
  );
}

export function unreadableModel(where: string, cause: unknown): TrtError {
  const code = (cause as NodeJS.ErrnoException).code;
  const why = code === 'ENOENT' || code === 'ENOTDIR' ? 'there is no such file' : String(cause);
  return new TrtError(
    'ERR_TRT_ONNX_NOT_FOUND',
    `expected a readable ONNX file at ${where}, but ${why}. Check the path (relative paths start at the process's ` +
      'working directory) and its permissions.',
    { details: { path: where, errno: code ?? null }, cause },
  );
}
