import type { NativeGpuState } from '../binding';
import type { Flavour } from '../manifest-schema';
import type { SnapshotGpu, SnapshotLibrary } from './environment-snapshot';
import type { HostReport } from './host-report';

/** Values that may not be known: null. */
type Unsure<T> = { readonly [Key in keyof T]: T[Key] | null };

export type KnownGpuState = Unsure<Omit<NativeGpuState, 'mig'>> & {
  readonly mig: Unsure<NonNullable<NativeGpuState['mig']>> | null;
};

export type KnownGpu = Unsure<Omit<SnapshotGpu, 'index' | 'state'>> & {
  readonly index: number;
  readonly state: KnownGpuState | null;
};

export type KnownLibrary = Unsure<Omit<SnapshotLibrary, 'flavour'>> & {
  readonly flavour: Flavour;
};

/**
 * What is known of an environment, to compare it: a complete EnvironmentSnapshot is one, and so is a file that another
 * trt-node wrote or a person shortened. null: not known.
 */
export interface KnownEnvironment {
  readonly trtNode: string | null;
  readonly node: string | null;
  readonly platform: string | null;
  readonly libc: { readonly name: string | null; readonly version: string | null } | null;
  readonly host: Unsure<Omit<HostReport, 'container'>> & {
    /** null: it is none. Not known: not there at all. */
    readonly container?: string | null;
  };
  readonly variables: Readonly<Record<string, string>>;
  /** null: it could not be asked. */
  readonly driver: {
    readonly status: string | null;
    readonly driverVersion: string | null;
    readonly cudaVersion: string | null;
    readonly path: string | null;
  } | null;
  readonly gpus: readonly KnownGpu[];
  readonly libraries: readonly KnownLibrary[];
}
