import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { mostLikely, side, writeImage } from '../../examples/image-classification/image-tensor.mjs';
import { cosine, rowsOf } from '../../examples/sentence-embeddings/similarity.mjs';
import { framesOf } from '../../examples/frame-loop/frames.mjs';
import { complaintAbout, trtNodeWords } from '../support/docs/command-lines';
import { root } from '../support/docs/pages';
import { simpleCommands } from '../support/docs/shell-words';
import { typeProblems } from '../support/docs/type-check';

interface ExamplePackage {
  readonly private: boolean;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

const folder = path.join(root, 'examples');
const examples = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);
const modules = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.mjs'))
  .map((name) => path.join(folder, name));
const packageOf = (name: string) =>
  JSON.parse(readFileSync(path.join(folder, name, 'package.json'), 'utf8')) as ExamplePackage;

describe('examples', () => {
  it('compile against the public API, and against what they use of other packages', () => {
    expect(modules.length).toBeGreaterThan(examples.length);
    const checked = modules.map((file) => ({ file, code: readFileSync(file, 'utf8') }));
    expect(typeProblems(checked)).toEqual([]);
  }, 60_000);

  it.each(examples)('%s has a page, and depends on what it imports', (name) => {
    expect(readFileSync(path.join(folder, 'README.md'), 'utf8')).toContain(`(${name}/README.md)`);
    const own = modules.filter((file) => path.dirname(file) === path.join(folder, name));
    const imported = own.flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/ from '([^.'][^']*)'/g)].map(([, from]) => from),
    );
    const packages = imported.filter((from) => !from?.startsWith('node:'));
    const { private: isPrivate, dependencies } = packageOf(name);
    expect(Object.keys(dependencies).sort()).toEqual([...new Set(packages)].sort());
    expect(isPrivate).toBe(true);
  });

  const scripts = examples.flatMap((name) => Object.values(packageOf(name).scripts ?? {}));
  it.each(scripts)('runs a command that there is: %s', async (script) => {
    for (const command of simpleCommands(script)) {
      const words = trtNodeWords(command);
      if (words !== null) expect(await complaintAbout(words)).toBeNull();
    }
  });
});

describe('examples/image-classification', () => {
  it('writes pixels as normalised planes, each image into its place', () => {
    const plane = side * side;
    const batch = new Float32Array(2 * 3 * plane).fill(NaN);
    const pixels = new Uint8Array(3 * plane);
    pixels.set([255, 0, 128], 3); // the second pixel
    writeImage(batch, 1, pixels);
    expect(batch.subarray(0, 3 * plane).every(Number.isNaN)).toBe(true);
    const second = [0, 1, 2].map((channel) => batch[(3 + channel) * plane + 1]);
    // torchvision: (value / 255 - mean) / deviation
    expect(second[0]).toBeCloseTo((1 - 0.485) / 0.229, 5);
    expect(second[1]).toBeCloseTo((0 - 0.456) / 0.224, 5);
    expect(second[2]).toBeCloseTo((128 / 255 - 0.406) / 0.225, 5);
    expect(batch.subarray(3 * plane).some(Number.isNaN)).toBe(false);
  });

  it('refuses pixels of another size', () => {
    expect(() => writeImage(new Float32Array(12), 0, new Uint8Array(3))).toThrow('expected');
  });

  it('sorts by probability, which sums to 1 however large logits are', () => {
    const likely = mostLikely(Float32Array.of(1000, 1002, 1001), 3);
    expect(likely.map(({ index }) => index)).toEqual([1, 2, 0]);
    expect(likely.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 6);
    // e^-1 between neighbours
    expect(likely[1]!.probability / likely[0]!.probability).toBeCloseTo(Math.exp(-1), 6);
  });
});

describe('examples/sentence-embeddings', () => {
  it('gives the cosine of rows', () => {
    const [a, b, c] = rowsOf(Float32Array.of(3, 4, 4, -3, 6, 8), 2);
    expect(cosine(a!, b!)).toBe(0);
    expect(cosine(a!, c!)).toBeCloseTo(1, 6);
    expect(rowsOf(new Float32Array(0), 0)).toEqual([]);
  });
});

describe('examples/frame-loop', () => {
  async function framesFrom(chunks: readonly number[][], size: number): Promise<number[][]> {
    async function* stream() {
      for (const chunk of chunks) yield Uint8Array.from(chunk);
    }
    const frames: number[][] = [];
    for await (const { bytes } of framesOf(stream(), () => ({ bytes: new Uint8Array(size) }))) {
      frames.push([...bytes]);
    }
    return frames;
  }

  it.each([
    [
      'whole',
      [
        [1, 2],
        [3, 4],
      ],
    ],
    ['cut', [[1], [2, 3], [4]]],
    ['at once, with the beginning of one more', [[1, 2, 3, 4, 5]]],
  ])('cuts a stream of frames that come %s', async (_, chunks) => {
    expect(await framesFrom(chunks, 2)).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });
});
