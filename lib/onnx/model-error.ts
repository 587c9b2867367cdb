import { contentKindOf, onnxModel } from '../content-kind';
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

/** A model for errors: its path, or null for one that was given as bytes. */
export type ModelPlace = string | null;

/** `ERR_TRT_ONNX_INVALID` */
export function invalidModel(
  where: ModelPlace,
  reason: ModelInvalidReason,
  finding: string,
  next: string,
): TrtError {
  return new TrtError(
    'ERR_TRT_ONNX_INVALID',
    `expected an ONNX model in ${modelNamed(where)}, but ${finding}. ${next}`,
    { details: { path: where, reason } },
  );
}

export function truncatedModel(where: ModelPlace, finding: string): TrtError {
  return invalidModel(
    where,
    'truncated',
    `it is cut short: ${finding}`,
    'Copy, download or export it again and compare its size with the original.',
  );
}

/** `start`: the first bytes of the file, which may tell what it is instead. */
export function notOnnx(where: ModelPlace, finding: string, start: Uint8Array): TrtError {
  const kind = contentKindOf(start);
  // A damaged model still begins like one.
  const other = kind === onnxModel ? null : kind;
  return new TrtError(
    'ERR_TRT_ONNX_INVALID',
    `expected an ONNX model in ${modelNamed(where)}, but this is ` +
      (other === null ? `not ONNX: ${finding}. ` : `${other.name}. `) +
      (other?.next ??
        'Export the model to ONNX (torch.onnx.export, tf2onnx, skl2onnx) and pass that file.'),
    { details: { path: where, reason: 'not-onnx', looksLike: other?.name ?? null } },
  );
}

function modelNamed(where: ModelPlace): string {
  return where ?? 'the bytes of `model`';
}

/** The file that was read is not the one that is there now. */
export function changedModel(where: ModelPlace): TrtError {
  return invalidModel(
    where,
    'changed',
    'the file was changed or replaced while it was examined',
    'Leave the model alone until it is built, and build again.',
  );
}

/** For what lies inside of the graph; a file that is no ONNX at all is `notOnnx`. */
export function malformedModel(where: ModelPlace, finding: string): TrtError {
  return invalidModel(
    where,
    'malformed',
    `its content is damaged: ${finding}`,
    'Copy or export it again; onnx.checker.check_model tells more about a file that an exporter wrote so.',
  );
}

export function unreadableModel(where: ModelPlace, cause: unknown): TrtError {
  const code = (cause as NodeJS.ErrnoException).code;
  const why = code === 'ENOENT' || code === 'ENOTDIR' ? 'there is no such file' : String(cause);
  return new TrtError(
    'ERR_TRT_ONNX_NOT_FOUND',
    `expected a readable ONNX file at ${modelNamed(where)}, but ${why}. Check the path (relative paths start at the process's ` +
      'working directory) and its permissions.',
    { details: { path: where, errno: code ?? null }, cause },
  );
}
