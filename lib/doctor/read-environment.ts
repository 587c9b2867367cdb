import type { TrtError } from '../errors';
import { ManifestReader, type Part } from '../manifest-reader';
import { flavours } from '../manifest-schema';
import { snapshotKind } from './environment-snapshot';
import type { KnownEnvironment, KnownGpu, KnownGpuState, KnownLibrary } from './known-environment';

/**
 * What a file of `doctor --lock` or `doctor --json` says of an environment. A value that is missing is not known (null).
 * What `makeError` makes is thrown for a part that is missing and for a value of another type.
 */
export function readEnvironment(
  content: unknown,
  makeError: (finding: string) => TrtError,
): KnownEnvironment {
  const json = new ManifestReader(makeError);
  const reader = new EnvironmentReader(json);
  const root = json.root(content);
  return json.has(root, 'kind') ? reader.snapshot(root) : reader.report(root);
}

class EnvironmentReader {
  constructor(private readonly json: ManifestReader) {}

  snapshot(root: Part): KnownEnvironment {
    const { json } = this;
    json.oneOf(root, 'kind', [snapshotKind]);
    const schemaVersion = json.integer(root, 'schemaVersion');
    if (schemaVersion !== 1) {
      throw json.refuse(
        `it has schema version ${schemaVersion}, and this trt-node reads 1: update trt-node`,
      );
    }
    const gpus = json.list(root, 'gpus').map((gpu) => {
      const state = this.partOf(gpu, 'state');
      return this.gpu(gpu, state && this.gpuState(state));
    });
    return { ...this.common(root), trtNode: this.text(root, 'trtNode'), gpus };
  }

  /** NVML's states stand by themselves there, and tell by UUID whose they are. */
  report(root: Part): KnownEnvironment {
    const { json } = this;
    const states = json.list(root, 'gpuStates').map((state) => this.gpuState(state));
    const gpus = json.list(root, 'gpus').map((gpu) => {
      const uuid = this.text(gpu, 'uuid');
      const state = states.find((each) => uuid !== null && each.uuid === uuid);
      return this.gpu(gpu, state ?? null);
    });
    return { ...this.common(root), trtNode: this.text(root, 'version'), gpus };
  }

  private common(root: Part): Omit<KnownEnvironment, 'gpus' | 'trtNode'> {
    const { json } = this;
    const libc = json.nullable(root, 'libc');
    const driver = json.nullable(root, 'driver');
    return {
      node: this.text(root, 'node'),
      platform: this.text(root, 'platform'),
      libc: libc && { name: this.text(libc, 'name'), version: this.text(libc, 'version') },
      host: this.host(json.object(root, 'host')),
      variables: json.stringRecord(root, 'variables'),
      driver: driver && {
        status: this.text(driver, 'status'),
        driverVersion: this.text(driver, 'driverVersion'),
        cudaVersion: this.text(driver, 'cudaVersion'),
        path: this.text(driver, 'path'),
      },
      libraries: json.list(root, 'libraries').map((library) => this.library(library)),
    };
  }

  private host(host: Part): KnownEnvironment['host'] {
    return {
      os: this.text(host, 'os'),
      kernel: this.text(host, 'kernel'),
      ...(this.json.has(host, 'container') && { container: this.text(host, 'container') }),
      wsl: this.flag(host, 'wsl'),
      cpu: this.text(host, 'cpu'),
      cpuCount: this.number(host, 'cpuCount'),
      cpuGovernor: this.text(host, 'cpuGovernor'),
      memoryBytes: this.number(host, 'memoryBytes'),
    };
  }

  private library(library: Part): KnownLibrary {
    return {
      flavour: this.json.oneOf(library, 'flavour', flavours),
      version: this.text(library, 'version'),
      path: this.text(library, 'path'),
      parser: this.text(library, 'parser'),
      source: this.text(library, 'source'),
      canBuild: this.flag(library, 'canBuild'),
      canLoad: this.flag(library, 'canLoad'),
      sha256: this.text(library, 'sha256'),
      parserSha256: this.text(library, 'parserSha256'),
    };
  }

  private gpu(gpu: Part, state: KnownGpuState | null): KnownGpu {
    return {
      index: this.json.natural(gpu, 'index'),
      name: this.text(gpu, 'name'),
      computeCapability: this.text(gpu, 'computeCapability'),
      memoryTotalBytes: this.number(gpu, 'memoryTotalBytes'),
      uuid: this.text(gpu, 'uuid'),
      state,
    };
  }

  private gpuState(state: Part): KnownGpuState {
    const mig = this.partOf(state, 'mig');
    return {
      index: this.number(state, 'index'),
      name: this.text(state, 'name'),
      uuid: this.text(state, 'uuid'),
      pciBusId: this.text(state, 'pciBusId'),
      computeCapability: this.text(state, 'computeCapability'),
      persistenceMode: this.flag(state, 'persistenceMode'),
      mig: mig && {
        enabled: this.flag(mig, 'enabled'),
        pending: this.flag(mig, 'pending'),
        instances: this.number(mig, 'instances'),
      },
      smClockMhz: this.number(state, 'smClockMhz'),
      smClockMaxMhz: this.number(state, 'smClockMaxMhz'),
      smClockApplicationMhz: this.number(state, 'smClockApplicationMhz'),
      memoryClockMhz: this.number(state, 'memoryClockMhz'),
      memoryClockMaxMhz: this.number(state, 'memoryClockMaxMhz'),
      memoryClockApplicationMhz: this.number(state, 'memoryClockApplicationMhz'),
      powerDrawWatts: this.number(state, 'powerDrawWatts'),
      powerLimitWatts: this.number(state, 'powerLimitWatts'),
      powerLimitDefaultWatts: this.number(state, 'powerLimitDefaultWatts'),
      temperatureCelsius: this.number(state, 'temperatureCelsius'),
      gpuUtilizationPercent: this.number(state, 'gpuUtilizationPercent'),
      memoryUtilizationPercent: this.number(state, 'memoryUtilizationPercent'),
      memoryTotalBytes: this.number(state, 'memoryTotalBytes'),
      memoryUsedBytes: this.number(state, 'memoryUsedBytes'),
      pcieGeneration: this.number(state, 'pcieGeneration'),
      pcieGenerationMax: this.number(state, 'pcieGenerationMax'),
      pcieWidth: this.number(state, 'pcieWidth'),
      pcieWidthMax: this.number(state, 'pcieWidthMax'),
      eccEnabled: this.flag(state, 'eccEnabled'),
      computeMode: this.text(state, 'computeMode'),
      clockEventReasons: this.isUnknown(state, 'clockEventReasons')
        ? null
        : this.json.strings(state, 'clockEventReasons'),
      otherProcesses: this.number(state, 'otherProcesses'),
    };
  }

  private partOf(part: Part, key: string): Part | null {
    return this.isUnknown(part, key) ? null : this.json.object(part, key);
  }

  private text(part: Part, key: string): string | null {
    return this.isUnknown(part, key) ? null : this.json.string(part, key);
  }

  private number(part: Part, key: string): number | null {
    return this.isUnknown(part, key) ? null : this.json.nonNegative(part, key);
  }

  private flag(part: Part, key: string): boolean | null {
    return this.isUnknown(part, key) ? null : this.json.boolean(part, key);
  }

  private isUnknown(part: Part, key: string): boolean {
    return !this.json.has(part, key) || this.json.isNull(part, key);
  }
}
