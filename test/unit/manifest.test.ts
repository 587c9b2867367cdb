import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TrtError } from '../../lib/errors';
import {
  manifestFor,
  manifestPathOf,
  manifestText,
  parseManifest,
  readManifest,
} from '../../lib/manifest';
import type { Manifest } from '../../lib/manifest-schema';
import { digestOf, manifestFixture, planDigestOf } from '../support/manifests';

function parse(value: unknown): Manifest {
  return parseManifest(JSON.stringify(value), 'a.engine.json');
}

function errorOf(work: () => unknown): TrtError {
  try {
    work();
  } catch (error) {
    if (error instanceof TrtError) return error;
    throw error;
  }
  return expect.unreachable('this should have been refused');
}

const { sha256: planDigest } = digestOf('plan');

/** All that may be absent. */
const records = {
  layerSummary: {
    layers: 7,
    byType: { float32: 3, int8: 4, ['__proto__']: 0 },
    fused: 2,
    reformat: 1,
    tactics: 5,
    wider: ['conv'],
  },
  calibration: {
    algorithm: 'entropy2',
    batches: 8,
    droppedSamples: 3,
    dataSha256: planDigest,
    cacheSha256: planDigest,
  },
  timingCache: { sha256: planDigest, reproducible: true },
  plugins: [{ ...digestOf('plugin'), name: 'libplugin.so' }],
  verification: {
    cases: 2,
    reference: 'given',
    outputs: { logits: { maxAbs: 0.5, cosine: -1 }, ['__proto__']: {} },
    metric: { name: 'accuracy', value: 0.97, baseline: 0.98 },
  },
  unproven: ['sparseWeights'],
  cacheKey: planDigest,
  signature: { algorithm: 'hmac-sha256', keyId: 'ci', value: 'AAAA+/==' },
} as const satisfies Partial<Manifest>;

describe('parseManifest', () => {
  it('reads back what was written, with and without what may be absent', () => {
    const manifests = [
      manifestFixture('plan'),
      manifestFixture('plan', { gpu: null, driver: null, layers: null, layersReason: 'no GPU' }),
      manifestFixture('plan', {
        model: {
          ...digestOf('model'),
          name: 'model.onnx',
          externalData: { 'sub/w.bin': digestOf('w'), ['__proto__']: digestOf('p') },
        },
        profiles: [
          { ids: { min: [1], opt: [2], max: [3], values: { min: [1], opt: [8], max: [9] } } },
          {},
        ],
        profileNames: ['small', 'large'],
      }),
      manifestFixture('plan', records),
      manifestFixture('plan', {
        layers: null,
        layersReason: 'no GPU',
        layerSummary: null,
        calibration: { ...records.calibration, dataSha256: null, cacheSha256: null },
        verification: { cases: 0, reference: 'none', outputs: {} },
        signature: { algorithm: 'ed25519', value: 'AAAA' },
        plugins: [],
        unproven: [],
      }),
      manifestFixture('plan', { previous: manifestFixture('old') }),
      manifestFixture('plan', { previous: manifestFixture('old', records) }),
      manifestFixture('plan', { previous: { plan: digestOf('old') } }),
    ];
    for (const manifest of manifests) {
      expect(parseManifest(manifestText(manifest), 'here')).toEqual(manifest);
    }
  });

  it('leaves out what it does not know, and a previous inside of a previous', () => {
    const nested = manifestFixture('old', { previous: manifestFixture('older') });
    const parsed = parse({ ...manifestFixture('plan', { previous: nested }), extra: 1 });
    expect(parsed).toEqual(manifestFixture('plan', { previous: manifestFixture('old') }));
  });

  it('takes __proto__ for a name and inherits nothing from it', () => {
    const text = manifestText(manifestFixture('plan', { labels: {} })).replace(
      '"labels": {}',
      '"labels": { "__proto__": "x" }',
    );
    const { labels } = parseManifest(text, 'here');
    expect(Object.keys(labels)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(labels)).toBe(Object.prototype);
    const { plan: _, ...withoutPlan } = manifestFixture('plan');
    const inherited = `{"__proto__": ${JSON.stringify({ plan: digestOf('x') })}, ${JSON.stringify(withoutPlan).slice(1)}`;
    expect(errorOf(() => parseManifest(inherited, 'here')).code).toBe('ERR_TRT_MANIFEST_INVALID');
  });

  it('says which schema versions it reads', () => {
    const error = errorOf(() => parse({ ...manifestFixture('plan'), schemaVersion: 2 }));
    expect(error.code).toBe('ERR_TRT_MANIFEST_INVALID');
    expect(error.message).toMatch(/schemaVersion is 2.*reads schemaVersion 1/);
  });

  it.each(Object.keys(manifestFixture('plan')))('refuses a manifest without %s', (key) => {
    const entries = Object.entries(manifestFixture('plan')).filter(([name]) => name !== key);
    const error = errorOf(() => parse(Object.fromEntries(entries)));
    expect(error.code).toBe('ERR_TRT_MANIFEST_INVALID');
    expect(error.message).toContain(key);
  });

  it.each(Object.keys(manifestFixture('plan')))('refuses a symbolically wrong %s', (key) => {
    const wrong = { ...manifestFixture('plan'), [key]: [[true]] };
    expect(errorOf(() => parse(wrong)).code).toBe('ERR_TRT_MANIFEST_INVALID');
  });

  it.each([
    ['a digest in capitals', { plan: { ...digestOf('plan'), sha256: 'A'.repeat(64) } }],
    ['a short digest', { plan: { sha256: 'a', sizeBytes: 1 } }],
    ['a negative size', { plan: { ...digestOf('plan'), sizeBytes: -1 } }],
    ['a wrong chunk digest', { plan: { ...digestOf('plan'), chunksSha256: 'a' } }],
    ['a fractional size', { plan: { ...digestOf('plan'), sizeBytes: 1.5 } }],
    ['another flavour', { flavour: 'onnxruntime' }],
    ['a tensor type of no version', { inputs: [{ name: 'x', type: 'float12', dims: [] }] }],
    ['fractional dims', { profiles: [{ x: { min: [0.5], opt: [1], max: [1] } }] }],
    [
      'values of a profile that are none',
      { profiles: [{ x: { min: [1], opt: [1], max: [1], values: { min: [1] } } }] },
    ],
    ['fewer names than profiles', { profileNames: [] }],
    ['two names for one profile', { profileNames: ['a', 'b'] }],
    ['the same name twice', { profiles: [{}, {}], profileNames: ['a', 'a'] }],
    ['a number as a profile name', { profileNames: [1] }],
    [
      'external data without a digest',
      { model: { ...digestOf('m'), name: 'm', externalData: { 'w.bin': { sizeBytes: 1 } } } },
    ],
    ['external data in a list', { model: { ...digestOf('m'), name: 'm', externalData: [] } }],
    ['a number as a label', { labels: { a: 1 } }],
    ['a negative build time', { buildSeconds: -1 }],
    ['a date that is none', { builtAt: 'yesterday' }],
    ['a previous without a digest', { previous: {} }],
  ])('refuses %s', (_, changes) => {
    const wrong = { ...manifestFixture('plan'), ...changes };
    expect(errorOf(() => parse(wrong)).code).toBe('ERR_TRT_MANIFEST_INVALID');
  });

  it.each(Object.keys(records))('refuses a wrong %s', (key) => {
    for (const value of [null, true, [[]], [{}], 'a b', { a: 1 }]) {
      if (key === 'layerSummary' && value === null) continue;
      const wrong = { ...manifestFixture('plan', records), [key]: value };
      const error = errorOf(() => parse(wrong));
      expect(error.code, JSON.stringify(value)).toBe('ERR_TRT_MANIFEST_INVALID');
      expect(error.message).toContain(key);
    }
  });

  const nested = ['layerSummary', 'calibration', 'timingCache', 'verification'] as const;
  const fields = nested.flatMap((record) =>
    Object.keys(records[record]).map((field) => [record, field] as const),
  );
  it.each(fields)('refuses %s without its %s, or with a wrong one', (record, field) => {
    const whole: Record<string, unknown> = { ...records[record] };
    const { [field]: _, ...without } = whole;
    const wrongs = [
      { ...whole, [field]: [[1]] },
      { ...whole, [field]: -0.5 },
    ];
    if (field !== 'metric') wrongs.push(without);
    for (const wrong of wrongs) {
      const error = errorOf(() => parse({ ...manifestFixture('plan'), [record]: wrong }));
      expect(error.code).toBe('ERR_TRT_MANIFEST_INVALID');
      expect(error.message).toContain(field);
    }
  });

  it.each([
    ['a count that is none', { layerSummary: { ...records.layerSummary, byType: { int8: -1 } } }],
    ['a name that is none', { layerSummary: { ...records.layerSummary, wider: [1] } }],
    ['a plugin without a name', { plugins: [digestOf('plugin')] }],
    ['a plugin without a digest', { plugins: [{ name: 'libplugin.so' }] }],
    [
      'a metric that is text',
      { verification: { ...records.verification, outputs: { y: { l2: '1' } } } },
    ],
    ['a reference of no kind', { verification: { ...records.verification, reference: 'mine' } }],
    [
      'a metric without a value',
      { verification: { ...records.verification, metric: { name: 'a' } } },
    ],
    ['options without names', { unproven: [1] }],
    ['a cache key that leads elsewhere', { cacheKey: '../x' }],
    ['an algorithm of no kind', { signature: { algorithm: 'none', value: 'AAAA' } }],
    ['a signature without a value', { signature: { algorithm: 'ed25519' } }],
    ['a signature that is not base64', { signature: { algorithm: 'ed25519', value: 'A A' } }],
    ['a keyId that is a number', { signature: { ...records.signature, keyId: 1 } }],
  ])('refuses %s', (_, changes) => {
    const error = errorOf(() => parse({ ...manifestFixture('plan'), ...changes }));
    expect(error.code).toBe('ERR_TRT_MANIFEST_INVALID');
  });

  it.each(['', '{', 'null', '[]', '"text"', '7', '{}'])('refuses %j', (text) => {
    expect(errorOf(() => parseManifest(text, 'here')).code).toBe('ERR_TRT_MANIFEST_INVALID');
  });
});

it('keeps both digests of both plans', () => {
  const previous = manifestFixture('old', { plan: planDigestOf('old') });
  const manifest = manifestFixture('plan', { plan: planDigestOf('plan'), previous });
  expect(parse(manifest)).toEqual(manifest);
  const digestOnly = { ...manifest, previous: { plan: planDigestOf('old') } };
  expect(parse(digestOnly)).toEqual(digestOnly);
});

describe('manifestFor', () => {
  const old = manifestFixture('old');
  const { sha256 } = digestOf('plan');

  it('finds the entry of a plan', () => {
    const between = manifestFixture('plan', { previous: old });
    expect(manifestFor(between, sha256)).toEqual(manifestFixture('plan'));
    expect(manifestFor(between, digestOf('old').sha256)).toEqual(old);
    expect(manifestFor(between, digestOf('other').sha256)).toBeNull();
  });

  it('knows a plan of which nothing but the digest was known', () => {
    const between = manifestFixture('plan', { previous: { plan: digestOf('old') } });
    expect(manifestFor(between, digestOf('old').sha256)).toBe('digest-only');
    expect(manifestFor(manifestFixture('plan'), digestOf('old').sha256)).toBeNull();
  });
});

describe('readManifest', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'manifest-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('reads the file beside a plan', async () => {
    const manifest = manifestFixture('plan');
    const file = manifestPathOf(path.join(folder, 'a.engine'));
    expect(path.basename(file)).toBe('a.engine.json');
    await writeFile(file, manifestText(manifest));
    expect(await readManifest(file)).toEqual(manifest);
  });

  it('resolves to null where there is none', async () => {
    expect(await readManifest(path.join(folder, 'missing.json'))).toBeNull();
  });

  it('refuses rubbish, a folder and a FIFO', async () => {
    const rubbish = path.join(folder, 'rubbish.json');
    const fifo = path.join(folder, 'fifo.json');
    await writeFile(rubbish, '\0\0\0');
    execFileSync('mkfifo', [fifo]);
    for (const file of [rubbish, folder, fifo]) {
      await expect(readManifest(file)).rejects.toMatchObject({ code: 'ERR_TRT_MANIFEST_INVALID' });
    }
  });
});
