import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { writeError } from './write-error';

/** What the kernels in a runtime cache are good for. */
export interface KernelTarget {
  /** The GPU's name: TensorRT-RTX takes no cache of another model. */
  readonly gpu: string;
  /** TensorRT-RTX's version, which must be the very same. */
  readonly version: string;
}

/**
 * The file that keeps what TensorRT-RTX compiles: `given` itself or, where that is a folder or ends with a slash, one in it whose name
 * tells GPU and version, so that different machines can share the folder. Makes the folders that it needs.
 *
 * @throws TrtError `ERR_TRT_WRITE`
 */
export async function runtimeCacheFile(given: string, target: KernelTarget): Promise<string> {
  const file = (await isFolder(given)) ? path.join(given, nameFor(target)) : given;
  const resolved = path.resolve(file);
  try {
    await mkdir(path.dirname(resolved), { recursive: true });
  } catch (error) {
    throw writeError(resolved, 'make the folder', error);
  }
  return resolved;
}

async function isFolder(given: string): Promise<boolean> {
  if (given.endsWith('/')) return true;
  return await stat(given).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}

/** `nvidia-rtx-a4000-tensorrt-rtx-1.7.1.cache` */
function nameFor({ gpu, version }: KernelTarget): string {
  const slug = gpu
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  return `${slug === '' ? 'gpu' : slug}-tensorrt-rtx-${version}.cache`;
}
