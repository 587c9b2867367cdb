import { utilityFinding } from './container-findings';
import { driverFindings } from './driver-findings';
import type { Evidence } from './evidence';
import type { Finding } from './finding';
import { gpuFindings } from './gpu-findings';
import { libraryFindings } from './library-findings';
import { partlyHiddenGpus } from './visible-devices';
import { wslNotes } from './wsl-findings';

const order = ['problem', 'warning', 'note'] as const;

/** What the evidence says, worst first. Pure. */
export function diagnose(evidence: Evidence): Finding[] {
  const findings = [
    ...driverFindings(evidence),
    ...partlyHiddenGpus(evidence),
    ...utilityFinding(evidence),
    ...gpuFindings(evidence),
    ...libraryFindings(evidence),
    ...wslNotes(evidence),
  ];
  return order.flatMap((severity) => findings.filter((each) => each.severity === severity));
}
