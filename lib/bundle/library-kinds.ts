/** Who brings a library to the machine that runs a bundle. */
export type LibraryProvider = 'glibc' | 'node' | 'driver' | 'bundle';

const glibc =
  /^(ld-linux[\w-]*\.so\.\d+|linux-vdso\.so\.\d+|lib(c|m|dl|rt|pthread|util|resolv|anl|mvec|nsl)\.so(\.\d+)*)$/;

/**
 * Node.js' own binary needs both, so they are loaded before anything of a bundle is; a second copy would never be used, or, being
 * older, break what needs the newer one.
 */
const node = /^(libstdc\+\+|libgcc_s)\.so(\.\d+)*$/;

/** They belong to the kernel module of the machine: a copy of another version keeps CUDA from starting. */
const driver =
  /^lib(cuda|cudadebugger|nvcuvid|nvoptix|nvidia-[\w-]+|dxcore)\.so(\.[\d.]+)?$|^libnvidia-/;

export function providerOf(libraryName: string): LibraryProvider {
  if (glibc.test(libraryName)) return 'glibc';
  if (node.test(libraryName)) return 'node';
  return driver.test(libraryName) ? 'driver' : 'bundle';
}
