import { TrtError, type TrtErrorCode } from '../errors';
import { referenceRungOf } from './describe';
import { recommend } from './recommend';
import type {
  LadderMachineFacts,
  LadderResult,
  LadderSettings,
  MeasuredRung,
  RungPoint,
  RungResult,
  RungWay,
} from './result';
import type { Rung } from './rung';

/** What builds and measures a rung. Tests have another one. */
export interface LadderMachine<Built> {
  build(rung: Rung): Promise<Built>;
  /** What is known once it is built. */
  describe(
    built: Built,
  ): Pick<MeasuredRung, 'buildSeconds' | 'callSeconds' | 'planBytes' | 'planPath' | 'layerTypes'>;
  identify(built: Built): {
    readonly machine: LadderMachineFacts;
    readonly modelSha256: string;
  };
  measure(built: Built, way: RungWay): Promise<RungPoint>;
  /** Called in the order of the rungs; the outputs of one may be what later ones are compared with. */
  judge(built: Built, rung: Rung): Promise<MeasuredRung['accuracy']>;
}

export type LadderEvent =
  | { readonly kind: 'building'; readonly rung: string }
  | ({ readonly kind: 'measuring'; readonly rung: string } & RungWay)
  | { readonly kind: 'done'; readonly result: RungResult };

export interface LadderPlan {
  readonly model: string;
  readonly rungs: readonly Rung[];
  readonly settings: LadderSettings;
  readonly onEvent: (event: LadderEvent) => void;
  readonly signal: AbortSignal | null;
}

/** What no other rung could do better about. */
const hopeless: ReadonlySet<TrtErrorCode> = new Set<TrtErrorCode>([
  ...(['ERR_TRT_INVALID_ARG', 'ERR_TRT_ADDON_LOAD', 'ERR_TRT_UNSUPPORTED_PLATFORM'] as const),
  ...([
    'ERR_TRT_LIBRARY_NOT_FOUND',
    'ERR_TRT_LIBRARY_LOAD',
    'ERR_TRT_LIBRARY_UNSUPPORTED',
  ] as const),
  ...(['ERR_TRT_BUILDER_MISSING', 'ERR_TRT_NO_DRIVER', 'ERR_TRT_NO_GPU'] as const),
  ...(['ERR_TRT_GPU_UNSUPPORTED', 'ERR_TRT_TARGET_REQUIRED', 'ERR_TRT_ONNX_NOT_FOUND'] as const),
  ...(['ERR_TRT_ONNX_INVALID', 'ERR_TRT_ONNX_PARSE', 'ERR_TRT_EXTERNAL_DATA'] as const),
  ...(['ERR_TRT_PROFILE_MISSING', 'ERR_TRT_PROFILE_INVALID', 'ERR_TRT_DATA_FILE'] as const),
  ...(['ERR_TRT_CUDA_CONTEXT_LOST'] as const),
]);

/** Inputs that do not fit one engine fit none: all are of one model. */
function isHopeless({ code }: TrtError): boolean {
  return hopeless.has(code) || code.startsWith('ERR_TRT_INPUT_');
}

/** The rung is not to be had here, which is no failure. */
const unavailable: ReadonlySet<TrtErrorCode> = new Set<TrtErrorCode>([
  'ERR_TRT_PRECISION_UNSUPPORTED',
  'ERR_TRT_CALIBRATION_REQUIRED',
]);

/**
 * Builds, judges and measures one rung after the other. A rung that cannot be had is told of and passed over; what would stop every rung
 * rejects.
 */
export async function runLadder<Built>(
  machine: LadderMachine<Built>,
  plan: LadderPlan,
): Promise<LadderResult> {
  const results: RungResult[] = [];
  let identity: ReturnType<LadderMachine<Built>['identify']> | null = null;
  for (const rung of plan.rungs) {
    plan.signal?.throwIfAborted();
    let result: RungResult;
    try {
      plan.onEvent({ kind: 'building', rung: rung.name });
      const built = await machine.build(rung);
      identity ??= machine.identify(built);
      result = await measureRung(machine, built, rung, plan);
    } catch (error) {
      plan.signal?.throwIfAborted();
      if (error instanceof TrtError && isHopeless(error)) throw error;
      result = passedOver(rung, error);
    }
    plan.onEvent({ kind: 'done', result });
    results.push(result);
  }
  return {
    ...{ schema: 'trt-node/ladder', schemaVersion: 1 },
    model: { path: plan.model, sha256: identity?.modelSha256 ?? null },
    ...{ machine: identity?.machine ?? null, settings: plan.settings, rungs: results },
    referenceRung: referenceRungOf(results),
    recommendation: recommend(results, plan.settings.goal),
  };
}

async function measureRung<Built>(
  machine: LadderMachine<Built>,
  built: Built,
  rung: Rung,
  { settings, onEvent, signal }: LadderPlan,
): Promise<MeasuredRung> {
  const accuracy = await machine.judge(built, rung);
  const points: RungPoint[] = [];
  for (const way of waysOf(settings)) {
    signal?.throwIfAborted();
    onEvent({ kind: 'measuring', rung: rung.name, ...way });
    points.push(await machine.measure(built, way));
  }
  const { name, precision } = rung;
  return {
    rung: name,
    precision,
    status: 'measured',
    ...machine.describe(built),
    accuracy,
    points,
  };
}

/** The simple ones first: `recommend` takes the first of equals. */
export function waysOf({ graphs, lanes, batches }: LadderSettings): readonly RungWay[] {
  return batches.flatMap((batch) =>
    lanes.flatMap((count) => graphs.map((mode) => ({ graphs: mode, lanes: count, batch }))),
  );
}

function passedOver({ name, precision }: Rung, error: unknown): RungResult {
  const code = error instanceof TrtError ? error.code : null;
  const status = code !== null && unavailable.has(code) ? 'skipped' : 'failed';
  const message = error instanceof Error ? error.message : String(error);
  return { rung: name, precision, status, error: { code, message } };
}
