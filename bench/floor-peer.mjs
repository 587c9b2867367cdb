/** bench/floor.cc as a child that stays warm: plans are loaded once, and each request is a line of `key=value` words. */
import { LinePeer } from './line-peer.mjs';

export class FloorPeer {
  #peer;
  #device;

  /**
   * @param {string} program by bench/build-floor.mjs
   * @param {number} device
   */
  constructor(program, device) {
    this.#device = device;
    this.#peer = new LinePeer({
      name: 'floor',
      command: program,
      args: [],
      answersOn: 1,
      hint: 'It needs libcuda.so.1 and libnvinfer.so.10 where the loader finds them (LD_LIBRARY_PATH).',
    });
  }

  /** @param {Readonly<Record<string, string | number>>} request */
  async ask(request) {
    const words = Object.entries({ device: this.#device, ...request }).map(
      ([key, value]) => `${key}=${value}`,
    );
    const broken = words.find((word) => /[\t\n]/.test(word));
    if (broken !== undefined) throw new Error(`no tab may be in ${JSON.stringify(broken)}`);
    return await this.#peer.askLine(words.join('\t'));
  }

  async close() {
    await this.#peer.close();
  }

  kill() {
    this.#peer.kill();
  }
}
