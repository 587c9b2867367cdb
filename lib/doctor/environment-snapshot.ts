import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { NativeGpu, NativeGpuState } from '../binding';
import type { LibraryReport, RuntimeReport } from '../runtime-report';
import type { HostReport } from './host-report';

export const snapshotKind = 'trt-node-environment';

export interface SnapshotGpu extends Omit<NativeGpu, 'uuid'> {
  readonly uuid: string | null;
  /** NVML's settings and readings; null where NVML does not know this GPU. */
  readonly state: NativeGpuState | null;
}

export interface SnapshotLibrary extends Pick<
  LibraryReport,
  'flavour' | 'version' | 'path' | 'parser' | 'source' | 'canBuild' | 'canLoad'
> {
  /** Of the library's and its parser's files; null where they were not hashed. */
  readonly sha256: string | null;
  readonly parserSha256: string | null;
}

/** What makes one machine run an engine as another does: the content of `trt-node doctor --lock`. */
export interface EnvironmentSnapshot {
  readonly schemaVersion: 1;
  readonly kind: typeof snapshotKind;
  /** ISO 8601; null where it was made of a report, which has no time. */
  readonly createdAt: string | null;
  readonly trtNode: string;
  readonly node: string;
  readonly platform: string;
  readonly libc: RuntimeReport['libc'];
  readonly host: HostReport;
  readonly variables: Readonly<Record<string, string>>;
  readonly driver: {
    readonly status: string;
    readonly driverVersion: string | null;
    readonly cudaVersion: string | null;
    readonly path: string | null;
  } | null;
  readonly gpus: readonly SnapshotGpu[];
  readonly libraries: readonly SnapshotLibrary[];
}

export interface SnapshotExtras {
  readonly createdAt?: Date;
  /** SHA-256 by path; what is not in it was not hashed. */
  readonly digests?: ReadonlyMap<string, string>;
}

/** The snapshot of the machine that `report` is about. Pure. */
export function snapshotOf(
  report: RuntimeReport,
  { createdAt, digests }: SnapshotExtras = {},
): EnvironmentSnapshot {
  const digestOf = (file: string | null): string | null =>
    (file === null ? null : digests?.get(file)) ?? null;
  const { driver } = report;
  return {
    schemaVersion: 1,
    kind: snapshotKind,
    createdAt: createdAt?.toISOString() ?? null,
    trtNode: report.version,
    node: report.node,
    platform: report.platform,
    libc: report.libc,
    host: report.host,
    variables: report.variables,
    driver: driver && {
      status: driver.status,
      driverVersion: driver.driverVersion,
      cudaVersion: driver.cudaVersion,
      path: driver.path,
    },
    gpus: report.gpus.map(({ index, name, computeCapability, memoryTotalBytes, uuid }) => ({
      index,
      name,
      computeCapability,
      memoryTotalBytes,
      uuid,
      state: report.gpuStates.find((state) => state.uuid === uuid) ?? null,
    })),
    libraries: report.libraries.map(
      ({ flavour, version, path, parser, source, canBuild, canLoad }) => ({
        flavour,
        version,
        path,
        parser,
        source,
        canBuild,
        canLoad,
        sha256: digestOf(path),
        parserSha256: digestOf(parser),
      }),
    ),
  };
}

/** SHA-256 of every library and parser file of the report, by path; a file that cannot be read is left out. */
export async function hashLibraries(
  libraries: readonly LibraryReport[],
): Promise<Map<string, string>> {
  const digests = new Map<string, string>();
  const files = libraries.flatMap(({ path, parser }) =>
    parser === null ? [path] : [path, parser],
  );
  // One after another: they are hundreds of megabytes each, and a disk reads one file fastest.
  for (const file of new Set(files)) {
    const hash = createHash('sha256');
    try {
      await pipeline(createReadStream(file), hash);
      digests.set(file, hash.digest('hex'));
    } catch {
      // Left out: the comparison then says that it was not compared.
    }
  }
  return digests;
}
