import { openTensorFile } from '../data-files/tensor-file';
import { listTensorFiles } from '../data-files/list-files';
import { TrtError } from '../errors';
import { findOnnxRuntime, onnxRuntimeMissing } from './onnx-reference';
import type { CheckedVerify } from './option';

/** What is known before the build. */
export interface VerifyFacts {
  /** Whether the plan is built on a GPU of this machine. */
  readonly hasGpu: boolean;
  /** The plan is built without its weights. */
  readonly stripped?: boolean;
  /** Names of the model's outputs. */
  readonly outputs: readonly string[];
}

/**
 * Refuses what cannot be verified before it is built for minutes, as far as that can be told without reading cases: of an iterable
 * only an array's first one is looked at. Rejects with `ERR_TRT_NO_GPU`, `ERR_TRT_DATA_FILE`, `ERR_TRT_UNSUPPORTED`.
 */
export async function precheckVerify(verify: CheckedVerify, facts: VerifyFacts): Promise<void> {
  if (!facts.hasGpu) throw needsGpu();
  if (facts.stripped === true) throw strippedPlan();
  const hasOutputs = await firstHasOutputs(verify.cases, facts.outputs);
  const { metric, elementwise, reference } = verify;
  const compares = elementwise || (metric !== null && 'named' in metric);
  if (!hasOutputs && compares && reference === 'onnxruntime' && findOnnxRuntime() === null) {
    throw onnxRuntimeMissing();
  }
}

/** true where it cannot be told. */
async function firstHasOutputs(
  cases: CheckedVerify['cases'],
  outputs: readonly string[],
): Promise<boolean> {
  if (typeof cases !== 'string') {
    const first: unknown = Array.isArray(cases) ? cases[0] : undefined;
    if (typeof first !== 'object' || first === null) return true;
    return (first as { readonly outputs?: unknown }).outputs !== undefined;
  }
  const [first = cases] = await listTensorFiles(cases);
  const file = await openTensorFile(first);
  try {
    return file.names.some((name) => outputs.includes(name.replace(/^output:/, '')));
  } finally {
    await file.close();
  }
}

export function needsGpu(): TrtError {
  return new TrtError(
    'ERR_TRT_NO_GPU',
    'expected a GPU that runs the plan, as `verify` infers with it, but this plan is built for GPUs that are not here. Leave `verify` out, ' +
      'or build where such a GPU is.',
    { details: { option: 'verify' } },
  );
}

export function strippedPlan(): TrtError {
  return new TrtError(
    'ERR_TRT_UNSUPPORTED',
    'expected a plan with its weights for `verify`, but `stripPlan` leaves them out, so that it cannot infer. Leave one of the two out: ' +
      'verify a build without `stripPlan`, or the engine after its refit.',
    { details: { option: 'verify', with: 'stripPlan' } },
  );
}
