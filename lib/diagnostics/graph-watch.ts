import type { NativeEngine, NativeGraphState, NativeLaneGraphs } from '../binding';
import { areGraphsWatched, tellGraph } from './channels';
import type { GraphEvent } from './payloads';

const untouched: Pick<NativeLaneGraphs, 'held' | 'captured' | 'reason'> = {
  held: 0,
  captured: 0,
  reason: null,
};

/**
 * Tells what became of an engine's CUDA graphs since the last look. A lane captures before the inference that caused it is complete, so a look
 * behind each inference misses nothing; the first look of a late subscriber tells of all that was before.
 */
export class GraphWatch {
  #before: NativeGraphState['lanes'] = [];

  /** Nothing while nobody subscribes: the state is not even asked for. */
  look(engine: GraphEvent['engine'], native: Pick<NativeEngine, 'graphState'>): void {
    if (!areGraphsWatched()) return;
    const { lanes } = native.graphState();
    const before = this.#before;
    this.#before = lanes;
    lanes.forEach((now, lane) => {
      const was = before[lane] ?? untouched;
      const { held, captured } = now;
      const tell = (kind: GraphEvent['kind'], reason: string | null): void =>
        tellGraph({ engine, kind, lane, held, captured, reason });
      const made = captured - was.captured;
      if (made > 0) tell('captured', null);
      if (was.held + made > held) tell('dropped', null);
      if (now.reason !== null && now.reason !== was.reason) tell('fallback', now.reason);
    });
  }
}
