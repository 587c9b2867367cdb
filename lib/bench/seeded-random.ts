/** Numbers from 0 up to 1, the same ones for the same seed. */
export type Random = () => number;

/**
 * A generator of 32 bits of state (Weyl sequence, mixed by the finalizer of MurmurHash3): fast, the same on every machine, and good enough for
 * inputs, arrival times and resampling. Nothing secret comes from it.
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
  };
}
