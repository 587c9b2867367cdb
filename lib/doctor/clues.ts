import { gpuNodes, type Evidence } from './evidence';

/** Evidence in the words of a report: one line each. */

export function variable(evidence: Evidence, name: string): string {
  const value = evidence.env[name];
  return value === undefined ? `${name} is not set` : `${name}=${value === '' ? '(empty)' : value}`;
}

export function kernelModule({ kernelModule: line }: Evidence): string {
  return line === null
    ? '/proc/driver/nvidia/version does not exist: no NVIDIA kernel module is loaded'
    : `/proc/driver/nvidia/version: ${line}`;
}

export function deviceNodes(evidence: Evidence): string {
  const nodes = evidence.deviceNodes.map(({ path, accessible }) =>
    accessible ? path : `${path} (not accessible to this user)`,
  );
  if (nodes.length === 0) return 'there is no /dev/nvidia*';
  return gpuNodes(evidence).length === 0
    ? `there is no /dev/nvidia0, only ${nodes.join(', ')}`
    : `there is ${nodes.join(', ')}`;
}

export function driverAnswer({ driver }: Evidence): string {
  if (driver === null) return 'the driver was not asked: the addon does not load';
  const from = driver.path === null ? '' : ` (${driver.path})`;
  return `${driver.message || driver.status}${from}`;
}

export function pciBus({ pciGpus }: Evidence): string {
  if (pciGpus === null) return 'the PCI bus cannot be looked at';
  return pciGpus.length === 0
    ? 'no NVIDIA GPU on the PCI bus'
    : `NVIDIA GPU on the PCI bus: ${pciGpus.join(', ')}`;
}

export function container({ container: sign }: Evidence): string {
  return `this is a container (${sign ?? 'no sign of one'})`;
}

export function wsl({ wsl: sign }: Evidence): string {
  return `this is WSL (${sign ?? 'no sign of it'})`;
}
