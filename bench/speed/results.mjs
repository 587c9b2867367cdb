/** The file of results: written after every step, and read by the next run, which measures only what is not in it. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';

export class Results {
  #file;
  #value;

  constructor(file, value) {
    this.#file = file;
    this.#value = value;
  }

  /**
   * @param {string | undefined} file undefined: nothing is kept
   * @param {string} command
   */
  static async open(file, command) {
    const empty = { schemaVersion: 1, command, steps: {} };
    if (file === undefined) return new Results(undefined, empty);
    try {
      return new Results(file, JSON.parse(await readFile(file, 'utf8')));
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
      return new Results(file, empty);
    }
  }

  /** The step as it was measured of this plan with these settings; undefined: it was not. */
  known(name, planSha256, settings) {
    const step = this.#value.steps[name];
    if (step === undefined || step.planSha256 !== planSha256) return undefined;
    return JSON.stringify(step.settings) === JSON.stringify(settings) ? step : undefined;
  }

  async keep(name, step) {
    this.#value.steps[name] = step;
    await this.#write();
  }

  /** What is true of the whole run. */
  async describe(facts) {
    Object.assign(this.#value, facts);
    await this.#write();
  }

  async #write() {
    if (this.#file === undefined) return;
    await mkdir(path.dirname(path.resolve(this.#file)), { recursive: true });
    const { steps, ...facts } = this.#value;
    await writeFile(`${this.#file}.new`, `${JSON.stringify({ ...facts, steps })}\n`);
    await rename(`${this.#file}.new`, this.#file);
  }
}

export async function sha256Of(file) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
