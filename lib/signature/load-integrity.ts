import { invalidArgument, TrtError } from '../errors';
import { checkedVerificationKey, type VerificationKeys } from './verify';

/**
 * How a plan is checked before TensorRT sees it; an engine file is executable code.
 *
 * `digest`: the plan's SHA-256 (`chunksSha256` where it is there) must be the one in its manifest. It finds corruption, not an attacker, who could change
 * both. A plan without a manifest (trtexec's, or bytes) gets the check of its header alone, and `engine.integrity` is
 * `unverified` then. `signature`: `verificationKey` must confirm the manifest's signature too; a plan without a manifest is an
 * error. `off`: nothing is hashed. A manifest whose size, flavour and version are the plan's counts as its own; any other is not used.
 */
export type PlanIntegrity = 'digest' | 'signature' | 'off';

export interface CheckedIntegrity {
  readonly integrity: PlanIntegrity;
  /** Of `signature` alone. */
  readonly verificationKeys: VerificationKeys | null;
}

/**
 * The options `integrity` and `verificationKey`: a key makes `signature` the default.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`: wrong values, `signature` without a key, a key beside another integrity
 */
export function checkedIntegrity(integrity: unknown, verificationKey: unknown): CheckedIntegrity {
  const verificationKeys = checkedVerificationKey(verificationKey);
  const chosen = integrity ?? (verificationKeys === null ? 'digest' : 'signature');
  if (chosen !== 'digest' && chosen !== 'signature' && chosen !== 'off') {
    throw invalidArgument('options.integrity', "'digest', 'signature' or 'off'", integrity);
  }
  if (chosen === 'signature' && verificationKeys === null) {
    throw new TrtError(
      'ERR_TRT_INVALID_ARG',
      "expected `options.verificationKey` with `integrity: 'signature'`, but it is not given. Give the secret that the plan was " +
        'signed with, or the public key that belongs to the private one.',
      { details: { argument: 'options.verificationKey' } },
    );
  }
  if (chosen !== 'signature' && verificationKeys !== null) {
    const expected = "'signature', or nothing, beside `verificationKey`";
    throw invalidArgument('options.integrity', expected, integrity);
  }
  return { integrity: chosen, verificationKeys };
}
