import { describe, expect, it } from 'vitest';
import { summarize } from '../../lib/benchmark/statistics';
import { ladderReport } from '../../lib/cli/ladder-report';
import { renderLadder } from '../../lib/cli/ladder-table';
import { TrtError, type TrtErrorCode } from '../../lib/errors';
import { recommend } from '../../lib/ladder/recommend';
import type {
  LadderSettings,
  MeasuredRung,
  RungAccuracy,
  RungPoint,
  RungResult,
  RungWay,
} from '../../lib/ladder/result';
import { rungs, type Rung } from '../../lib/ladder/rung';
import {
  runLadder,
  waysOf,
  type LadderEvent,
  type LadderMachine,
} from '../../lib/ladder/run-ladder';

const settings: LadderSettings = {
  ...{ graphs: ['off', 'on'], lanes: [1], batches: [null], warmup: 0, iterations: 1 },
  ...{ goal: 'latency', cases: 'files' },
};

const right: RungAccuracy = {
  ...{
    holds: true,
    failure: null,
    cases: 3,
    reference: 'given',
    referenceRung: null,
    metric: null,
  },
  outputs: { y: { cosine: 0.9995, maxAbs: 0.01 } },
};
const wrong: RungAccuracy = { ...right, holds: false, failure: 'case 1: got 3, expected 2' };

function point(way: RungWay, ms: number): RungPoint {
  const perSecond = (1000 / ms) * way.lanes;
  return {
    ...way,
    ...{ endToEnd: summarize([ms]), compute: summarize([ms / 2]), replayed: way.graphs === 'on' },
    inferencesPerSecond: perSecond,
    samplesPerSecond: way.batch === null ? null : perSecond * way.batch,
  };
}

const built = {
  buildSeconds: 2,
  callSeconds: 3,
  planBytes: 2048,
  planPath: null,
  layerTypes: null,
};

const first: RungWay = { graphs: 'off', lanes: 1, batch: null };

function rung(name: string, ms: number, accuracy: RungAccuracy | null = right): MeasuredRung {
  const points = [point(first, ms)];
  return { rung: name, precision: [name], status: 'measured', ...built, accuracy, points };
}

/** A machine whose rungs take so long, or fail. */
function machineOf(
  times: Readonly<Record<string, number | Error>>,
  calls: string[] = [],
): LadderMachine<Rung> {
  return {
    build(each) {
      calls.push(`build ${each.name}`);
      const time = times[each.name];
      return time instanceof Error ? Promise.reject(time) : Promise.resolve(each);
    },
    describe: () => built,
    identify: () => ({
      machine: { flavour: 'tensorrt', version: '10.6.0', gpu: 'H200', driver: '580' },
      modelSha256: 'ab',
    }),
    judge(_built, each) {
      calls.push(`judge ${each.name}`);
      return Promise.resolve(each.name === 'best' ? wrong : right);
    },
    measure(each, way) {
      calls.push(`measure ${each.name} ${way.graphs}`);
      return Promise.resolve(
        point(way, (times[each.name] as number) / (way.graphs === 'on' ? 2 : 1)),
      );
    },
  };
}

const plan = { model: 'm.onnx', rungs, settings, onEvent: () => undefined, signal: null };
const error = (code: TrtErrorCode) => new TrtError(code, `no: ${code}`);

describe('runLadder', () => {
  const times = {
    ...{ fp32: 8, tf32: 6, fp16: 4, best: 1 },
    bf16: error('ERR_TRT_PRECISION_UNSUPPORTED'),
    int8: error('ERR_TRT_BUILD_FAILED'),
  };

  it('builds, judges and measures each rung in order, and tells of those that it passes over', async () => {
    const calls: string[] = [];
    const events: LadderEvent[] = [];
    const onEvent = (event: LadderEvent) => events.push(event);
    const result = await runLadder(machineOf(times, calls), { ...plan, onEvent });
    expect(result.rungs.map(({ rung: name, status }) => [name, status])).toEqual([
      ['fp32', 'measured'],
      ['tf32', 'measured'],
      ['fp16', 'measured'],
      ['bf16', 'skipped'],
      ['int8', 'failed'],
      ['best', 'measured'],
    ]);
    expect(calls.slice(0, 5)).toEqual([
      ...['build fp32', 'judge fp32', 'measure fp32 off', 'measure fp32 on'],
      'build tf32',
    ]);
    expect(events.filter(({ kind }) => kind === 'done')).toHaveLength(6);
    // fp16 with a graph: `best` is four times as fast, and wrong.
    expect(result.recommendation).toMatchObject({ rung: 'fp16', graphs: 'on' });
    expect(result.recommendation?.reason).toMatch(/best is faster, but/);
    expect(result).toMatchObject({
      model: { path: 'm.onnx', sha256: 'ab' },
      machine: { gpu: 'H200' },
    });
  });

  it.each(['ERR_TRT_NO_GPU', 'ERR_TRT_ONNX_PARSE', 'ERR_TRT_PROFILE_MISSING'] as const)(
    'stops at %s, which every rung would meet',
    async (code) => {
      const calls: string[] = [];
      const machine = machineOf({ ...times, fp32: error(code) }, calls);
      await expect(runLadder(machine, plan)).rejects.toMatchObject({ code });
      expect(calls).toEqual(['build fp32']);
    },
  );

  it('stops at inputs that do not fit, as all engines are of one model', async () => {
    const calls: string[] = [];
    const machine = machineOf(times, calls);
    const judge: typeof machine.judge = () => Promise.reject(error('ERR_TRT_INPUT_DIMS'));
    await expect(runLadder({ ...machine, judge }, plan)).rejects.toMatchObject({
      code: 'ERR_TRT_INPUT_DIMS',
    });
    expect(calls).toEqual(['build fp32']);
  });

  it('tells engines that could not be measured from engines that could not be built', async () => {
    const machine = machineOf({ fp32: 1, tf32: 1, fp16: 1, bf16: 1, int8: 1, best: 1 });
    const measure: typeof machine.measure = () => Promise.reject(error('ERR_TRT_OUT_OF_MEMORY'));
    const result = await runLadder({ ...machine, measure }, plan);
    expect(result.recommendation).toBeNull();
    expect(renderLadder(result, { color: false })).toMatch(/could be measured/);
  });

  it('names the rung that others were compared with, and warns where it is not the first', async () => {
    const machine = machineOf({ ...times, fp32: error('ERR_TRT_BUILD_FAILED') });
    const judge: typeof machine.judge = (_built, { name }) =>
      Promise.resolve(
        name === 'tf32' ? null : { ...right, reference: 'rung', referenceRung: 'tf32' },
      );
    const result = await runLadder({ ...machine, judge }, plan);
    expect(result.referenceRung).toBe('tf32');
    expect(renderLadder(result, { color: false })).toMatch(/^warning: fp32 failed.*tf32/m);
    const notes = ladderReport(result, []).sections.find(({ id }) => id === 'notes');
    expect(JSON.stringify(notes)).toMatch(/compared with tf32/);

    const usual = await runLadder(
      { ...machineOf(times), judge: () => Promise.resolve(null) },
      plan,
    );
    expect(usual.referenceRung).toBe('fp32');
    expect(renderLadder(usual, { color: false })).not.toMatch(/^warning/m);
    expect((await runLadder(machineOf(times), plan)).referenceRung).toBeNull();
  });

  it('ends with the reason of an abort', async () => {
    const controller = new AbortController();
    const machine = machineOf(times);
    const reason = new Error('enough');
    const judge: typeof machine.judge = () => {
      controller.abort(reason);
      return Promise.reject(new Error('closed'));
    };
    const running = runLadder({ ...machine, judge }, { ...plan, signal: controller.signal });
    await expect(running).rejects.toBe(reason);
  });

  it('recommends nothing where nothing was built', async () => {
    const failing = Object.fromEntries(
      rungs.map(({ name }) => [name, error('ERR_TRT_BUILD_FAILED')]),
    );
    const result = await runLadder(machineOf(failing), plan);
    expect(result).toMatchObject({ recommendation: null, machine: null, model: { sha256: null } });
    expect(renderLadder(result, { color: false })).toMatch(/no rung could be built/);
  });
});

describe('waysOf', () => {
  it('begins with the simplest', () => {
    const ways = waysOf({ ...settings, lanes: [1, 2], batches: [1, 8] });
    expect(ways).toHaveLength(8);
    expect(ways[0]).toEqual({ graphs: 'off', lanes: 1, batch: 1 });
    expect(ways.at(-1)).toEqual({ graphs: 'on', lanes: 2, batch: 8 });
  });
});

describe('recommend', () => {
  it('gives up no exactness for what two runs differ by', () => {
    expect(recommend([rung('fp32', 1), rung('fp16', 0.99)], 'latency')?.rung).toBe('fp32');
    expect(recommend([rung('fp32', 1), rung('fp16', 0.9)], 'latency')?.rung).toBe('fp16');
  });

  it('takes no rung whose accuracy does not hold, and the reference without a judgement', () => {
    expect(recommend([rung('fp32', 9, null), rung('fp16', 1, wrong)], 'latency')?.rung).toBe(
      'fp32',
    );
    expect(recommend([rung('fp32', 9, wrong)], 'latency')).toBeNull();
    expect(recommend([], 'latency')).toBeNull();
  });

  const ways: readonly [RungWay, number][] = [
    [{ graphs: 'on', lanes: 1, batch: 1 }, 2],
    [{ graphs: 'on', lanes: 4, batch: 1 }, 4],
    [{ graphs: 'on', lanes: 1, batch: 8 }, 5],
    [{ graphs: 'on', lanes: 4, batch: 8 }, 10],
  ];
  const points = ways.map(([way, ms]) => point(way, ms));
  const swept: RungResult[] = [{ ...rung('fp16', 1), points }];

  it('compares latency where one inference is under way, at the first batch', () => {
    expect(recommend(swept, 'latency')).toMatchObject({ lanes: 1, batch: 1 });
  });

  it('compares throughput in samples', () => {
    // Per second: 500, 1000, 1600 and 3200 samples.
    expect(recommend(swept, 'throughput')).toMatchObject({ lanes: 4, batch: 8 });
  });
});

describe('what is shown of a ladder', () => {
  const failed: RungResult = {
    ...{ rung: 'int8', precision: ['int8'], status: 'skipped' },
    error: { code: 'ERR_TRT_CALIBRATION_REQUIRED', message: 'no scales\x1b[2J' },
  };
  const results = [rung('fp32', 4, null), rung('fp16', 2), rung('best', 1, wrong), failed];
  const result = {
    schema: 'trt-node/ladder',
    schemaVersion: 1,
    ...{ settings, rungs: results, referenceRung: 'fp32' },
    model: { path: 'm.onnx', sha256: 'ab' },
    machine: { flavour: 'tensorrt', version: '10.6.0', gpu: 'H200', driver: '580' },
    recommendation: recommend(results, 'latency'),
  } as const;

  it('is a line for each way, what failed, and what to take', () => {
    const text = renderLadder(result, { color: false });
    expect(text).toMatch(/^fp16 .* 2\.000 ms .* 2\.00 × .*cosine 0\.9995$/m);
    expect(text).toMatch(/take fp16/);
    expect(text).toMatch(/^best: case 1/m);
    expect(text).toMatch(/^int8 skipped: no scales/m);
    expect(text).not.toMatch(/[^\P{C}\n]/u);
  });

  it('is a report with bars, tables and the recommendation', () => {
    const report = ladderReport(result, ['node', 'trt-node', 'ladder', 'm.onnx']);
    const ids = report.sections.map(({ id }) => id);
    expect(ids).toEqual([
      ...['recommendation', 'speed', 'size', 'ladder', 'accuracy', 'notes', 'environment'],
    ]);
    expect(report.command).toBe('trt-node ladder m.onnx');
    const speed = report.sections.find(({ id }) => id === 'speed');
    expect(speed).toMatchObject({ kind: 'bars', bars: [{ value: 4 }, { value: 2 }, { value: 1 }] });
    expect(report.data).toBe(result);
  });

  it('has bars of what the recommendation is about', () => {
    const slow: RungWay = { graphs: 'off', lanes: 1, batch: 1 };
    const large: RungWay = { graphs: 'off', lanes: 1, batch: 8 };
    // Per second: 1000 inferences of 1 sample, 500 of 8.
    const points = [point(slow, 1), point(large, 2)];
    const swept = { ...result, rungs: [{ ...rung('fp32', 1), points }] };
    const barsOf = (goal: 'latency' | 'throughput') =>
      ladderReport({ ...swept, settings: { ...settings, goal } }, []).sections.find(
        ({ id }) => id === 'speed',
      );
    expect(barsOf('throughput')).toMatchObject({ unit: 'samples/s', bars: [{ value: 4000 }] });
    expect(barsOf('latency')).toMatchObject({ unit: 'ms', bars: [{ value: 1 }] });
    const unknown = { ...result, settings: { ...settings, goal: 'throughput' as const } };
    const speed = ladderReport(unknown, []).sections.find(({ id }) => id === 'speed');
    expect(speed).toMatchObject({ unit: 'inferences/s' });
  });
});
