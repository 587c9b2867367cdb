import * as clue from './clues';
import { gpuNodes, type Evidence } from './evidence';
import type { Finding } from './finding';

/**
 * Why a container has no GPU. What the variables mean and what the toolkit makes of them:
 * https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/docker-specialized.html
 * Its CDI mode sets NVIDIA_VISIBLE_DEVICES=void beside working GPUs, so that variables alone never make a finding.
 */
export function containerFindings(evidence: Evidence): Finding[] {
  if (evidence.container === null) return [];
  if (gpuNodes(evidence).length > 0) return [withNodes(evidence)];
  const devices = evidence.env['NVIDIA_VISIBLE_DEVICES'];
  const seen = [
    clue.container(evidence),
    clue.driverAnswer(evidence),
    clue.kernelModule(evidence),
    clue.deviceNodes(evidence),
    clue.variable(evidence, 'NVIDIA_VISIBLE_DEVICES'),
  ];
  if (evidence.kernelModule === null) {
    return [
      {
        id: 'container-host-without-driver',
        severity: 'problem',
        title: 'This container runs on a host without an NVIDIA driver',
        evidence: seen,
        nextStep:
          'To run inference, start the container on a host with an NVIDIA GPU, its driver and the NVIDIA container toolkit, with `docker run --gpus all`. To build without a GPU, `npx trt-node setup` fetches TensorRT-RTX.',
      },
    ];
  }
  if (devices !== undefined && !['', 'void', 'none'].includes(devices)) {
    return [
      {
        id: 'container-without-toolkit',
        severity: 'problem',
        title: 'GPUs were asked for, and no NVIDIA container toolkit put them into this container',
        evidence: seen,
        nextStep:
          'Start it with `docker run --gpus all` (an image that only sets NVIDIA_VISIBLE_DEVICES does not do so by itself). If Docker answers `could not select device driver`, install the NVIDIA container toolkit on the host: `sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker`.',
      },
    ];
  }
  return [
    {
      id: 'container-started-without-gpus',
      severity: 'problem',
      title: 'The host has an NVIDIA driver; this container was started without GPUs',
      evidence: seen,
      nextStep:
        'Start it with `docker run --gpus all` (compose: `deploy.resources.reservations.devices`; Podman: `--device nvidia.com/gpu=all`; Kubernetes: the limit `nvidia.com/gpu: 1`)' +
        (devices === undefined
          ? '.'
          : `, and without NVIDIA_VISIBLE_DEVICES=${devices === '' ? '""' : devices}.`),
    },
  ];
}

/** The GPU's device files are there and the driver's libraries are not, or do not work. */
function withNodes(evidence: Evidence): Finding {
  const capabilities = evidence.env['NVIDIA_DRIVER_CAPABILITIES'];
  const hasNvml = evidence.driverLibraries.some(({ path }) => path.includes('libnvidia-ml.so'));
  const seen = [
    clue.container(evidence),
    clue.deviceNodes(evidence),
    clue.driverAnswer(evidence),
    clue.variable(evidence, 'NVIDIA_DRIVER_CAPABILITIES'),
  ];
  const withoutCompute = capabilities !== undefined && !includesCapability(capabilities, 'compute');
  if (evidence.driver?.status === 'not-found' && (withoutCompute || hasNvml)) {
    return {
      id: 'driver-capabilities-without-compute',
      severity: 'problem',
      title: "The container was given its GPU without the driver's `compute` capability",
      evidence: hasNvml ? [...seen, 'libnvidia-ml.so.1 is here, libcuda.so.1 is not'] : seen,
      nextStep:
        'Start it with `-e NVIDIA_DRIVER_CAPABILITIES=compute,utility`, or set that in the image.',
    };
  }
  const denied = evidence.deviceNodes.some(({ accessible }) => !accessible);
  if (denied) {
    return {
      id: 'device-nodes-denied',
      severity: 'problem',
      title: "The container's user may not use the GPU's device files",
      evidence: seen,
      nextStep:
        'Run it as a user or group that may (`ls -l /dev/nvidia*`). After a restart of systemd or `systemctl daemon-reload` on the host, restart the container: its device permissions are lost then.',
    };
  }
  if (evidence.driver?.status !== 'not-found') {
    return {
      id: 'driver-init-failed',
      severity: 'problem',
      title: 'The GPU is in this container and the driver does not start',
      evidence: [...seen, clue.kernelModule(evidence)],
      nextStep:
        'Look whether `nvidia-smi` works on the host and in the container, and restart the container: it keeps the libraries of the driver that it was started with.',
    };
  }
  return {
    id: 'container-without-toolkit',
    severity: 'problem',
    title: "The GPU's device files are in this container, the driver's libraries are not",
    evidence: seen,
    nextStep:
      'Passing /dev/nvidia* by `--device` is not enough: install the NVIDIA container toolkit on the host and start the container with `docker run --gpus all`, which brings the libraries.',
  };
}

/** `compute,utility` and `all` are how the toolkit writes them. */
export function includesCapability(value: string, capability: string): boolean {
  const given = value.split(',').map((each) => each.trim());
  // Empty is the toolkit's default, which has both compute and utility.
  return value.trim() === '' || given.includes('all') || given.includes(capability);
}

/** The driver works, and nvidia-smi's half of it was left out. */
export function utilityFinding(evidence: Evidence): Finding[] {
  const capabilities = evidence.env['NVIDIA_DRIVER_CAPABILITIES'];
  if (evidence.container === null || evidence.driver?.status !== 'ok') return [];
  if (capabilities === undefined || includesCapability(capabilities, 'utility')) return [];
  if (evidence.driver.driverVersion !== null) return [];
  return [
    {
      id: 'driver-capabilities-without-utility',
      severity: 'note',
      title: "The container was given its GPU without the driver's `utility` capability",
      evidence: [
        clue.variable(evidence, 'NVIDIA_DRIVER_CAPABILITIES'),
        'libnvidia-ml.so.1 is not here: clocks, power and the driver version are not known',
      ],
      nextStep: 'To see them, start it with `-e NVIDIA_DRIVER_CAPABILITIES=compute,utility`.',
    },
  ];
}
