import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import {
  prepareCalibration,
  type CalibrationFacts,
  type PreparedCalibration,
} from '../../lib/calibration/prepare';
import { checkedCalibration, type CalibrationOption } from '../../lib/calibration/option';
import type { OnnxInput } from '../../lib/onnx/value-info';

export const version = '10.6.0';

/** A folder that is gone after the test. */
export async function testFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'calibration-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

/** The addon's lock, of one process: who asks for a folder waits for all who asked before. */
function folderTurns(): CalibrationFacts['work'] {
  const last = new Map<string, Promise<void>>();
  return {
    async lockFolder(folder) {
      const before = last.get(folder);
      const { promise, resolve: release } = withResolvers();
      last.set(folder, promise);
      await before;
      return { release };
    },
  };
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => (resolve = settle));
  return { promise, resolve };
}

const sharedTurns = folderTurns();

/** `x`, float32 of [batch, 2]. */
export const x: OnnxInput = { name: 'x', type: 'float32', dims: ['batch', 2] };

/** A phase that `progress` was told of. */
export interface HeardPhase {
  readonly name: string;
  readonly steps: number[];
  ended: boolean;
}

export function heardPhases(): {
  readonly phases: HeardPhase[];
  readonly progress: CalibrationFacts['progress'];
} {
  const phases: HeardPhase[] = [];
  return {
    phases,
    progress: {
      phase(name) {
        const heard: HeardPhase = { name, steps: [], ended: false };
        phases.push(heard);
        return {
          step: (done) => void heard.steps.push(done),
          end: () => void (heard.ended = true),
        };
      },
    },
  };
}

/** prepareCalibration for a model with `x` alone, in batches of 4; `facts` replace what they name. */
export async function prepare(
  option: CalibrationOption,
  facts: Partial<CalibrationFacts> = {},
): Promise<PreparedCalibration> {
  const checked = checkedCalibration(option);
  if (checked === null) throw new Error('expected an option');
  const { inputs = [x] } = facts.model ?? {};
  const profile = { x: { min: [1, 2], opt: [4, 2], max: [8, 2] } };
  return await prepareCalibration(checked, {
    modelPath: '/nowhere/model.onnx',
    profiles: [profile],
    library: { version },
    folder: await testFolder(),
    signal: null,
    progress: heardPhases().progress,
    work: sharedTurns,
    ...facts,
    model: {
      identity: { name: 'model.onnx', sha256: 'a'.repeat(64), sizeBytes: 1 },
      ...facts.model,
      inputs,
    },
  });
}
