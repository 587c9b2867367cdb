import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { NativeProgress } from '../../lib/binding';
import type { BuildProgress } from '../../lib/build-progress';
import { ProgressTracker } from '../../lib/progress/tracker';

/** A tracker on a clock that stands still, and what it has reported. */
function tracked(startedMs = 0) {
  const clock = { ms: startedMs };
  const seen: BuildProgress[] = [];
  const tracker = new ProgressTracker(
    (progress) => seen.push(progress),
    startedMs,
    () => clock.ms,
  );
  const last = (): BuildProgress => seen.at(-1)!;
  const event = (
    kind: NativeProgress['kind'],
    phase: string,
    step: number,
    steps: number,
    parent: string | null = null,
  ): void => tracker.native({ kind, phase, parent, step, steps });
  return { clock, seen, tracker, last, event };
}

describe('ProgressTracker', () => {
  it('reports TensorRT’s events as they come, with the time since the start', () => {
    const { clock, seen, event } = tracked(500);
    clock.ms = 740;
    event('phase-start', 'Building Engine', 0, 4);
    event('step', 'Building Engine', 1, 4);
    event('phase-end', 'Building Engine', 4, 4);
    const native = { phase: 'Building Engine', parent: null, steps: 4, elapsedMs: 240 };
    expect(seen).toMatchObject([
      { ...native, kind: 'phase-start', step: 0, fraction: 0 },
      { ...native, kind: 'step', step: 1, fraction: 0.25 },
      { ...native, kind: 'phase-end', step: 4 },
    ]);
  });

  it('says nothing, and keeps nothing, without a listener', () => {
    const tracker = new ProgressTracker(null, 0);
    const phase = tracker.phase('Publishing', 1);
    tracker.native({ kind: 'phase-start', phase: 'a', parent: null, step: 0, steps: 1 });
    tracker.log({ severity: 'info', message: 'a line' });
    expect(() => phase.end()).not.toThrow();
  });

  it('makes its own warnings the process’s, without a listener', () => {
    const warned = vi.spyOn(process, 'emitWarning').mockReturnValue();
    onTestFinished(() => warned.mockRestore());
    const tracker = new ProgressTracker(null, 0);
    tracker.log({ severity: 'info', message: 'a line' });
    tracker.log({ severity: 'warning', message: 'the engine is not kept' });
    expect(warned.mock.calls).toEqual([
      ['the engine is not kept', { type: 'TrtNodeWarning', code: 'WARN_TRT_BUILD' }],
    ]);
    tracked().tracker.log({ severity: 'warning', message: 'somebody hears it' });
    expect(warned).toHaveBeenCalledTimes(1);
  });

  it('counts what is done inside of a step, and never falls while a phase goes on', () => {
    const { last, event, seen } = tracked();
    event('phase-start', 'outer', 0, 4);
    event('phase-start', 'inner', 0, 10, 'outer');
    event('step', 'inner', 5, 10, 'outer');
    expect(last().fraction).toBeCloseTo(0.5 / 4);
    event('step', 'inner', 10, 10, 'outer');
    event('phase-end', 'inner', 10, 10, 'outer');
    event('phase-start', 'inner', 0, 10, 'outer');
    expect(last().fraction).toBeCloseTo(1 / 4);
    event('step', 'outer', 1, 4);
    event('step', 'outer', 4, 4);
    expect(last().fraction).toBe(1);
    const fractions = seen.map(({ fraction }) => fraction ?? 0);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
  });

  it('starts anew with the next outermost phase, and has none without steps', () => {
    const { tracker, last, event } = tracked();
    event('phase-start', 'first', 0, 1);
    event('step', 'first', 1, 1);
    event('phase-end', 'first', 1, 1);
    const examining = tracker.phase('Examining the model', 0);
    expect(last().fraction).toBeNull();
    examining.end();
    tracker.phase('Verifying', 2);
    expect(last()).toMatchObject({ phase: 'Verifying', fraction: 0, remainingMs: null });
  });

  it('puts TensorRT’s outermost phases into the phase of ours that is open', () => {
    const { tracker, last, event } = tracked();
    const verifying = tracker.phase('Verifying', 3);
    event('phase-start', 'Building Engine', 0, 2);
    expect(last().parent).toBe('Verifying');
    event('phase-end', 'Building Engine', 2, 2);
    verifying.step(1);
    expect(last()).toMatchObject({ kind: 'step', phase: 'Verifying', step: 1, steps: 3 });
    verifying.end();
    verifying.end();
    expect(last().kind).toBe('phase-end');
    event('phase-start', 'Building Engine', 0, 2);
    expect(last().parent).toBeNull();
  });

  it('lets what the listener throws out to the one who reports', () => {
    const mistake = new RangeError('of the caller');
    const tracker = new ProgressTracker(() => {
      throw mistake;
    }, 0);
    const event = { kind: 'step', phase: 'a', parent: null, step: 1, steps: 2 } as const;
    expect(() => tracker.native(event)).toThrow(mistake);
    expect(() => tracker.phase('Verifying', 1)).toThrow(mistake);
  });
});

describe('the estimate of the time that remains', () => {
  it('is null in the first second and until a step is done', () => {
    const { clock, last, event } = tracked();
    event('phase-start', 'a', 0, 10);
    clock.ms = 900;
    event('step', 'a', 1, 10);
    expect(last().remainingMs).toBeNull();
    const other = tracked();
    other.event('phase-start', 'a', 0, 10);
    other.clock.ms = 5000;
    other.event('phase-start', 'b', 0, 10, 'a');
    expect(other.last().remainingMs).toBeNull();
  });

  it('extrapolates the measured rate: ten steps of 2 s, four done', () => {
    const { clock, last, event } = tracked();
    event('phase-start', 'a', 0, 10);
    for (let step = 1; step <= 4; step += 1) {
      clock.ms = step * 2000;
      event('step', 'a', step, 10);
    }
    // 6 steps × 2 s
    expect(last().remainingMs).toBeCloseTo(12_000);
  });

  it('takes reports that stand for many steps as that many', () => {
    const { clock, last, event } = tracked();
    event('phase-start', 'a', 0, 100);
    clock.ms = 5000;
    event('step', 'a', 50, 100);
    expect(last().remainingMs).toBeCloseTo(5000);
  });

  it('is not led astray by the one long step of an outer phase', () => {
    const { clock, last, event } = tracked();
    event('phase-start', 'outer', 0, 6);
    for (let step = 1; step <= 3; step += 1) {
      clock.ms = step * 100;
      event('step', 'outer', step, 6);
    }
    event('phase-start', 'timing', 0, 10, 'outer');
    for (let step = 1; step <= 5; step += 1) {
      clock.ms = 300 + step * 4000;
      event('step', 'timing', step, 10, 'outer');
    }
    // 5 steps × 4 s inside, and two steps of 100 ms after it.
    expect(last().remainingMs).toBeCloseTo(20_200);
  });

  it('counts down with the clock, follows new evidence without a jump, and never goes below zero', () => {
    const { clock, last, event, tracker } = tracked();
    event('phase-start', 'a', 0, 4);
    clock.ms = 2000;
    event('step', 'a', 1, 4);
    expect(last().remainingMs).toBeCloseTo(6000);
    clock.ms = 3000;
    tracker.log({ severity: 'info', message: 'a line' });
    expect(last().remainingMs).toBeCloseTo(5000);
    // The second step takes 8 s instead of 2: 2 steps × 5 s are left, against 0 counted down.
    clock.ms = 10_000;
    event('step', 'a', 2, 4);
    const followed = last().remainingMs!;
    expect(followed).toBeGreaterThan(5000);
    expect(followed).toBeLessThan(10_000);
    clock.ms = 100_000;
    tracker.log({ severity: 'info', message: 'a line' });
    expect(last().remainingMs).toBeGreaterThanOrEqual(0);
    event('step', 'a', 4, 4);
    expect(last().remainingMs).toBeCloseTo(0);
  });
});
