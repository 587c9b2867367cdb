import { TrtError } from '../errors';
import { parseIndexUrl } from './options';
import type { RuntimePin } from './pins';
import { findPip, type PipCommand } from './pip';
import type { Surroundings } from './surroundings';

/** How the wheel comes. `index` is null where pip's own configuration names it. */
export type Way =
  | { readonly by: 'pip'; readonly command: PipCommand; readonly index: URL | null }
  | { readonly by: 'index'; readonly index: URL };

/** pip where it is, else the index that the call or PIP_INDEX_URL names, else ERR_TRT_SETUP_DOWNLOAD. */
export async function chooseWay(
  index: URL | null,
  pin: RuntimePin,
  { env }: Surroundings,
  signal: AbortSignal | undefined,
): Promise<Way> {
  const command = await findPip(env, signal);
  if (command !== null) return { by: 'pip', command, index };
  if (index !== null) return { by: 'index', index };
  const fromEnvironment = env['PIP_INDEX_URL'];
  if (fromEnvironment) {
    return { by: 'index', index: parseIndexUrl('PIP_INDEX_URL', fromEnvironment) };
  }
  throw new TrtError(
    'ERR_TRT_SETUP_DOWNLOAD',
    `no way to fetch ${pin.package} ${pin.version}: expected pip, or the URL of a package index, but found neither. ` +
      'Either install pip (python3 -m pip must run; on Debian and Ubuntu: apt-get install python3-pip), or name an index ' +
      'with `indexUrl` (--index-url) or PIP_INDEX_URL, the URL that ends in /simple on most servers.',
    { details: { package: pin.package, version: pin.version } },
  );
}
