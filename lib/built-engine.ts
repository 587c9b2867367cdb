import { webcrypto } from 'node:crypto';
import { constants } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { loadBinding } from './binding';
import type { Engine } from './engine';
import { notConstructible, TrtError } from './errors';
import { filePathOf } from './file-path';
import { fileWorkOf } from './file-work';
import { loadEngine } from './load';
import type { LoadOptions } from './load-options';
import type { Manifest } from './manifest-schema';
import type { AnyModel, ModelTypes } from './model-types/model-types';
import { checkOutput } from './output-check';
import { publish } from './publish';
import { realFiles } from './publish-files';
import { tempPathFor } from './temp-files';
import { writeError } from './write-error';

/** Node reads files of at most this many bytes into one buffer. */
export const maxBytesInMemory = 2 ** 31 - 1;

/** Where a built plan is: in a file, or in memory. */
export type PlanContent = { readonly path: string } | { readonly bytes: Uint8Array };

/**
 * A plan that `buildEngine` made, with everything that is known about it.
 *
 * @typeParam M the model's inputs and outputs, as the compiler knows them: see {@link Engine}
 */
export class BuiltEngine<M extends ModelTypes = AnyModel> {
  /** Absolute path of the plan; absent when it was built without `output`. */
  declare readonly path?: string;
  /** What stands in `<path>.json`. */
  readonly manifest: Manifest;
  readonly #content: PlanContent;

  /** @internal `buildEngine` makes these. */
  constructor(content: PlanContent, manifest: Manifest) {
    if (arguments.length < 2) throw notConstructible('BuiltEngine', 'buildEngine(model)');
    this.#content = content;
    this.manifest = manifest;
    if ('path' in content) this.path = content.path;
  }

  /** Size of the plan in bytes. */
  get sizeBytes(): number {
    return this.manifest.plan.sizeBytes;
  }

  /**
   * The plan, e.g. for a database or another machine. For a plan in memory this is the memory itself, not a copy.
   *
   * Rejects with `ERR_TRT_UNSUPPORTED` for plans of 2 GiB and more (use `path`), `ERR_TRT_ENGINE_NOT_FOUND` when the file is gone
   * and `ERR_TRT_ENGINE_DIGEST` when it is no longer the plan that was built.
   */
  async bytes(): Promise<Uint8Array> {
    if ('bytes' in this.#content) return this.#content.bytes;
    const file = this.#content.path;
    const bytes = await readPlanFile(file);
    const hash = await webcrypto.subtle.digest('SHA-256', bytes);
    this.#checkDigest(Buffer.from(hash).toString('hex'), file);
    return bytes;
  }

  /**
   * Writes the plan to `path` and its manifest to `<path>.json`. An engine and a manifest that stand there are replaced, by
   * renames: a crash in between leaves a plan and a manifest that agree. Any other file there is refused (`ERR_TRT_WRITE`).
   *
   * Rejects with `ERR_TRT_INVALID_ARG`, `ERR_TRT_WRITE`, and `ERR_TRT_ENGINE_DIGEST` when the plan was changed since it was built.
   */
  async save(path_: string | URL): Promise<void> {
    const output = path.resolve(filePathOf(path_, 'path'));
    const work = fileWorkOf(loadBinding());
    await checkOutput(output);
    const tempPlan = tempPathFor(output);
    try {
      await this.#copyTo(tempPlan, output);
      this.#checkDigest((await work.hashFile(tempPlan)).sha256, this.path ?? 'memory');
    } catch (error) {
      await realFiles.unlink(tempPlan).catch(() => undefined);
      throw error;
    }
    await publish({ tempPlan, output, manifest: this.manifest, work });
  }

  /** `loadEngine(this, options)`: loads the plan onto a GPU. */
  load(options?: LoadOptions): Promise<Engine<M>> {
    return loadEngine<M>(this, options);
  }

  async #copyTo(target: string, output: string): Promise<void> {
    try {
      const isFile = 'path' in this.#content;
      if (isFile) {
        const mode = constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE;
        await realFiles.copyFile(this.#content.path, target, mode);
      }
      const file = await realFiles.open(target, isFile ? 'r+' : 'wx');
      try {
        if ('bytes' in this.#content) await file.writeFile(this.#content.bytes);
        await file.sync();
      } finally {
        await file.close();
      }
    } catch (error) {
      throw writeError(output, 'copy the plan', error);
    }
  }

  #checkDigest(sha256: string, place: string): void {
    if (sha256 === this.manifest.plan.sha256) return;
    throw new TrtError(
      'ERR_TRT_ENGINE_DIGEST',
      `expected the plan that was built (SHA-256 ${this.manifest.plan.sha256}) in ${place}, but its SHA-256 is ${sha256}: ` +
        'it was changed or replaced since. Build it again.',
      { details: { expected: this.manifest.plan.sha256, found: sha256, path: place } },
    );
  }
}

async function readPlanFile(file: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const { size } = await stat(file);
    if (size > maxBytesInMemory) {
      throw new TrtError(
        'ERR_TRT_UNSUPPORTED',
        `expected a plan below 2 GiB to read into memory, but ${file} has ${size} bytes. Use its \`path\`.`,
        { details: { path: file, sizeBytes: size } },
      );
    }
    return await readFile(file);
  } catch (cause) {
    if (cause instanceof TrtError) throw cause;
    throw new TrtError(
      'ERR_TRT_ENGINE_NOT_FOUND',
      `expected the plan that was built at ${file}, but it cannot be read: ${String(cause)}. Build it again.`,
      { cause, details: { path: file } },
    );
  }
}
