import type { NativeDriver, NativeGpuState } from '../binding';
import type { LibraryReport } from '../runtime-report';

export interface DeviceNode {
  readonly path: string;
  /** This user may read and write it. */
  readonly accessible: boolean;
}

export interface DriverLibrary {
  /** As it was found: `/usr/lib/x86_64-linux-gnu/libcuda.so.1`. */
  readonly path: string;
  /** With links resolved; real drivers' files end in the driver's version. */
  readonly file: string;
}

/** What the diagnosis is made from. Plain data: a test writes it down, a machine fills it in. */
export interface Evidence {
  /** `linux` */
  readonly platform: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The first line of /proc/driver/nvidia/version; null where it is not there. Containers see the host's. */
  readonly kernelModule: string | null;
  /** /dev/nvidia*, and /dev/dxg of WSL. */
  readonly deviceNodes: readonly DeviceNode[];
  /** NVIDIA GPUs on the PCI bus. null: the bus could not be looked at. */
  readonly pciGpus: readonly string[] | null;
  /** What says that this is a container; null when nothing does. */
  readonly container: string | null;
  /** What says that this is WSL; null when nothing does. */
  readonly wsl: string | null;
  /** Every libcuda.so* and libnvidia-ml.so* in the folders that the linker and drivers use. */
  readonly driverLibraries: readonly DriverLibrary[];
  /** null: it could not be asked, as the addon does not load. */
  readonly driver: NativeDriver | null;
  /** NVML's view; empty without NVML. */
  readonly gpuStates: readonly NativeGpuState[];
  readonly libraries: readonly LibraryReport[];
  /** CUDA's major version that a library (by path) was made for, where its package tells. */
  readonly libraryCuda: Readonly<Record<string, number>>;
}

/** `580.159.04` out of the kernel module's line; null when there is none. */
export function kernelModuleVersion({ kernelModule }: Evidence): string | null {
  return /\s(\d+\.\d+(?:\.\d+)?)\s/.exec(kernelModule ?? '')?.[1] ?? null;
}

/** `580.159.04` out of the name of the libcuda that was opened, or would be; null where no name tells. */
export function libcudaVersion({ driver, driverLibraries }: Evidence): string | null {
  const opened = driverLibraries.find(({ path }) => path === driver?.path);
  const files = opened
    ? [opened.file]
    : driverLibraries.filter(({ path }) => path.includes('libcuda.so')).map(({ file }) => file);
  for (const file of files) {
    const version = /libcuda\.so\.(\d+\.\d+(?:\.\d+)?)$/.exec(file)?.[1];
    if (version !== undefined) return version;
  }
  return null;
}

/** /dev/nvidia0 and the like: one for each GPU, without the control nodes. */
export function gpuNodes({ deviceNodes }: Evidence): readonly DeviceNode[] {
  return deviceNodes.filter(({ path }) => /nvidia\d+$/.test(path));
}
