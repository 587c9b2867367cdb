import { loadBinding, type NativeLibraryFiles, type NativeLibraryProbe } from '../binding';
import { nativeCall } from '../native-call';

/** Opens a library in this process, where no child may be made: a crash on opening is a crash here. */
export async function openHere(files: NativeLibraryFiles): Promise<NativeLibraryProbe> {
  return await nativeCall(() => loadBinding().probeLibrary(files));
}
