import type { Manifest, ManifestSignature } from '../manifest-schema';
import { canonicalJson } from '../canonical-json';

/** Keeps a signature over a manifest from being one over anything else. */
const prefix = 'trt-node manifest signature 1\n';

/** The canonical text of manifests that came from JSON: all of it, with what this version does not know. */
const texts = new WeakMap<Manifest, string>();

/** Keeps what a manifest was read from, as far as it is signed. Does nothing for a manifest without a signature. */
export function rememberSigned(manifest: Manifest, json: object): void {
  if (manifest.signature === undefined) return;
  texts.set(manifest, canonicalText(json as Manifest));
}

/** `copy` is the same manifest, made without `previous`. */
export function carrySigned(manifest: Manifest, copy: Manifest): void {
  const text = texts.get(manifest);
  if (text !== undefined) texts.set(copy, text);
}

/** What a manifest's signature is over, as its algorithm takes it. */
export function signedBytes(manifest: Manifest): Buffer {
  return Buffer.from(prefix + (texts.get(manifest) ?? canonicalText(manifest)));
}

/** A manifest as a file would have it: without what JSON drops. */
export function canonicalText(manifest: Manifest): string {
  const { previous: _, signature, ...rest } = JSON.parse(JSON.stringify(manifest)) as Manifest;
  return canonicalJson({ ...rest, signature: withoutValue(signature) });
}

function withoutValue(signature: ManifestSignature | undefined): object {
  const { value: _, ...header } = signature ?? ({} as Partial<ManifestSignature>);
  return header;
}
