import type { ModelSignature, SignatureTensor } from './model-signature';

/** A model and what its type is called. */
export interface NamedSignature {
  readonly name: string;
  readonly signature: ModelSignature;
}

/** What files that are ours begin with: nothing else is overwritten. */
export const declarationMark = '// Written by `trt-node types`';

/** `minilm-v2.fp16.onnx` → `MinilmV2Fp16`. */
export function typeNameOf(file: string): string {
  const stem = file.replace(/\.(onnx|engine|plan|trt)$/i, '');
  const words = stem.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  const name = words.map((word) => word.slice(0, 1).toUpperCase() + word.slice(1)).join('');
  return /^[A-Z]/.test(name) ? name : `Model${name}`;
}

/** Starting with a capital, it meets no keyword and no type of the language. */
export function isTypeName(name: string): boolean {
  return /^[A-Z][A-Za-z0-9_$]*$/.test(name);
}

/**
 * The text of a `.d.ts` with one interface for each model, as `loadEngine<Minilm>` takes it. It imports nothing, and is the same text for
 * the same models.
 */
export function declareModels(models: readonly NamedSignature[]): string {
  const head = `${declarationMark}. Do not edit it: write it anew when a model changes.\n`;
  return [head, ...models.map(declareModel)].join('\n');
}

function declareModel({ name, signature }: NamedSignature): string {
  const { file, from, inputs, outputs } = signature;
  const plan = from === 'engine' ? file : `${file.replace(/\.onnx$/i, '')}.engine`;
  const example = `loadEngine<${name}>(${quoted(plan)})`;
  return [
    `/** Inputs and outputs of ${commentText(file)}: \`${commentText(example)}\`. */`,
    `export interface ${name} {`,
    ...members('inputs', inputs),
    ...members('outputs', outputs),
    '}',
    '',
  ].join('\n');
}

function members(part: string, tensors: readonly SignatureTensor[]): string[] {
  if (tensors.length === 0) return [`  readonly ${part}: {};`];
  return [`  readonly ${part}: {`, ...tensors.flatMap(member), '  };'];
}

function member({ name, type, dims, note }: SignatureTensor): string[] {
  return [
    `    /** ${commentText(note)} */`,
    `    readonly ${keyOf(name)}: { readonly type: ${quoted(type)}; readonly dims: ${dimsType(dims)} };`,
  ];
}

function dimsType(dims: SignatureTensor['dims']): string {
  if (dims === null) return 'readonly number[]';
  const axes = dims.map((dim) => (typeof dim === 'number' ? String(dim) : 'number'));
  return `readonly [${axes.join(', ')}]`;
}

function keyOf(name: string): string {
  return /^[A-Za-z_$][A-Za-z0-9_$]*$/.test(name) ? name : quoted(name);
}

function quoted(text: string): string {
  const escaped = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
  return `'${escaped}'`;
}

/** Names are a model's: none may end the comment, or start a line. */
function commentText(text: string): string {
  return text.replaceAll('*/', '*\\/').replace(/[\p{Cc}\u2028\u2029]/gu, ' ');
}
