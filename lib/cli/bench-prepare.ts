import { deviceIo } from '../bench/device-io';
import type { PreparedEngine } from '../bench/prepared-engine';
import type { Convention } from '../bench/record';
import type { LoopRequest } from '../benchmark/measure-loops';
import type { Engine } from '../engine';
import type { InputFlags } from './input-flags';
import { makeInputs, type MadeInputs } from './make-inputs';

export interface PrepareOptions {
  readonly flags: InputFlags;
  readonly convention: Convention;
  readonly batch: number | null;
  /** Inferences under way at a time. */
  readonly slots: number;
  readonly idleMs: number | undefined;
}

/** @throws TrtError (as a rejection) the codes of {@link makeInputs} */
export async function prepareEngine(
  { id, engine }: Pick<PreparedEngine, 'id' | 'engine'>,
  { flags, convention, batch, slots, idleMs }: PrepareOptions,
): Promise<PreparedEngine> {
  const made = await makeInputs(engine, flags, batch ?? undefined);
  const { shapes, source, profile } = made;
  if (convention === '10') {
    const request: LoopRequest = { inputs: made.inputs, infer: { profile }, idleMs };
    return {
      ...{ id, engine, shapes, request: () => request },
      inputs: { source, memory: made.pinned ? 'pinned' : 'pageable' },
      close() {
        made.close();
        return Promise.resolve();
      },
    };
  }
  return await onDevice(id, engine, made, { slots, idleMs });
}

async function onDevice(
  id: string,
  engine: Engine,
  made: MadeInputs,
  { slots, idleMs }: Pick<PrepareOptions, 'slots' | 'idleMs'>,
): Promise<PreparedEngine> {
  const { shapes, source, profile } = made;
  try {
    const io = await deviceIo(engine, made.inputs, { profile, slots, idleMs });
    return {
      ...{ id, engine, shapes, request: io.request },
      inputs: { source, memory: 'device' },
      async close() {
        await io.close();
        // Shape tensors are read from there.
        made.close();
      },
    };
  } catch (error) {
    made.close();
    throw error;
  }
}
