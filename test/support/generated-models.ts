import fs from 'node:fs/promises';
import path from 'node:path';
import type { BuiltEngine, TensorLike } from '../../lib/index';

/** A tensor in a raw little-endian file beside `reference.json`. */
export interface TensorFile {
  readonly file: string;
  readonly type: 'float32' | 'int64';
  readonly dims: readonly number[];
}

/** Inputs, and what PyTorch answers to them. */
export interface ReferenceCase {
  readonly inputs: Readonly<Record<string, TensorFile>>;
  readonly outputs: Readonly<Record<string, TensorFile>>;
}

/** What every generator under scripts/ writes into `reference.json`; each adds fields of its own. */
export interface Reference {
  readonly model: { readonly file: string; readonly sha256: string; readonly sizeBytes: number };
  readonly pytorch: Readonly<Record<string, unknown>> & { readonly version: string };
}

export type ModelName = 'resnet50' | 'minilm' | 'decoder';

const environmentVariable = 'TRT_NODE_TEST_MODELS';
const root = path.join(import.meta.dirname, '..', '..');

/** A model too large for the repository, with its reference: made by `scripts/make-<name>.py` where it is tested. */
export class GeneratedModel<R extends Reference> {
  private constructor(
    readonly name: ModelName,
    readonly folder: string,
    readonly reference: R,
  ) {}

  /** @throws Error naming the command that makes the model, where it is absent: no test of it passes by being skipped. */
  static async open<R extends Reference>(name: ModelName): Promise<GeneratedModel<R>> {
    const models = process.env[environmentVariable] ?? path.join(root, '.cache', 'models');
    const folder = path.join(models, name);
    const index = path.join(folder, 'reference.json');
    const text = await fs.readFile(index, 'utf8').catch((cause: unknown) => {
      throw new Error(
        `expected the model in ${folder} (${environmentVariable} names its parent) but ${index} cannot be read: make it with ` +
          `\`python3 scripts/make-${name}.py --out ${folder}\``,
        { cause },
      );
    });
    return new GeneratedModel(name, folder, JSON.parse(text) as R);
  }

  get modelPath(): string {
    return path.join(this.folder, this.reference.model.file);
  }

  async tensor({ file, type, dims }: TensorFile): Promise<TensorLike> {
    const bytes = await fs.readFile(path.join(this.folder, file));
    // A view needs an offset that its element size divides; small files lie in a pool, anywhere.
    const { buffer } = new Uint8Array(bytes);
    const data = type === 'int64' ? new BigInt64Array(buffer) : new Float32Array(buffer);
    const expected = dims.reduce((product, dim) => product * dim, 1);
    if (data.length !== expected) {
      throw new Error(
        `expected ${expected} elements in ${file} of ${this.folder} but found ${data.length}: make the model again`,
      );
    }
    return { type, data, dims };
  }

  async tensors(
    files: Readonly<Record<string, TensorFile>>,
  ): Promise<Readonly<Record<string, TensorLike>>> {
    const entries = Object.entries(files).map(
      async ([name, file]) => [name, await this.tensor(file)] as const,
    );
    return Object.fromEntries(await Promise.all(entries));
  }

  /**
   * Prints what was measured, with what it was measured on, and writes it to `<model>-<label>.json` in the folder that
   * TRT_NODE_TEST_RESULTS names, if it does.
   */
  async record(label: string, built: BuiltEngine, figures: object): Promise<void> {
    const { manifest, sizeBytes } = built;
    const result = {
      model: this.name,
      label,
      ...figures,
      buildSeconds: manifest.buildSeconds,
      planBytes: sizeBytes,
      options: manifest.options,
      profiles: manifest.profiles,
      tensorrt: manifest.version,
      gpu: manifest.gpu,
      driver: manifest.driver,
      node: process.version,
      modelDigest: this.reference.model,
      pytorch: this.reference.pytorch,
    };
    console.log(
      `${this.name} ${label}: ${JSON.stringify(figures)}, built in ${manifest.buildSeconds} s`,
    );
    const folder = process.env['TRT_NODE_TEST_RESULTS'];
    if (folder === undefined) return;
    await fs.mkdir(folder, { recursive: true });
    const file = path.join(folder, `${this.name}-${label}.json`);
    await fs.writeFile(file, `${JSON.stringify(result, null, 2)}\n`);
  }
}

/**
 * TRT_NODE_TEST_OPTIMIZATION_LEVEL, for a host whose time is short; without it what users get by default, or `preset` where a test
 * is not about the kernels that TensorRT finds.
 */
export function optimizationLevel(preset?: number): { optimizationLevel?: number } {
  const text = process.env['TRT_NODE_TEST_OPTIMIZATION_LEVEL'];
  const level = text === undefined ? preset : Number(text);
  return level === undefined ? {} : { optimizationLevel: level };
}
