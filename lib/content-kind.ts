/** A kind of content that people take for another, told by its first bytes. */
export interface ContentKind {
  /** For messages, with the article: `a PNG image`. */
  readonly name: string;
  /** What to do with it, a sentence; null where there is nothing more to say than that it is the wrong file. */
  readonly next: string | null;
}

/** At most this many first bytes are looked at. */
export const contentKindBytes = 64;

const downloadAgain =
  'A download brought a page instead of the file: download it again, signed in where that is needed.';
const toOnnx = 'Export the model to ONNX (torch.onnx.export, tf2onnx, skl2onnx).';

export const onnxModel: ContentKind = {
  name: 'an ONNX model (protobuf)',
  next: 'Give it to buildEngine() and load what that makes.',
};

const plan = (flavour: string): ContentKind => ({
  name: `a ${flavour} plan, an engine that is built already`,
  next: 'Give it to loadEngine().',
});

const magics: readonly (readonly [magic: string, kind: ContentKind])[] = [
  ['ftrt', plan('TensorRT')],
  ['vtrt', plan('TensorRT-RTX')],
  ['\x89PNG', { name: 'a PNG image', next: null }],
  ['\xff\xd8\xff', { name: 'a JPEG image', next: null }],
  [
    '\x1f\x8b',
    { name: 'gzip data', next: 'Unpack it (gunzip, or tar -xzf) and pass what is in it.' },
  ],
  [
    'PK\x03\x04',
    {
      name: 'a zip archive',
      next: `If it is a download, unpack it; if torch.save made it, it holds weights alone. ${toOnnx}`,
    },
  ],
  ['\x89HDF', { name: 'an HDF5 file (Keras)', next: toOnnx }],
  ['GGUF', { name: 'a GGUF file (llama.cpp)', next: 'TensorRT does not read that format.' }],
];

const texts: readonly (readonly [start: RegExp, kind: ContentKind])[] = [
  [
    /^version https:\/\/git-lfs/,
    {
      name: 'a Git LFS pointer, which stands in for the file',
      next: 'Fetch the file: run `git lfs pull` in its repository.',
    },
  ],
  [/^<(!doctype html|html|head|body)\b/i, { name: 'a web page (HTML)', next: downloadAgain }],
  [/^<(\?xml|Error>)/, { name: 'XML', next: downloadAgain }],
  [/^(\{\s*["}]|\[\s*["{[\]\d-])/, { name: 'JSON', next: null }],
];

/** What `bytes`, the first of some content, begin; null when it is none of the kinds that are known here. */
export function contentKindOf(bytes: Uint8Array): ContentKind | null {
  const start = bytes.subarray(0, contentKindBytes);
  if (start.length > 0 && start.every((byte) => byte === 0)) {
    return { name: 'zeros', next: 'A copy or download of it was not finished: get it again.' };
  }
  const text = Buffer.from(start.buffer, start.byteOffset, start.length).toString('latin1');
  const magic = magics.find(([each]) => text.startsWith(each));
  if (magic !== undefined) return magic[1];
  if (looksLikeOnnx(start)) return onnxModel;
  const words = text.replace(/^\xef\xbb\xbf/, '').trimStart(); // UTF-8's byte order mark
  return texts.find(([each]) => each.test(words))?.[1] ?? null;
}

/** ModelProto starts with ir_version (field 1, a small varint), and another of its fields follows. */
function looksLikeOnnx(bytes: Uint8Array): boolean {
  const [first, irVersion, next] = bytes;
  if (first !== 0x08 || irVersion === undefined || irVersion === 0 || irVersion > 0x20)
    return false;
  // producer_name, producer_version, domain, model_version, doc_string, graph, opset_import, metadata_props
  return next === undefined || [0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42, 0x72].includes(next);
}
