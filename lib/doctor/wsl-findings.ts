import * as clue from './clues';
import type { Evidence } from './evidence';
import type { Finding } from './finding';

// NVIDIA's guide, https://docs.nvidia.com/cuda/wsl-user-guide/: Windows' driver is the only one to install; its libcuda is
// mapped into /usr/lib/wsl/lib, and a Linux driver in the distribution overwrites it.
const wslFolder = '/usr/lib/wsl/lib';

/** Why WSL has no working driver; null elsewhere than on WSL. */
export function wslDriverFinding(evidence: Evidence): Finding | null {
  if (evidence.wsl === null) return null;
  const linuxDriver = linuxDriverOf(evidence);
  if (linuxDriver) return linuxDriver;
  const hasDxg = evidence.deviceNodes.some(({ path }) => path.endsWith('/dev/dxg'));
  const mapped = evidence.driverLibraries.find(({ path }) => path.includes(wslFolder));
  return {
    id: 'wsl-without-driver',
    severity: 'problem',
    title: 'WSL has no working NVIDIA driver',
    evidence: [
      clue.wsl(evidence),
      hasDxg ? 'there is /dev/dxg' : 'there is no /dev/dxg: WSL 1, or a WSL 2 without GPU support',
      mapped ? `there is ${mapped.path}` : `there is no libcuda in ${wslFolder}`,
      clue.driverAnswer(evidence),
      ...(evidence.container === null ? [] : [clue.container(evidence)]),
    ],
    nextStep: !hasDxg
      ? 'Run `wsl --update` and `wsl --set-version <distribution> 2` in Windows, then `wsl --shutdown`. In a container on WSL, start it with `--gpus all`.'
      : mapped
        ? `Let the linker find it: \`echo ${wslFolder} | sudo tee /etc/ld.so.conf.d/ld.wsl.conf && sudo ldconfig\`, or set LD_LIBRARY_PATH=${wslFolder}.`
        : 'Install the NVIDIA driver in Windows (not in WSL), then `wsl --shutdown` and start again.',
  };
}

function linuxDriverOf(evidence: Evidence): Finding | null {
  const path = evidence.driver?.path;
  if (evidence.wsl === null || evidence.container !== null) return null;
  if (path === undefined || path === null || path.includes(wslFolder)) return null;
  const inWsl = evidence.driverLibraries.find((library) => library.path === path)?.file ?? path;
  if (inWsl.includes(wslFolder)) return null;
  return {
    id: 'wsl-linux-driver',
    severity: evidence.driver?.status === 'ok' ? 'warning' : 'problem',
    title: 'A Linux NVIDIA driver is installed inside WSL',
    evidence: [clue.wsl(evidence), `libcuda was loaded from ${inWsl}, not from ${wslFolder}`],
    nextStep:
      'Remove the Linux driver from WSL (`sudo apt purge "libnvidia-*" "nvidia-driver-*"`): Windows brings its own.',
  };
}

/** WSL with a driver that works. */
export function wslNotes(evidence: Evidence): Finding[] {
  if (evidence.wsl === null || evidence.driver?.status !== 'ok') return [];
  return [
    linuxDriverOf(evidence) ?? {
      id: 'wsl',
      severity: 'note',
      title: 'This is WSL',
      evidence: [clue.wsl(evidence)],
      nextStep:
        'Nothing to do. Pinned memory is limited there and times differ from native Linux, so measure where you deploy.',
    },
  ];
}
