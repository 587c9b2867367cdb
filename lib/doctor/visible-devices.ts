import * as clue from './clues';
import type { Evidence } from './evidence';
import type { Finding } from './finding';

const name = 'CUDA_VISIBLE_DEVICES';

/** CUDA_VISIBLE_DEVICES as CUDA reads it: up to the first entry that names nothing. */
interface VisibleDevices {
  readonly entries: readonly string[];
  /** The first entry that names no GPU of this machine; null when all do, or nobody can tell. */
  readonly invalid: { readonly entry: string; readonly why: string } | null;
}

/** The rule: https://docs.nvidia.com/cuda/cuda-c-programming-guide/#cuda-environment-variables */
export function readVisibleDevices(evidence: Evidence): VisibleDevices | null {
  const value = evidence.env[name];
  if (value === undefined) return null;
  const entries = value
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry, index, all) => entry !== '' || all.length > 1 || index > 0);
  for (const entry of entries) {
    const why = whyInvalid(entry, evidence);
    if (why !== null) return { entries, invalid: { entry, why } };
  }
  return { entries, invalid: null };
}

function whyInvalid(entry: string, { gpuStates }: Evidence): string | null {
  if (entry === '' || entry === '-1' || entry === 'NoDevFiles') return 'it names no GPU';
  if (/^-?\d+$/.test(entry)) {
    const index = Number(entry);
    if (index < 0) return 'it is negative';
    if (gpuStates.length === 0 || index < gpuStates.length) return null;
    return `there ${gpuStates.length === 1 ? 'is 1 GPU' : `are ${gpuStates.length} GPUs`}, counted from 0`;
  }
  if (/^GPU-/i.test(entry)) {
    const known = gpuStates.flatMap(({ uuid }) => (uuid === null ? [] : [uuid.toLowerCase()]));
    // A beginning that is unique will do for CUDA.
    if (known.length === 0 || known.some((uuid) => uuid.startsWith(entry.toLowerCase()))) {
      return null;
    }
    return `the GPUs here are ${known.join(', ')}`;
  }
  if (/^MIG-/i.test(entry)) {
    const enabled = gpuStates.some(({ mig }) => mig?.enabled === true);
    return gpuStates.length === 0 || enabled ? null : 'no GPU here has MIG enabled';
  }
  return 'it is neither an index nor the UUID of a GPU (GPU-…) or MIG device (MIG-…)';
}

/** No GPU is left by CUDA_VISIBLE_DEVICES; null when it is not the cause. */
export function hiddenGpus(evidence: Evidence): Finding | null {
  const visible = readVisibleDevices(evidence);
  if (visible === null) return null;
  const seen = [clue.variable(evidence, name), clue.driverAnswer(evidence)];
  const [first] = visible.entries;
  if (first === undefined || first === '-1' || first === 'NoDevFiles' || first === '') {
    return {
      id: 'cuda-visible-devices-empty',
      severity: 'problem',
      title: `${name} hides every GPU`,
      evidence: seen,
      nextStep: `Unset it (\`unset ${name}\`), or name the GPUs: \`${name}=0\`.`,
    };
  }
  if (visible.invalid === null || visible.invalid.entry !== first) return null;
  return {
    id: 'cuda-visible-devices-invalid',
    severity: 'problem',
    title: `${name} names a GPU that is not there`,
    evidence: [...seen, `"${first}": ${visible.invalid.why}`],
    nextStep: `Set it to indices from 0 on or to UUIDs that \`nvidia-smi -L\` prints, or unset it. CUDA ignores everything from the first wrong entry on.`,
  };
}

/** Some GPUs are left, and some that were meant are not. */
export function partlyHiddenGpus(evidence: Evidence): Finding[] {
  const invalid = readVisibleDevices(evidence)?.invalid;
  if (!invalid || evidence.driver?.status !== 'ok' || evidence.driver.gpus.length === 0) return [];
  return [
    {
      id: 'cuda-visible-devices-invalid',
      severity: 'warning',
      title: `${name} names a GPU that is not there`,
      evidence: [
        clue.variable(evidence, name),
        `"${invalid.entry}": ${invalid.why}`,
        `CUDA shows ${evidence.driver.gpus.length} of the machine's GPUs`,
      ],
      nextStep: `Correct it: CUDA ignores everything from the first wrong entry on. \`nvidia-smi -L\` lists what there is.`,
    },
  ];
}
