import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  constantArrivals,
  poissonArrivals,
  readTrace,
  traceArrivals,
} from '../../lib/bench/arrivals';
import { servingCost } from '../../lib/bench/cost';
import { realClock, runOpenLoop } from '../../lib/bench/open-loop';
import { seededRandom } from '../../lib/bench/seeded-random';
import { searchRate, type SloStep } from '../../lib/bench/slo-search';
import { mean, standardDeviation } from '../../lib/benchmark/statistics';
import { TrtError } from '../../lib/errors';
import { SimulatedServer } from '../support/simulated-server';

const poisson = (rate: number, durationMs: number, seed: number) => [
  ...poissonArrivals(rate, durationMs, () => seededRandom(seed)).times(),
];

describe('arrivals', () => {
  it('come at even distances', () => {
    expect([...constantArrivals(200, 25).times()]).toEqual([0, 5, 10, 15, 20]);
  });

  it('come as independent users do, at the rate that was asked for', () => {
    const times = poisson(500, 40_000, 1);
    // 20,000 ± 141: four deviations either way.
    expect(Math.abs(times.length - 20_000)).toBeLessThan(4 * Math.sqrt(20_000));
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    // An exponential distribution has its mean as its deviation.
    expect(mean(gaps)).toBeCloseTo(2, 1);
    expect(standardDeviation(gaps)).toBeCloseTo(2, 1);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0);
    expect(times.at(-1)).toBeLessThan(40_000);
  });

  it('are the same for the same seed, each time they are asked for', () => {
    const arrivals = poissonArrivals(100, 1000, () => seededRandom(7));
    expect([...arrivals.times()]).toEqual([...arrivals.times()]);
    expect(poisson(100, 1000, 7)).toEqual([...arrivals.times()]);
    expect(poisson(100, 1000, 8)).not.toEqual(poisson(100, 1000, 7));
  });

  it('come as they were recorded, stretched to a rate or ended early', () => {
    const recorded = [5, 6, 9, 15];
    const asRecorded = traceArrivals(recorded, null, null);
    expect([...asRecorded.times()]).toEqual([0, 1, 4, 10]);
    // Three gaps in 10 ms.
    expect(asRecorded.rate).toBeCloseTo(300, 9);
    expect([...traceArrivals(recorded, 150, null).times()]).toEqual([0, 2, 8, 20]);
    expect([...traceArrivals(recorded, null, 4).times()]).toEqual([0, 1]);
  });
});

describe('a trace file', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'trt-node-trace-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const read = async (text: string) => {
    const file = path.join(folder, 'trace.json');
    await writeFile(file, text);
    return await readTrace(file);
  };

  it('is an array, or has one', async () => {
    expect(await read('[0, 1.5, 1.5, 9]')).toEqual([0, 1.5, 1.5, 9]);
    expect(await read('{"arrivalsMs": [3, 4]}')).toEqual([3, 4]);
  });

  it.each(['', '{}', 'null', '[1]', '[2, 1]', '[-1, 2]', '[1, "2"]', '[1, null]', '7'])(
    'is not %j',
    async (text) => {
      await expect(read(text)).rejects.toMatchObject({ code: 'ERR_TRT_INVALID_ARG' });
    },
  );

  it('must be there', async () => {
    const missing = readTrace(path.join(folder, 'none.json'));
    await expect(missing).rejects.toMatchObject({ code: 'ERR_TRT_INVALID_ARG' });
  });
});

describe('an open loop', () => {
  it('keeps to the schedule, whatever the server takes', async () => {
    // 10 ms each, one at a time; 5 ms apart: the n-th waits 5 ms longer than the one before.
    const server = new SimulatedServer({ servers: 1, serviceMs: () => 10 });
    const result = await runOpenLoop(() => server.send(), constantArrivals(200, 50), {
      clock: server,
    });
    expect(result.samples.latencyMs).toEqual([10, 15, 20, 25, 30, 35, 40, 45, 50, 55]);
    expect(result.samples.arrivalMs).toEqual([0, 5, 10, 15, 20, 25, 30, 35, 40, 45]);
    expect(result.lagMs.every((lag) => lag === 0)).toBe(true);
    expect(result).toMatchObject({ offered: 10, completed: 10, dropped: 0, errors: {} });
    // At 50 ms, four or five are answered.
    expect(result.backlog.atEnd).toBeGreaterThanOrEqual(5);
    expect(result.achievedRate).toBeLessThanOrEqual(100);
  });

  it('counts the time that a request could not even be sent', async () => {
    const server = new SimulatedServer({ servers: 8, serviceMs: () => 1 });
    // Something else holds the process for 30 ms when the third is due.
    server.stallAt(20, 30);
    const { samples, lagMs } = await runOpenLoop(() => server.send(), constantArrivals(100, 60), {
      clock: server,
    });
    expect(lagMs).toEqual([0, 0, 30, 20, 10, 0]);
    expect(samples.latencyMs).toEqual([1, 1, 31, 21, 11, 1]);
  });

  it('keeps idle gaps, and the one at the end', async () => {
    const server = new SimulatedServer({ servers: 1, serviceMs: () => 1 });
    const arrivals = traceArrivals([0, 1000], null, 2500);
    const { achievedRate } = await runOpenLoop(() => server.send(), arrivals, { clock: server });
    expect(server.now()).toBeCloseTo(2500, 9);
    expect(achievedRate).toBeCloseTo(0.8, 9);
  });

  it('counts what is refused and what fails, and ends with what makes no sense to go on with', async () => {
    const codes = ['ERR_TRT_QUEUE_FULL', 'ERR_TRT_DEADLINE', null, 'ERR_TRT_QUEUE_FULL'] as const;
    const failing = (last: Error | null) => {
      const server = new SimulatedServer({ servers: 1, serviceMs: () => 1 });
      let count = 0;
      const send = async (): Promise<void> => {
        const code = codes[count];
        count += 1;
        if (code) throw new TrtError(code, 'no');
        if (count > codes.length && last) throw last;
        await server.send();
      };
      return {
        run: runOpenLoop(send, constantArrivals(100, 100), { clock: server }),
        sent: () => count,
      };
    };
    const result = await failing(null).run;
    expect(result).toMatchObject({
      offered: 10,
      completed: 7,
      dropped: 2,
      errors: { ERR_TRT_DEADLINE: 1 },
    });
    for (const last of [
      new TypeError('a bug'),
      new TrtError('ERR_TRT_CUDA_CONTEXT_LOST', 'gone'),
    ]) {
      const { run, sent } = failing(last);
      await expect(run).rejects.toBe(last);
      expect(sent()).toBeLessThan(10);
    }
  });

  it('ends with the reason of an abort', async () => {
    const server = new SimulatedServer({ servers: 1, serviceMs: () => 1 });
    const controller = new AbortController();
    const reason = new Error('enough');
    let sent = 0;
    const send = async (): Promise<void> => {
      if ((sent += 1) === 3) controller.abort(reason);
      await server.send();
    };
    const options = { clock: server, signal: controller.signal };
    await expect(runOpenLoop(send, constantArrivals(100, 1000), options)).rejects.toBe(reason);
    expect(sent).toBe(3);
  });

  it('ends while it waits, too', async () => {
    for (const arrivals of [traceArrivals([0, 1e6], null, null), constantArrivals(0.001, 1e6)]) {
      const controller = new AbortController();
      const reason = new Error('enough');
      const send = async (): Promise<void> => {
        setImmediate(() => controller.abort(reason));
      };
      const run = runOpenLoop(send, arrivals, { signal: controller.signal });
      await expect(run).rejects.toBe(reason);
    }
  });

  it('lets the event loop turn however late it is', async () => {
    let turns = 0;
    let ended = false;
    const turn = (): void => {
      turns += 1;
      if (!ended) setImmediate(turn);
    };
    setImmediate(turn);
    const start = realClock.now();
    while (turns < 5 && realClock.now() - start < 3000) await realClock.until(start);
    ended = true;
    expect(turns).toBe(5);
  });

  it('has a clock that is never early', async () => {
    for (const delay of [0, 0.2, 5]) {
      const time = realClock.now() + delay;
      await realClock.until(time);
      expect(realClock.now()).toBeGreaterThanOrEqual(time);
    }
  });
});

describe('the search for the highest rate', () => {
  /** Holds up to a rate, and keeps what it was asked. */
  const upTo = (limit: number) => {
    const rates: number[] = [];
    const measure = async (rate: number): Promise<SloStep> => {
      rates.push(rate);
      return { rate, holds: rate <= limit };
    };
    return { rates, measure };
  };
  const options = { startRate: 100, precision: 0.03, leastRate: 1, mostRate: 1e6 };

  it.each([[100], [137], [999.5], [12_345], [99], [3.2]])('finds %d', async (limit) => {
    const { rates, measure } = upTo(limit);
    const { best, failed, steps } = await searchRate(measure, options);
    expect(best?.rate).toBeLessThanOrEqual(limit);
    expect(failed?.rate).toBeGreaterThan(limit);
    expect((failed?.rate ?? 0) / (best?.rate ?? 1)).toBeLessThanOrEqual(1.03);
    expect(steps.map(({ rate }) => rate)).toEqual(rates);
    // Doublings, and the bits of a factor of two to 3 %.
    expect(rates.length).toBeLessThanOrEqual(Math.abs(Math.log2(limit / 100)) + 2 + 5);
  });

  it('gives up at both ends', async () => {
    const never = await searchRate(upTo(0).measure, options);
    expect(never.best).toBeNull();
    expect(never.failed?.rate).toBe(1);
    const always = await searchRate(upTo(Infinity).measure, { ...options, mostRate: 1000 });
    expect(always).toMatchObject({ best: { rate: 1000 }, failed: null });
  });

  it('finds what a server can do that is known by arithmetic', async () => {
    // Two servers of 4 ms each serve 500 a second, and not one more.
    const measure = async (rate: number): Promise<SloStep> => {
      const server = new SimulatedServer({ servers: 2, serviceMs: () => 4 });
      const run = await runOpenLoop(() => server.send(), constantArrivals(rate, 4000), {
        clock: server,
      });
      return { rate, holds: run.samples.latencyMs.every((latency) => latency < 12) };
    };
    const { best } = await searchRate(measure, options);
    // In four seconds, 1 % too much is 20 requests, each of which makes the last wait 2 ms longer.
    expect(best?.rate).toBeGreaterThan(480);
    expect(best?.rate).toBeLessThan(505);
  });
});

describe('what serving costs', () => {
  it('is a whole number of GPUs', () => {
    expect(servingCost(400, 1000, 3.5)).toEqual({
      ...{ targetRate: 1000, gpus: 3, costPerGpuHour: 3.5, costPerHour: 10.5 },
      // 3.6 million an hour.
      costPerMillion: expect.closeTo(10.5 / 3.6, 9) as number,
    });
  });

  it('is of one GPU without a target, and unknown without a price', () => {
    expect(servingCost(500, null, 3.6).costPerMillion).toBeCloseTo(2, 9);
    expect(servingCost(500, 1000, null)).toMatchObject({
      gpus: 2,
      costPerHour: null,
      costPerMillion: null,
    });
  });
});
