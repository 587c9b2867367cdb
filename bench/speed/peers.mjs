/** The programs beside trt-node, started when they are first needed. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { FloorPeer } from '../floor-peer.mjs';
import { PythonPeer } from '../python-peer.mjs';

export class Peers {
  /** What each says of itself, for the result. */
  facts = {};
  #settings;
  #open = {};
  #pythonPlan = null;

  /** @param {{ floor: string, python: string, device: number }} settings */
  constructor(settings) {
    this.#settings = settings;
  }

  async floor() {
    const { floor, device } = this.#settings;
    if (this.#open.floor === undefined) {
      if (!existsSync(floor)) {
        throw new Error(`there is no ${floor}: run node bench/build-floor.mjs first`);
      }
      this.#open.floor = new FloorPeer(floor, device);
      const { tensorrt } = await this.#open.floor.ask({ op: 'about' });
      this.facts.floor = { tensorrt };
    }
    return this.#open.floor;
  }

  /** TensorRT's bindings, with this plan loaded. */
  async python(plan) {
    this.#open.python ??= new PythonPeer(this.#settings.python);
    if (this.#pythonPlan !== plan) {
      const { device } = this.#settings;
      const facts = await this.#open.python.ask({ op: 'load', plan, device });
      // Paths of this machine say nothing elsewhere.
      const libraries = facts.libraries.map((library) => path.basename(library));
      this.facts.python = { ...facts, libraries };
      this.#pythonPlan = plan;
    }
    return this.#open.python;
  }

  async torch() {
    if (this.#open.torch === undefined) {
      this.#open.torch = new PythonPeer(this.#settings.python, 'torch_peer.py');
      const { device } = this.#settings;
      this.facts.torch = await this.#open.torch.ask({ op: 'load', device });
    }
    return this.#open.torch;
  }

  async close() {
    const open = Object.values(this.#open);
    this.#open = {};
    this.#pythonPlan = null;
    await Promise.all(open.map((peer) => peer.close()));
  }

  /** Their answers are not waited for. */
  kill() {
    for (const peer of Object.values(this.#open)) peer.kill();
    this.#open = {};
    this.#pythonPlan = null;
  }
}
