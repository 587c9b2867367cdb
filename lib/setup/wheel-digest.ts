import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';

import { TrtError } from '../errors';
import type { RuntimePin } from './pins';

/**
 * Compares a wheel on disk with its pin. Whichever way it came, nothing of it is unpacked before; the file is read again
 * rather than hashed on its way in, so that there is one check for every way, and it sees what the disk kept.
 */
export async function checkWheel(
  file: string,
  pin: RuntimePin,
  source: string,
  signal: AbortSignal | undefined,
  onBytes: (checkedBytes: number) => void,
): Promise<void> {
  const { size } = await stat(file);
  if (size !== pin.sizeBytes) throw checksumError(pin, source, { sizeBytes: size });
  const hash = createHash('sha256');
  let checked = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 })) {
    signal?.throwIfAborted();
    hash.update(chunk as Buffer);
    checked += (chunk as Buffer).byteLength;
    onBytes(checked);
  }
  const sha256 = hash.digest('hex');
  if (sha256 !== pin.sha256) throw checksumError(pin, source, { sha256 });
}

export function checksumError(
  pin: RuntimePin,
  source: string,
  found: { readonly sha256: string } | { readonly sizeBytes: number },
): TrtError {
  const difference =
    'sha256' in found
      ? `SHA-256 ${pin.sha256} but found ${found.sha256}`
      : `${pin.sizeBytes} bytes but received ${found.sizeBytes}`;
  return new TrtError(
    'ERR_TRT_SETUP_CHECKSUM',
    `expected ${pin.file} from ${source} to have ${difference}: it is damaged, or not the file that NVIDIA published. ` +
      'Nothing was installed. Run setup again; if it stays so, use another index or empty the cache of the proxy between.',
    {
      details: {
        file: pin.file,
        source,
        expected: { sha256: pin.sha256, sizeBytes: pin.sizeBytes },
        found,
      },
    },
  );
}
