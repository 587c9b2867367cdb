import { invalidArgument } from '../errors';
import type { NativeMemoryPool } from '../binding';
import type { TacticSource } from '../builder-tuning';

/** trtexec's pools, and what they are here. */
const pools: Readonly<Record<string, NativeMemoryPool>> = {
  workspace: 'workspace',
  dlaSRAM: 'dlaManagedSram',
  dlaLocalDRAM: 'dlaLocalDram',
  dlaGlobalDRAM: 'dlaGlobalDram',
  tacticSharedMem: 'tacticSharedMemory',
};

/** `workspace:1024,dlaSRAM:0.5` → `--memory-pool` of each. A number alone counts MiB. */
export function memoryPoolArguments(text: string): readonly string[] {
  return text.split(',').flatMap((item) => {
    const at = item.indexOf(':');
    const pool = pools[item.slice(0, Math.max(at, 0))];
    const bytes = bytesOf(item.slice(at + 1));
    if (pool === undefined || bytes === null) {
      const expected = `pool:size with a pool of ${Object.keys(pools).join(', ')}, and a size in MiB or with B, K, M or G`;
      throw invalidArgument('--memPoolSize', expected, text);
    }
    // DLA's SRAM is given out in powers of two; trtexec rounds so too.
    const size = pool === 'dlaManagedSram' && bytes > 0 ? 2 ** Math.floor(Math.log2(bytes)) : bytes;
    return ['--memory-pool', `${pool}=${size}B`];
  });
}

/** TensorRT 8's `--workspace`, in MiB. */
export function workspaceArguments(text: string): readonly string[] {
  const bytes = bytesOf(text);
  if (bytes === null) throw invalidArgument('--workspace', 'a number of MiB', text);
  return ['--memory-pool', `workspace=${bytes}B`];
}

const unitBytes: Readonly<Record<string, number>> = { B: 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

function bytesOf(text: string): number | null {
  const [, number, unit = 'M'] = /^(\d+(?:\.\d+)?)([BKMG])?$/.exec(text) ?? [];
  return number === undefined ? null : Math.floor(Number(number) * (unitBytes[unit] ?? NaN));
}

const sourceNames: Readonly<Record<string, TacticSource>> = {
  CUBLAS: 'cublas',
  CUBLASLT: 'cublasLt',
  CUDNN: 'cudnn',
  EDGEMASKCONVOLUTIONS: 'edgeMaskConvolutions',
  JITCONVOLUTIONS: 'jitConvolutions',
};

/** What TensorRT's headers say is on by default. */
const defaultSources: readonly TacticSource[] = ['edgeMaskConvolutions', 'jitConvolutions'];

/** `+CUBLAS,-CUDNN`: changes to TensorRT's default. */
export function tacticSourceArguments(text: string): readonly string[] {
  const sources = new Set(defaultSources);
  for (const item of text.split(',')) {
    const sign = item.slice(0, 1);
    if (sign !== '+' && sign !== '-') {
      throw invalidArgument('--tacticSources', 'names with + or -, such as +CUBLAS,-CUDNN', text);
    }
    const source = sourceNames[item.slice(1).toUpperCase().replaceAll('_', '')];
    if (source === undefined) {
      throw invalidArgument(
        '--tacticSources',
        `one of ${Object.values(sourceNames).join(', ')}`,
        item,
      );
    }
    if (sign === '+') sources.add(source);
    else sources.delete(source);
  }
  return ['--tactic-sources', [...sources].join(',') || 'none'];
}

const previewFeatures: Readonly<Record<string, string>> = {
  aliasedPluginIO1003: 'aliasedPluginIo1003',
  runtimeActivationResize: 'runtimeActivationResize1010',
  multiDeviceRuntime: 'multideviceRuntime1016',
};

/** `+aliasedPluginIO1003,-runtimeActivationResize` */
export function previewArguments(text: string): readonly string[] {
  return text.split(',').flatMap((item) => {
    const sign = item.slice(0, 1);
    const feature = previewFeatures[item.slice(1)];
    if ((sign !== '+' && sign !== '-') || feature === undefined) {
      const names = Object.keys(previewFeatures).join(', ');
      throw invalidArgument('--preview', `+ or - and one of ${names}`, item);
    }
    return ['--preview-features', sign === '+' ? feature : `${feature}=off`];
  });
}

const compatibilityLevels: Readonly<Record<string, string>> = {
  none: 'none',
  'ampere+': 'amperePlus',
  samecomputecapability: 'sameComputeCapability',
};

export function compatibilityArguments(text: string): readonly string[] {
  const level = compatibilityLevels[text.toLowerCase()];
  if (level === undefined) {
    const expected = 'none, ampere+ or sameComputeCapability';
    throw invalidArgument('--hardwareCompatibilityLevel', expected, text);
  }
  return ['--hardware-compatibility-level', level];
}

const tilingLevels = ['none', 'fast', 'moderate', 'full'];

export function tilingArguments(text: string): readonly string[] {
  const level = /^[0-3]$/.test(text) ? tilingLevels[Number(text)] : undefined;
  if (level === undefined) {
    throw invalidArgument('--tilingOptimizationLevel', 'a level from 0 to 3', text);
  }
  return ['--tiling-optimization-level', level];
}

export function sparsityArguments(text: string): readonly string[] {
  if (text === 'disable') return [];
  if (text === 'enable') return ['--sparse-weights'];
  const expected =
    'enable or disable (trt-node changes no weights: prune the model, then take enable)';
  throw invalidArgument('--sparsity', expected, text);
}

/** A whole number under another name; -1, trtexec's "TensorRT decides", is what leaving it out means. */
export function countArguments(flag: string, ours: string): (text: string) => readonly string[] {
  return (text) => {
    if (text === '-1') return [];
    if (!/^\d{1,9}$/.test(text)) throw invalidArgument(flag, 'a whole number', text);
    return [ours, text];
  };
}

/** Bytes; -1 as above. */
export function l2LimitArguments(text: string): readonly string[] {
  if (text === '-1') return [];
  if (!/^\d{1,15}$/.test(text)) throw invalidArgument('--l2LimitForTiling', 'bytes, or -1', text);
  return ['--l2-limit-for-tiling', `${text}B`];
}
