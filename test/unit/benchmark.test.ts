import { beforeEach, describe, expect, it, vi } from 'vitest';
import { runBenchmark, type BenchmarkSubject } from '../../lib/benchmark/benchmark';
import { runLoop } from '../../lib/benchmark/loop';
import { notesOf } from '../../lib/benchmark/notes';
import { checkedBenchmark, type BenchmarkOptions } from '../../lib/benchmark/options';
import { BenchmarkResult } from '../../lib/benchmark/result';
import { summarize } from '../../lib/benchmark/statistics';
import type { NativeGpuState } from '../../lib/binding';
import { DeviceTensor, type AnyTensor } from '../../lib/device-tensor';
import type { InferTiming } from '../../lib/engine-facts';
import { fakeDeviceMemory } from '../support/fake-native-engine';

const inputs = { x: Float32Array.of(1, 2) };

function code(expected: string): unknown {
  return expect.objectContaining({ name: 'TrtError', code: expected });
}

/** Time stands still but for what inferences take. */
let now = 0;
beforeEach(() => {
  now = 1000;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  return () => vi.restoreAllMocks();
});

const timing: InferTiming = {
  queue: 0.5,
  enqueue: 0.1,
  h2d: 0.2,
  compute: 1,
  d2h: 0.3,
  total: 2.1,
};

type Outputs = Readonly<Record<string, AnyTensor>>;

/** An engine whose inferences take 10 ms each without events and 12 with them, the first one 100. */
class FakeSubject implements BenchmarkSubject {
  loadMs: number | null = 250;
  hasInferred = false;
  failAt = 0;
  calls: ('infer' | 'inferTimed' | 'gpuState')[] = [];
  options: unknown[] = [];
  underWay = 0;
  mostUnderWay = 0;
  makeOutputs = (): Outputs => ({});
  state: Partial<NativeGpuState> | null = { smClockMhz: 1755, smClockMaxMhz: 1980 };

  async infer(given: unknown, options: unknown): Promise<Outputs> {
    expect(given).toBe(inputs);
    this.options.push(options);
    await this.spend('infer', this.hasInferred ? 10 : 100);
    return this.makeOutputs();
  }

  async inferTimed(
    _: unknown,
    options: unknown,
  ): Promise<{ outputs: Outputs; timing: InferTiming }> {
    this.options.push(options);
    await this.spend('inferTimed', 12);
    return { outputs: this.makeOutputs(), timing };
  }

  async gpuState(): Promise<NativeGpuState | null> {
    this.calls.push('gpuState');
    return this.state as NativeGpuState | null;
  }

  count(name: 'infer' | 'inferTimed'): number {
    return this.calls.filter((each) => each === name).length;
  }

  private async spend(name: 'infer' | 'inferTimed', milliseconds: number): Promise<void> {
    const number = this.calls.push(name);
    this.hasInferred = true;
    this.underWay += 1;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
    await Promise.resolve();
    now += milliseconds;
    this.underWay -= 1;
    if (number === this.failAt) throw new Error('this one fails');
  }
}

function run(subject: FakeSubject, options: Omit<BenchmarkOptions, 'inputs'> = {}) {
  return runBenchmark(subject, checkedBenchmark({ inputs, ...options }));
}

describe('engine.benchmark', () => {
  it('closes the device tensors that it got, outside of the time that it measures, and none that it was given', async () => {
    const subject = new FakeSubject();
    const given = new DeviceTensor('float32', [1], fakeDeviceMemory(4));
    const closeGiven = vi.spyOn(given, 'close');
    let closed = 0;
    subject.makeOutputs = () => {
      const release = (): Promise<void> => {
        now += 50;
        closed += 1;
        return Promise.resolve();
      };
      const made = new DeviceTensor('float32', [1], { ...fakeDeviceMemory(4), release });
      return { y: made, z: given };
    };
    const outputs = { y: 'device', z: given } as const;
    const result = await run(subject, { warmup: 1, iterations: 2, outputs });
    expect(closed).toBe(subject.count('infer') + subject.count('inferTimed'));
    expect(closeGiven).not.toHaveBeenCalled();
    expect(result.endToEnd.max).toBe(10);
    expect(result.coldStart.firstInference).toBe(100);
  });

  it('takes end to end of a loop without events, and the spans of one with them', async () => {
    const subject = new FakeSubject();
    const result = await run(subject, { warmup: 3, iterations: 20 });
    expect(result).toBeInstanceOf(BenchmarkResult);
    // The first, 3 to warm up, 20; then 3 and 20 with events.
    expect([subject.count('infer'), subject.count('inferTimed')]).toEqual([24, 23]);
    expect(result.endToEnd).toEqual(summarize(Array.from({ length: 20 }, () => 10)));
    expect(result.throughput).toBeCloseTo(100, 9);
    for (const name of ['queue', 'enqueue', 'h2d', 'compute', 'd2h'] as const) {
      expect(result[name]).toEqual(summarize(Array.from({ length: 20 }, () => timing[name])));
    }
    expect(result.settings).toEqual({
      warmup: 3,
      iterations: 20,
      durationMs: null,
      concurrency: 1,
    });
  });

  it('measures the cold start where there is one', async () => {
    const fresh = await run(new FakeSubject(), { warmup: 0, iterations: 1 });
    expect(fresh.coldStart).toEqual({ load: 250, firstInference: 100, total: 350 });
    const used = new FakeSubject();
    used.hasInferred = true;
    const { coldStart, excluded } = await run(used, { warmup: 0, iterations: 1 });
    expect(coldStart).toEqual({ load: 250, firstInference: null, total: null });
    expect(used.count('infer')).toBe(1);
    expect(excluded.join()).not.toEqual(fresh.excluded.join());
    const unknown = new FakeSubject();
    unknown.loadMs = null;
    expect((await run(unknown, { warmup: 0, iterations: 1 })).coldStart).toEqual({
      load: null,
      firstInference: 100,
      total: null,
    });
  });

  it('runs for a duration', async () => {
    const subject = new FakeSubject();
    const result = await run(subject, { warmup: 0, duration: 95 });
    // Begun at 0, 10, … 90 ms; with events at 0, 12, … 84.
    expect([result.endToEnd.count, result.compute.count]).toEqual([10, 8]);
    expect(result.settings).toMatchObject({ iterations: null, durationMs: 95 });
  });

  it('keeps as many under way as it was asked to', async () => {
    const subject = new FakeSubject();
    const result = await run(subject, { iterations: 40, concurrency: 4 });
    expect(subject.mostUnderWay).toBe(4);
    expect(result.endToEnd.count).toBe(40);
    // Four of 10 ms end at once here, each after the ones before it.
    expect(result.throughput).toBeCloseTo(100, 9);
  });

  it('asks for the clocks before the first loop and after the last', async () => {
    const subject = new FakeSubject();
    const { gpu } = await run(subject, { warmup: 1, iterations: 2 });
    expect(subject.calls).toEqual([
      ...['infer', 'gpuState', 'infer', 'infer', 'infer'],
      ...['inferTimed', 'inferTimed', 'inferTimed', 'gpuState'],
    ]);
    expect(gpu.before).toBe(subject.state);
  });

  it('hands what is infer’s to infer', async () => {
    const subject = new FakeSubject();
    const infer = { profile: 1, outputs: ['y'], deadlineMs: 50 };
    await run(subject, { warmup: 1, iterations: 1, ...infer });
    expect(subject.options).toHaveLength(5);
    for (const options of subject.options) expect(options).toEqual(infer);
  });

  it('ends with the first failure, after what is under way', async () => {
    const subject = new FakeSubject();
    subject.failAt = 10;
    await expect(run(subject, { iterations: 100, concurrency: 3 })).rejects.toThrow(
      'this one fails',
    );
    expect(subject.underWay).toBe(0);
    expect(subject.calls.length).toBeLessThan(15);
  });

  it('keeps every sample when it is asked to', async () => {
    const { samples } = await run(new FakeSubject(), { iterations: 3, samples: true });
    expect(samples?.endToEnd).toEqual([10, 10, 10]);
    expect(samples?.compute).toEqual([1, 1, 1]);
    expect((await run(new FakeSubject(), { iterations: 3 })).samples).toBeNull();
  });

  it('has a table', async () => {
    const result = await run(new FakeSubject(), { warmup: 1, iterations: 2 });
    const lines = result.toTable().split('\n');
    const row = lines.find((line) => line.startsWith('compute'));
    expect(row?.trim().split(/\s+/)).toEqual(['compute', ...cells(1)]);
    expect(lines.some((line) => line.includes('1755'))).toBe(true);
  });

  it('is JSON without more ado', async () => {
    const result = await run(new FakeSubject(), { warmup: 1, iterations: 2 });
    expect(JSON.parse(JSON.stringify(result))).toMatchObject({
      compute: { p90: 1 },
      throughput: 100,
    });
  });
});

/** mean, deviation, min, p50, p90, p95, p99, max of a span that is always the same */
function cells(value: number): string[] {
  return [value, 0, value, value, value, value, value, value].map((each) => each.toFixed(4));
}

describe('the options of a benchmark', () => {
  it('has defaults', () => {
    expect(checkedBenchmark({ inputs })).toEqual({
      inputs,
      infer: {},
      warmup: 50,
      limit: { iterations: 1000 },
      concurrency: 1,
      samples: false,
    });
  });

  it.each([
    ['no options', undefined],
    ['no inputs', {}],
    ['an unknown key', { inputs, iteration: 1 }],
    ['iterations of 0', { inputs, iterations: 0 }],
    ['half an iteration', { inputs, iterations: 1.5 }],
    ['warmup below 0', { inputs, warmup: -1 }],
    ['a duration of 0', { inputs, duration: 0 }],
    ['an endless duration', { inputs, duration: Infinity }],
    ['a duration in words', { inputs, duration: '1s' }],
    ['both limits', { inputs, duration: 10, iterations: 10 }],
    ['no concurrency', { inputs, concurrency: 0 }],
    ['a number of samples', { inputs, samples: 10 }],
  ])('refuses %s', (_, options) => {
    expect(() => checkedBenchmark(options as BenchmarkOptions)).toThrow(
      code('ERR_TRT_INVALID_ARG'),
    );
  });
});

describe('runLoop', () => {
  it('begins nothing for 0 iterations, and one inference however short the duration', async () => {
    let begun = 0;
    const once = async (): Promise<void> => {
      begun += 1;
      now += 10;
    };
    expect(await runLoop(once, { limit: { iterations: 0 }, concurrency: 3 })).toBe(0);
    expect(begun).toBe(0);
    expect(await runLoop(once, { limit: { durationMs: 0.001 }, concurrency: 1 })).toBe(10);
    expect(begun).toBe(1);
  });

  it('goes on until it has begun so many and lasted so long, whichever is later', async () => {
    let begun = 0;
    const once = async (): Promise<void> => {
      begun += 1;
      now += 10;
    };
    await runLoop(once, { limit: { iterations: 7, durationMs: 30 }, concurrency: 1 });
    expect(begun).toBe(7);
    begun = 0;
    await runLoop(once, { limit: { iterations: 2, durationMs: 95 }, concurrency: 1 });
    expect(begun).toBe(10);
  });

  it('ends with the reason of an abort, and hands each slot to one call at a time', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const busy = new Set<number>();
    let begun = 0;
    const once = async (slot: number): Promise<void> => {
      expect(busy.has(slot)).toBe(false);
      busy.add(slot);
      begun += 1;
      await Promise.resolve();
      busy.delete(slot);
      if (begun === 12) controller.abort(reason);
    };
    const options = { limit: { iterations: 1000 }, concurrency: 3, signal: controller.signal };
    await expect(runLoop(once, options)).rejects.toBe(reason);
    expect(begun).toBeLessThan(16);
    expect(busy.size).toBe(0);
  });
});

describe('notes', () => {
  const steady = (value: number) => summarize([value, value]);
  const calm = {
    enqueue: steady(0.1),
    h2d: steady(0.1),
    compute: steady(1),
    d2h: steady(0.1),
  };
  const gpu = { before: null, after: null };

  it('says nothing of an engine that is as it should be', () => {
    expect(notesOf(calm, gpu, 1)).toEqual([]);
    const idle = { clockEventReasons: ['gpu-idle'] } as unknown as NativeGpuState;
    expect(notesOf(calm, { before: null, after: idle }, 1)).toEqual([]);
  });

  it.each([
    ['launches that take 0.81 of the network', { ...calm, enqueue: steady(0.81) }],
    ['inputs that take as long as the network', { ...calm, h2d: steady(1) }],
    ['outputs that take as long as the network', { ...calm, d2h: steady(1) }],
    // Deviation of 0.9 and 1.1 (sample): 0.1414, 14 % of the mean.
    ['a network that varies', { ...calm, compute: summarize([0.9, 1.1]) }],
  ])('says one thing of %s', (_, spans) => {
    expect(notesOf(spans, gpu, 1)).toHaveLength(1);
  });

  it('says that requests waited, and why clocks are low', () => {
    expect(notesOf(calm, gpu, 2)).toHaveLength(1);
    const hot = { clockEventReasons: ['hardware-thermal-slowdown'] } as unknown as NativeGpuState;
    const [note] = notesOf(calm, { before: null, after: hot }, 1);
    expect(note).toContain('hardware-thermal-slowdown');
  });
});
