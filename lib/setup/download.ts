import { open } from 'node:fs/promises';

import { get, type Address, type Net } from './http';
import type { RuntimePin } from './pins';
import { redactUrl } from './redact';
import { checksumError } from './wheel-digest';

/** Streams the pinned wheel from `address` into `file`. Its digest is the caller's to check. */
export async function downloadWheel(
  address: Address,
  pin: RuntimePin,
  file: string,
  net: Net,
  onBytes: (receivedBytes: number) => void,
): Promise<void> {
  // A compressed transfer of an archive gains nothing and hides its length.
  await get(address, { 'accept-encoding': 'identity' }, net, async (body) => {
    const handle = await open(file, 'w', 0o600);
    try {
      let received = 0;
      onBytes(received);
      for await (const chunk of body.chunks) {
        received += chunk.byteLength;
        if (received > pin.sizeBytes) {
          // Not read on: what is longer than the wheel may have no end.
          throw checksumError(pin, redactUrl(address.url), { sizeBytes: received });
        }
        await handle.writeFile(chunk);
        onBytes(received);
      }
    } finally {
      await handle.close();
    }
  });
}
