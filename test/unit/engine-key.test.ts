import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultTuning } from '../../lib/builder-tuning';
import { engineKey, engineKeyParts, type EngineKeyFacts } from '../../lib/cache/engine-key';
import { hashFile } from '../support/manifests';

let folder: string;
let facts: EngineKeyFacts;
const digest = (name: string, sizeBytes = 7) => ({ sha256: name.padEnd(64, '0'), sizeBytes });

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'engine-key-'));
  const [core, parser] = [path.join(folder, 'core.so'), path.join(folder, 'parser.so')];
  await writeFile(core, 'core');
  await writeFile(parser, 'parser');
  facts = {
    model: {
      ...digest('a1'),
      name: 'model.onnx',
      externalData: { 'w.bin': digest('b1'), 'v.bin': digest('c1') },
    },
    library: {
      flavour: 'tensorrt',
      version: '10.6.0',
      abi: 'v10',
      files: { core, parser },
      source: 'somewhere',
      hasBuilder: true,
      hasRuntime: true,
      parserVersion: '10.6.0',
      problem: null,
    },
    gpu: {
      index: 0,
      name: 'NVIDIA H200',
      computeCapability: '9.0',
      uuid: 'GPU-1',
      memoryTotalBytes: 139 * 2 ** 30,
    },
    driverVersion: '580.159.04',
    request: {
      library: { core, parser },
      model: '/somewhere/model.onnx',
      modelSha256: 'a1',
      externalData: null,
      stage: '/tmp/stage',
      planPath: '/tmp/plan',
      device: 0,
      tf32: null,
      typing: 'weak',
      precisions: ['fp16', 'int8'],
      calibration: null,
      profiles: [
        { x: { min: [1, 8], opt: [4, 8], max: [8, 8] }, y: { min: [1], opt: [4], max: [8] } },
      ],
      computeCapabilities: ['8.6', '8.9'],
      optimizationLevel: null,
      memoryPools: { workspace: 1024, tacticDram: 2048 },
      timingCache: null,
      plugins: ['/plugins/a.so', '/plugins/b.so'],
      standardPlugins: false,
      tuning: {
        ...defaultTuning,
        tacticSources: ['cublas', 'cudnn'],
        previewFeatures: { aliasedPluginIo: true, profileSharing: false },
      },
    },
    profileNames: ['only'],
    plugins: [
      { name: 'a.so', ...digest('d1') },
      { name: 'b.so', ...digest('e1') },
    ],
    calibration: 'the calibration',
    reproducible: 'the timing cache',
  };
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const keyOf = async (of: EngineKeyFacts, env = {}): Promise<string> =>
  engineKey(await engineKeyParts(of, hashFile, env));

type Change = (facts: EngineKeyFacts) => EngineKeyFacts;
const inRequest =
  (changes: Partial<EngineKeyFacts['request']>): Change =>
  (of) => ({ ...of, request: { ...of.request, ...changes } });
const inTuning =
  (changes: Partial<typeof defaultTuning>): Change =>
  (of) =>
    inRequest({ tuning: { ...of.request.tuning, ...changes } })(of);

/** The same value with the names of every object in the opposite order. */
function reversed<T>(value: T): T {
  if (Array.isArray(value)) return value.map((item: unknown) => reversed(item)) as T;
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).reverse();
  return Object.fromEntries(entries.map(([name, each]) => [name, reversed(each)])) as T;
}

describe('#87 one change of', () => {
  const changes: readonly [string, Change][] = [
    ['the model', (of) => ({ ...of, model: { ...of.model, ...digest('a2') } })],
    [
      'its external data',
      (of) => ({
        ...of,
        model: { ...of.model, externalData: { ...of.model.externalData, 'w.bin': digest('b2') } },
      }),
    ],
    [
      'where that lies',
      (of) => ({
        ...of,
        model: { ...of.model, externalData: { 'u.bin': digest('b1'), 'v.bin': digest('c1') } },
      }),
    ],
    ['the flavour', (of) => ({ ...of, library: { ...of.library, flavour: 'tensorrt-rtx' } })],
    ['the version', (of) => ({ ...of, library: { ...of.library, version: '10.6.1' } })],
    ['the parser', (of) => ({ ...of, library: { ...of.library, parserVersion: '10.7.0' } })],
    [
      'the library file',
      (of) => ({
        ...of,
        library: { ...of.library, files: { core: of.library.files.parser!, parser: null } },
      }),
    ],
    ['the GPU', (of) => ({ ...of, gpu: { ...of.gpu!, name: 'NVIDIA H100' } })],
    ['its compute capability', (of) => ({ ...of, gpu: { ...of.gpu!, computeCapability: '8.9' } })],
    ['its memory', (of) => ({ ...of, gpu: { ...of.gpu!, memoryTotalBytes: 2 ** 34 } })],
    ['having a GPU', (of) => ({ ...of, gpu: null })],
    ["the driver's branch", (of) => ({ ...of, driverVersion: '570.1.2' })],
    ['TF32', inRequest({ tf32: false })],
    ['the typing', inRequest({ typing: 'strong' })],
    ['the precisions', inRequest({ precisions: ['fp16'] })],
    [
      'a profile',
      inRequest({
        profiles: [
          { x: { min: [1, 8], opt: [5, 8], max: [8, 8] }, y: { min: [1], opt: [4], max: [8] } },
        ],
      }),
    ],
    ['the number of profiles', inRequest({ profiles: [] })],
    ['their names', (of) => ({ ...of, profileNames: undefined })],
    ['the compute capabilities', inRequest({ computeCapabilities: ['8.6'] })],
    ['the optimization level', inRequest({ optimizationLevel: 0 })],
    ['a memory pool', inRequest({ memoryPools: { workspace: 1025, tacticDram: 2048 } })],
    ['standard plugins', inRequest({ standardPlugins: true })],
    ['a plugin', (of) => ({ ...of, plugins: [{ name: 'a.so', ...digest('d2') }, of.plugins[1]!] })],
    ['the order of plugins', (of) => ({ ...of, plugins: [...of.plugins].reverse() })],
    ['the calibration', (of) => ({ ...of, calibration: 'another' })],
    ['having one', (of) => ({ ...of, calibration: null })],
    ['the fixed timing cache', (of) => ({ ...of, reproducible: 'another' })],
    ['being reproducible', (of) => ({ ...of, reproducible: null })],
    ['maxAuxStreams', inTuning({ maxAuxStreams: 0 })],
    ['avgTimingIterations', inTuning({ avgTimingIterations: 2 })],
    ['maxNbTactics', inTuning({ maxNbTactics: 1 })],
    ['hardwareCompatibilityLevel', inTuning({ hardwareCompatibilityLevel: 'amperePlus' })],
    ['refit', inTuning({ refit: 'all' })],
    ['stripPlan', inTuning({ stripPlan: true })],
    ['weightStreaming', inTuning({ weightStreaming: true })],
    ['versionCompatible', inTuning({ versionCompatible: true })],
    ['excludeLeanRuntime', inTuning({ excludeLeanRuntime: true })],
    ['sparseWeights', inTuning({ sparseWeights: true })],
    ['tacticSources', inTuning({ tacticSources: [] })],
    ['no tacticSources', inTuning({ tacticSources: null })],
    ['previewFeatures', inTuning({ previewFeatures: { profileSharing: false } })],
    ['tilingOptimizationLevel', inTuning({ tilingOptimizationLevel: 'fast' })],
    ['l2LimitForTiling', inTuning({ l2LimitForTiling: 1 })],
    ['dla', inTuning({ dla: { core: 0, gpuFallback: true } })],
    ['debugTensors', inTuning({ debugTensors: ['a'] })],
  ];

  it.each(changes)('%s gives another key', async (_name, change) => {
    expect(await keyOf(change(facts))).not.toBe(await keyOf(facts));
  });

  it('each gives a key of its own', async () => {
    const keys = await Promise.all(changes.map(([, change]) => keyOf(change(facts))));
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('covers every tuning option', () => {
    const named = new Set(changes.map(([name]) => name));
    expect(Object.keys(defaultTuning).filter((name) => !named.has(name))).toEqual([]);
  });

  it('an option that is not known here', async () => {
    const later = { ...facts.request, invented: 1 } as EngineKeyFacts['request'];
    expect(await keyOf({ ...facts, request: later })).not.toBe(await keyOf(facts));
  });
});

describe('#87 what is not said in options', () => {
  it('another build of the parser, of the same size, gives another key', async () => {
    const before = await keyOf(facts);
    await writeFile(facts.library.files.parser!, 'PARSER');
    expect(await keyOf(facts)).not.toBe(before);
    await writeFile(facts.library.files.parser!, 'parser');
    expect(await keyOf(facts)).toBe(before);
  });

  it('another build of the standard plugins gives another key, where they are used', async () => {
    const standard = inRequest({ standardPlugins: true })(facts);
    const [before, without] = [await keyOf(standard), await keyOf(facts)];
    await writeFile(path.join(folder, 'libnvinfer_plugin.so.10'), 'plugins');
    expect(await keyOf(standard)).not.toBe(before);
    expect(await keyOf(facts)).toBe(without);
  });

  it('switching TF32 off for all of NVIDIA’s libraries gives another key', async () => {
    expect(await keyOf(facts, { NVIDIA_TF32_OVERRIDE: '0' })).not.toBe(await keyOf(facts));
  });

  it('a name of a profile that is no Unicode has a key of its own', async () => {
    const named = (name: string) => keyOf({ ...facts, profileNames: [name] });
    expect(await named('\ud800')).not.toBe(await named('\udbff'));
  });
});

describe('#87 the key stays, whatever', () => {
  const same: readonly [string, Change][] = [
    ['the order of all names', reversed],
    ['the order of precisions', inRequest({ precisions: ['int8', 'fp16'] })],
    ['the order of capabilities', inRequest({ computeCapabilities: ['8.9', '8.6'] })],
    ['the order of tactic sources', inTuning({ tacticSources: ['cudnn', 'cublas'] })],
    ["the model's name", (of) => ({ ...of, model: { ...of.model, name: 'other.onnx' } })],
    ['the paths', inRequest({ model: '/b', stage: '/c', planPath: '/d', plugins: ['/e', '/f'] })],
    ['which of two equal GPUs', inRequest({ device: 1 })],
    ['the card', (of) => ({ ...of, gpu: { ...of.gpu!, index: 1, uuid: 'GPU-2' } })],
    [
      'a few megabytes that the driver keeps',
      (of) => ({ ...of, gpu: { ...of.gpu!, memoryTotalBytes: 139 * 2 ** 30 - 2 ** 24 } }),
    ],
    ['the release of the driver', (of) => ({ ...of, driverVersion: '580.65.06' })],
    [
      'the timing cache, unless it fixes the kernels',
      inRequest({ timingCache: { path: '/x', reproducible: false } }),
    ],
    ["a plugin's path", (of) => ({ ...of, plugins: of.plugins.map((p) => ({ ...p, name: 'x' })) })],
  ];

  it.each(same)('%s', async (_name, change) => {
    expect(await keyOf(change(facts))).toBe(await keyOf(facts));
  });
});
