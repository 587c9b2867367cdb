import pc from 'picocolors';
import { TrtError, type LogLine } from '../errors';
import { Aborted } from './exit-codes';
import { inCommandWords } from './command-words';
import { printable } from './printable';

const logTail = 12;

/** The flags for what `buildEngine` and `setupRuntime` call their options. */
export const flagOf: Readonly<Record<string, string>> = {
  output: '--output',
  runtime: '--runtime',
  library: '--library',
  precision: '--precision',
  profiles: '--profile',
  optimizationLevel: '--optimization-level',
  memoryPools: '--memory-pool',
  computeCapabilities: '--compute-capability',
  labels: '--label',
  device: '--device',
  isolation: '--isolation',
  typing: '--typing',
  calibration: '--calibration',
  timingCache: '--timing-cache',
  reproducible: '--reproducible',
  cache: '--cache',
  verify: '--verify',
  refit: '--refit',
  stripPlan: '--strip-plan',
  weightStreaming: '--weight-streaming',
  hardwareCompatibilityLevel: '--hardware-compatibility-level',
  versionCompatible: '--version-compatible',
  excludeLeanRuntime: '--exclude-lean-runtime',
  plugins: '--plugin',
  standardPlugins: '--standard-plugins',
  maxAuxStreams: '--max-aux-streams',
  avgTimingIterations: '--avg-timing-iterations',
  maxNbTactics: '--max-nb-tactics',
  sparseWeights: '--sparse-weights',
  tacticSources: '--tactic-sources',
  previewFeatures: '--preview-features',
  tilingOptimizationLevel: '--tiling-optimization-level',
  l2LimitForTiling: '--l2-limit-for-tiling',
  dla: '--dla-core',
  debugTensors: '--debug-tensor',
  signingKey: '--sign-key',
  cuda: '--cuda',
  dir: '--dir',
  indexUrl: '--index-url',
  lanes: '--lanes',
  graphs: '--graphs',
  waiting: '--waiting',
  queueLimit: '--queue-limit',
  contextMemory: '--context-memory',
  integrity: '--integrity',
  verificationKey: '--verify-key',
  weightStreamingBudget: '--weight-streaming-budget',
  runtimeCache: '--runtime-cache',
};

/** The flags for what stands under `verify`. */
export const flagOfVerify: Readonly<Record<string, string>> = {
  reference: '--reference',
  atol: '--atol',
  rtol: '--rtol',
  metric: '--metric',
  minimum: '--minimum',
  maximum: '--maximum',
  maxDrop: '--max-drop',
};

const dimsHint =
  "On the command line: --profile 'batch:1/8/32' (a named dim) or --profile 'x:1x8/8x8/64x8' (an input), each min/opt/max; " +
  'or --minShapes x:1x8 --optShapes x:8x8 --maxShapes x:64x8.';

const calibrationHint =
  'On the command line: --calibration batches/ (a .npy or .npz file of real inputs, or a folder of them), or --calibration-cache <file> ' +
  'with scales that were found before.';

/** What the user reads on stderr: `error [CODE]: message`, and the end of TensorRT's own log. */
export function formatError(error: unknown, colors: Pick<typeof pc, 'red' | 'dim'> = pc): string {
  if (error instanceof Aborted) return error.message;
  if (!(error instanceof TrtError)) {
    // Not one of ours: a bug, whose stack is what a report of it needs.
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `${colors.red('error')}: ${printable(text)}`;
  }
  const lines = [`${colors.red('error')} [${error.code}]: ${printable(inFlags(error))}`];
  if (error.code === 'ERR_TRT_PROFILE_MISSING') lines.push(printable(profileHint(error)));
  if (error.code === 'ERR_TRT_CALIBRATION_REQUIRED') lines.push(calibrationHint);
  const tail = worthReading(error.log).slice(-logTail);
  if (tail.length > 0) {
    lines.push(colors.dim('TensorRT said:'));
    for (const { severity, message } of tail)
      lines.push(colors.dim(`  [${severity}] ${printable(message)}`));
  }
  return lines.join('\n');
}

function profileHint({ message, details }: TrtError): string {
  const { inputs } = details;
  // What lacks a range, dims or the values of a shape tensor, stands in the example of the message alone.
  if (!/\bvalues: \{/.test(message) || !Array.isArray(inputs)) return dimsHint;
  const items = inputs.map((name) => `${String(name)}=1/8/64`).join(',');
  return `On the command line: --profile '${items}', the values as min/opt/max; several as 1x8/8x8/64x8.`;
}

/** Errors and warnings; the chatty severities only where there is nothing else. */
function worthReading(log: readonly LogLine[]): readonly LogLine[] {
  const telling = log.filter(({ severity }) => severity !== 'info' && severity !== 'verbose');
  return telling.length > 0 ? telling : log;
}

/** The message with flags for the names of options. */
function inFlags({ message, details }: TrtError): string {
  const { path } = details;
  return (
    inCommandWords(message, typeof path === 'string' ? path : null)
      // `dir` (--dir): it names the flag itself.
      .replace(/`(?:options\.)?\w+[^`\n]*` \((--[a-z-]+[^)\n]*)\)/g, '`$1`')
      .replace(/`(\w+)`/g, (whole, name: string) => {
        // A bare name may be an input's.
        const flag = details['argument'] === name ? flagNamed(name) : undefined;
        return flag === undefined ? whole : `\`${flag}\``;
      })
      .replace(/\boptions\.verify\.(\w+)/g, (whole, name: string) =>
        Object.hasOwn(flagOfVerify, name) ? (flagOfVerify[name] ?? whole) : whole,
      )
      .replace(/\boptions\.(\w+)(\[\d+\])?/g, (whole, name: string, index = '') => {
        const flag = flagNamed(name);
        return flag === undefined ? whole : `${flag}${String(index)}`;
      })
  );
}

function flagNamed(name: string): string | undefined {
  return Object.hasOwn(flagOf, name) ? flagOf[name] : undefined;
}
