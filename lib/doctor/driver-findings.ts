import * as clue from './clues';
import { containerFindings } from './container-findings';
import { gpuNodes, kernelModuleVersion, libcudaVersion, type Evidence } from './evidence';
import type { Finding } from './finding';
import { hiddenGpus } from './visible-devices';
import { migWithoutInstances } from './gpu-findings';
import { wslDriverFinding } from './wsl-findings';

/** CUresult values that cuInit is known to fail with; names as in cuda.h. */
const cudaErrors = {
  stubLibrary: 34,
  insufficientDriver: 35,
  noDevice: 100,
  systemNotReady: 802,
  systemDriverMismatch: 803,
  compatNotSupportedOnDevice: 804,
} as const;

/** Why the driver does not work or shows no GPU: the one cause that the evidence supports best; empty when it works. */
export function driverFindings(evidence: Evidence): Finding[] {
  const { driver, platform } = evidence;
  if (platform !== 'linux' || driver === null) return [];
  if (driver.status === 'ok' && driver.gpus.length > 0) return [];
  const cause = stub(evidence) ?? (driver.status === 'not-found' ? absent : failing)(evidence);
  return [cause];
}

/** A stub answers every call with an error; it is for linking on machines without a driver. */
function stub(evidence: Evidence): Finding | null {
  const { driver } = evidence;
  const isStub =
    driver?.cudaError === cudaErrors.stubLibrary || /\/stubs\//.test(driver?.path ?? '');
  if (!isStub) return null;
  return {
    id: 'stub-libcuda',
    severity: 'problem',
    title: 'A stub libcuda was loaded in place of the driver',
    evidence: [clue.driverAnswer(evidence), clue.variable(evidence, 'LD_LIBRARY_PATH')],
    nextStep:
      "Take the CUDA toolkit's stubs folder out of LD_LIBRARY_PATH and of /etc/ld.so.conf.d, and remove links named libcuda.so.1 to it: it is for linking only.",
  };
}

/** No libcuda.so.1 could be opened. */
function absent(evidence: Evidence): Finding {
  const message = evidence.driver?.message ?? '';
  if (message !== '' && !/cannot open shared object file: No such file/.test(message)) {
    return {
      id: 'driver-library-broken',
      severity: 'problem',
      title: 'There is a libcuda.so.1 and it cannot be opened',
      evidence: [
        clue.driverAnswer(evidence),
        ...evidence.driverLibraries.map(({ path, file }) => `${path} is ${file}`),
      ],
      nextStep: 'Install the NVIDIA driver again, for this processor and from one source.',
    };
  }
  return wslDriverFinding(evidence) ?? containerFindings(evidence)[0] ?? absentFromHost(evidence);
}

function absentFromHost(evidence: Evidence): Finding {
  if (evidence.kernelModule !== null) {
    return {
      id: 'driver-library-missing',
      severity: 'problem',
      title: "The driver's kernel module is loaded, its library libcuda.so.1 is missing",
      evidence: [clue.kernelModule(evidence), clue.driverAnswer(evidence)],
      nextStep: `Install the driver's compute libraries in version ${kernelModuleVersion(evidence) ?? 'of the kernel module'} (Ubuntu: libnvidia-compute-${kernelModuleVersion(evidence)?.split('.')[0] ?? '<version>'}; Debian: libcuda1), then run ldconfig.`,
    };
  }
  const gpuSeen = evidence.pciGpus !== null && evidence.pciGpus.length > 0;
  return {
    id: 'driver-missing',
    severity: 'problem',
    title: gpuSeen
      ? 'There is an NVIDIA GPU and no NVIDIA driver'
      : 'There is no NVIDIA driver, and no NVIDIA GPU that could be seen',
    evidence: [
      clue.driverAnswer(evidence),
      clue.kernelModule(evidence),
      clue.deviceNodes(evidence),
      clue.pciBus(evidence),
    ],
    nextStep: gpuSeen
      ? 'Install the NVIDIA driver (Ubuntu: `sudo ubuntu-drivers install`; elsewhere: https://www.nvidia.com/drivers) and restart. `nvidia-smi` must list the GPU.'
      : 'To run inference, use a machine with an NVIDIA GPU and its driver. To build without one, `npx trt-node setup` fetches TensorRT-RTX.',
  };
}

/** libcuda.so.1 is there, and cuInit fails or shows no GPU. */
function failing(evidence: Evidence): Finding {
  const code = evidence.driver?.cudaError ?? null;
  const byCode = code === null ? null : findingOfCode(code, evidence);
  return (
    byCode ??
    hiddenGpus(evidence) ??
    migWithoutInstances(evidence) ??
    mismatch(evidence) ??
    wslDriverFinding(evidence) ??
    containerFindings(evidence)[0] ??
    nodes(evidence) ??
    unexplained(evidence)
  );
}

function findingOfCode(code: number, evidence: Evidence): Finding | null {
  const seen = [clue.driverAnswer(evidence), clue.kernelModule(evidence)];
  const { message = '' } = evidence.driver ?? {};
  if (code === cudaErrors.insufficientDriver || /is missing from it/.test(message)) {
    return {
      id: 'driver-too-old',
      severity: 'problem',
      title: 'The NVIDIA driver is too old',
      evidence: seen,
      // https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html, table 1
      nextStep:
        'Install a newer driver: CUDA 12 builds of TensorRT need 525 or newer, CUDA 13 builds 580 or newer.',
    };
  }
  if (code === cudaErrors.systemDriverMismatch) return mismatch(evidence) ?? mismatchOf(evidence);
  if (code === cudaErrors.compatNotSupportedOnDevice) {
    return {
      id: 'driver-mismatch',
      severity: 'problem',
      title: 'A CUDA forward-compatibility libcuda was loaded on a GPU that it does not support',
      evidence: [...seen, clue.variable(evidence, 'LD_LIBRARY_PATH')],
      nextStep:
        "Take the cuda-compat folder (/usr/local/cuda/compat) out of the library path, so that the driver's own libcuda is loaded, or update the driver. NVIDIA supports that package on data-centre GPUs alone.",
    };
  }
  if (code === cudaErrors.systemNotReady) {
    return {
      id: 'fabric-manager-missing',
      severity: 'problem',
      title: 'The driver says that the system is not ready',
      evidence: seen,
      nextStep:
        'On machines with NVSwitch (HGX, DGX), start the fabric manager on the host, in the version of the driver: `sudo systemctl start nvidia-fabricmanager`. Right after boot, wait for it.',
    };
  }
  return null;
}

/** Kernel module and libcuda of different drivers, which an update without a restart leaves behind. */
function mismatch(evidence: Evidence): Finding | null {
  const module = kernelModuleVersion(evidence);
  const library = libcudaVersion(evidence);
  return module === null || library === null || module === library ? null : mismatchOf(evidence);
}

function mismatchOf(evidence: Evidence): Finding {
  return {
    id: 'driver-mismatch',
    severity: 'problem',
    title: 'Kernel module and libcuda are of different driver versions',
    evidence: [
      clue.driverAnswer(evidence),
      clue.kernelModule(evidence),
      `libcuda is of version ${libcudaVersion(evidence) ?? '(its name does not tell)'}`,
    ],
    nextStep:
      evidence.container === null
        ? 'Restart the machine (an update of the driver leaves the old module loaded), and keep one installation of the driver.'
        : "Remove the driver's libraries from the image: the container toolkit brings the host's. If the host was updated, restart it.",
  };
}

function nodes(evidence: Evidence): Finding | null {
  if (evidence.kernelModule === null) {
    return {
      id: 'kernel-module-missing',
      severity: 'problem',
      title: "libcuda is installed, the driver's kernel module is not loaded",
      evidence: [clue.driverAnswer(evidence), clue.kernelModule(evidence), clue.pciBus(evidence)],
      nextStep:
        'Run `sudo modprobe nvidia` and read `sudo dmesg | grep -i nvidia` if it fails: the module may not be built for this kernel (reinstall the driver), or Secure Boot refuses it.',
    };
  }
  const wanted = ['/dev/nvidiactl', '/dev/nvidia-uvm'];
  const missing = wanted.filter(
    (name) => !evidence.deviceNodes.some(({ path }) => path.endsWith(name)),
  );
  if (gpuNodes(evidence).length === 0) missing.unshift('/dev/nvidia0');
  if (missing.length > 0) {
    return {
      id: 'device-nodes-missing',
      severity: 'problem',
      title: `The driver's device files are missing: ${missing.join(', ')}`,
      evidence: [clue.driverAnswer(evidence), clue.deviceNodes(evidence)],
      nextStep:
        'Create them with `sudo nvidia-modprobe -u -c 0` (nvidia-smi does so too, as root); in a container, pass them in by the NVIDIA container toolkit.',
    };
  }
  const denied = evidence.deviceNodes.filter(({ accessible }) => !accessible);
  if (denied.length === 0) return null;
  return {
    id: 'device-nodes-denied',
    severity: 'problem',
    title: "This user may not use the driver's device files",
    evidence: [clue.driverAnswer(evidence), clue.deviceNodes(evidence)],
    nextStep:
      'Add the user to the group that owns them (`ls -l /dev/nvidia*`), or let the container or sandbox give access to them.',
  };
}

function unexplained(evidence: Evidence): Finding {
  return {
    id: 'driver-init-failed',
    severity: 'problem',
    title:
      evidence.driver?.status === 'ok'
        ? 'The driver works and shows no GPU'
        : 'The NVIDIA driver does not start',
    evidence: [
      clue.driverAnswer(evidence),
      clue.kernelModule(evidence),
      clue.deviceNodes(evidence),
      clue.pciBus(evidence),
    ],
    nextStep:
      'Look whether `nvidia-smi` works and what `sudo dmesg | grep -i -e nvrm -e xid` says; a GPU that fell off the bus comes back with a restart.',
  };
}
