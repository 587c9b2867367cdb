/** TEST ONLY. That a test has left nothing behind on the stub machine. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'vitest';
import { held, nothingHeld, stubReport } from './stub-host';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Outputs from 64 KiB on lie on pinned memory, which comes back when the garbage collector has found them. */
export async function expectNothingHeld(): Promise<void> {
  for (let i = 0; i < 100 && stubReport().pinnedBytes > 0; i += 1) {
    collect();
    await nextTurn(); // finalizers run on the event loop
  }
  expect(held()).toEqual(nothingHeld);
}
