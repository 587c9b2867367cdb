import type { Command } from 'commander';

/** A command as the list of commands shows it. Its module, and all that hangs on it, is loaded when the command is asked for. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** In the order of `trt-node --help`: from the model to the machine that runs it. */
export const commands: readonly CommandEntry[] = [
  {
    name: 'build',
    summary: 'build an engine from an ONNX model',
    load: async () => (await import('./build.js')).buildCommand(),
  },
  {
    name: 'verify',
    summary: 'compare what an engine computes with expected outputs, or with ONNX Runtime',
    load: async () => (await import('./verify.js')).verifyCommand(),
  },
  {
    name: 'bench',
    summary: 'measure latency and throughput with CUDA events; compare engines and stored runs',
    load: async () => (await import('./bench.js')).benchCommand(),
  },
  {
    name: 'profile',
    summary: 'measure the time of each layer',
    load: async () => (await import('./profile.js')).profileCommand(),
  },
  {
    name: 'compare',
    summary: 'compare the outputs of two engines or models on the same inputs',
    load: async () => (await import('./compare.js')).compareCommand(),
  },
  {
    name: 'ladder',
    summary: 'build and measure every precision of a model, and recommend one',
    load: async () => (await import('./ladder.js')).ladderCommand(),
  },
  {
    name: 'inspect',
    summary: 'show what an ONNX model needs and whether TensorRT supports it, or what a plan is',
    load: async () => (await import('./inspect.js')).inspectCommand(),
  },
  {
    name: 'types',
    summary: 'write TypeScript types of the inputs and outputs of a model or engine',
    load: async () => (await import('./types.js')).typesCommand(),
  },
  {
    name: 'bundle',
    summary: 'gather addon, engine and the libraries that a slim image needs',
    load: async () => (await import('./bundle.js')).bundleCommand(),
  },
  {
    name: 'doctor',
    summary: 'show which TensorRT, driver and GPUs this machine has, and what is missing',
    load: async () => (await import('./doctor.js')).doctorCommand(),
  },
  {
    name: 'setup',
    summary: 'fetch TensorRT-RTX, which builds engines without a GPU',
    load: async () => (await import('./setup.js')).setupCommand(),
  },
  {
    name: 'cache',
    summary: 'list and prune what builds keep: engines and timing caches',
    load: async () => (await import('./cache.js')).cacheCommand(),
  },
];

/** Every command with its options, for tests and docs. */
export async function loadEveryCommand(): Promise<readonly Command[]> {
  return await Promise.all(commands.map(({ load }) => load()));
}
