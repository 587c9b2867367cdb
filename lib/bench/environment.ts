import { loadBinding } from '../binding';
import { gatherTraces } from '../doctor/gather-evidence';
import { gatherHost, recordedVariables } from '../doctor/host-report';
import type { GpuState } from '../gpu-state';
import { gpuState } from '../gpu-state';

/** Where it was measured: what else than the engine decides the figures. null: not known here. */
export interface BenchEnvironment {
  readonly node: string;
  readonly os: string | null;
  readonly kernel: string;
  /** What says that this is a container; null when nothing does. */
  readonly container: string | null;
  readonly cpu: string | null;
  readonly cpuCount: number;
  readonly cpuGovernor: string | null;
  readonly driver: string | null;
  /** The newest CUDA that the driver supports. */
  readonly cuda: string | null;
  readonly gpu: {
    readonly name: string;
    readonly computeCapability: string;
    readonly memoryBytes: number | null;
    readonly powerLimitWatts: number | null;
    readonly smClockMaxMhz: number | null;
    readonly persistenceMode: boolean | null;
    readonly mig: boolean | null;
  } | null;
  /** Variables that change speed or what is found. */
  readonly variables: Readonly<Record<string, string>>;
}

/** Asks this machine. Never rejects. */
export async function benchEnvironment(device: number): Promise<BenchEnvironment> {
  const [traces, driver, state] = await Promise.all([
    gatherTraces(process.env),
    loadBinding().probeDriver(),
    stateOf(device),
  ]);
  const host = await gatherHost(traces);
  const gpu = driver.gpus.find(({ index }) => index === device);
  return {
    node: process.version,
    os: host.os,
    kernel: host.kernel,
    container: host.container,
    cpu: host.cpu,
    cpuCount: host.cpuCount,
    cpuGovernor: host.cpuGovernor,
    driver: driver.driverVersion,
    cuda: driver.cudaVersion,
    gpu:
      gpu === undefined
        ? null
        : {
            name: gpu.name,
            computeCapability: gpu.computeCapability,
            memoryBytes: state?.memoryTotalBytes ?? null,
            powerLimitWatts: state?.powerLimitWatts ?? null,
            smClockMaxMhz: state?.smClockMaxMhz ?? null,
            persistenceMode: state?.persistenceMode ?? null,
            mig: state?.mig?.enabled ?? null,
          },
    variables: recordedVariables(process.env),
  };
}

/** null where NVML has no answer. */
export async function stateOf(device: number): Promise<GpuState | null> {
  return await gpuState(device).catch(() => null);
}
