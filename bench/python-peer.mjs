/** Python peers: gpu_peer.py (TensorRT's bindings) and torch_peer.py (PyTorch), asked by JSON lines. */
import { fileURLToPath } from 'node:url';
import { LinePeer } from './line-peer.mjs';

const needs = {
  'gpu_peer.py': "It needs TensorRT's Python bindings of the plan's version and numpy.",
  'torch_peer.py': 'It needs PyTorch and torchvision.',
};

export class PythonPeer {
  #peer;

  /**
   * @param {string} python the interpreter
   * @param {keyof typeof needs} script
   */
  constructor(python, script = 'gpu_peer.py') {
    this.#peer = new LinePeer({
      name: script,
      command: python,
      args: [fileURLToPath(new URL(script, import.meta.url))],
      // Not stdout: what TensorRT prints must not mix with the answers.
      answersOn: 3,
      hint: needs[script],
      env: { PYTHONDONTWRITEBYTECODE: '1', PYTHONUNBUFFERED: '1' },
    });
  }

  /** Sends one request and resolves to its answer. One at a time. */
  async ask(request) {
    return await this.#peer.askLine(JSON.stringify(request));
  }

  async close() {
    await this.#peer.close(JSON.stringify({ op: 'quit' }));
  }

  kill() {
    this.#peer.kill();
  }
}
