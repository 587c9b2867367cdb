import path from 'node:path';
import { readBundleRecord } from './record';

/** Where a bundle keeps what is opened by dlopen. */
export const librariesFolder = 'lib';

/**
 * The folder of libraries of the bundle that this trt-node is part of, `<bundle>/lib` beside `<bundle>/node_modules/trt-node`; null
 * where it is installed in another way. So a bundle works wherever it is copied to, without a variable.
 */
export function bundledLibraries(packageRoot = path.join(__dirname, '..', '..')): string | null {
  const bundle = path.join(packageRoot, '..', '..');
  const isIts = path.basename(path.dirname(packageRoot)) === 'node_modules';
  if (!isIts || readBundleRecord(bundle)?.state !== 'complete') return null;
  return path.join(bundle, librariesFolder);
}
