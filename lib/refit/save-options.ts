import { checkedOptions } from '../known-keys';
import type { SignatureKey } from '../signature/key';
import { checkedSigningKey, type SigningKey } from '../signature/sign';

/** How `Engine.save` writes a plan. */
export interface SaveOptions {
  /** Signs the manifest, as `BuildOptions.signingKey` does. */
  readonly signingKey?: SignatureKey | undefined;
}

export interface CheckedSaveOptions {
  readonly signingKey: SigningKey | null;
}

/** @throws TrtError `ERR_TRT_INVALID_ARG` */
export function checkedSaveOptions(options: SaveOptions | undefined): CheckedSaveOptions {
  const { signingKey } = checkedOptions(options, 'options', ['signingKey']);
  return { signingKey: checkedSigningKey(signingKey) };
}
