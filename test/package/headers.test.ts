import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const script = path.resolve(__dirname, '..', '..', 'scripts', 'fetch-headers.mjs');

describe('scripts/fetch-headers.mjs', () => {
  let clone: string;
  let tensorrt: string;
  beforeEach(() => {
    clone = fs.mkdtempSync(path.join(os.tmpdir(), 'trt-node-headers-'));
    fs.mkdirSync(path.join(clone, 'scripts'));
    fs.copyFileSync(script, path.join(clone, 'scripts', 'fetch-headers.mjs'));
    tensorrt = path.join(clone, 'tensorrt');
    fs.mkdirSync(path.join(tensorrt, 'include'), { recursive: true });
    for (const name of ['NvInfer.h', 'NvOnnxParser.h', 'cuda.h']) {
      fs.writeFileSync(path.join(tensorrt, 'include', name), '');
    }
  });
  afterEach(() => fs.rmSync(clone, { recursive: true, force: true }));

  /** Without cargo, which would reach for the network. Where the headers of `abi` are from after it ran. */
  function sourceOf(abi: string, version: string): string | null {
    fs.writeFileSync(path.join(tensorrt, 'include', 'NvInferVersion.h'), version);
    const env = { PATH: '/nonexistent', TENSORRT_ROOT: tensorrt, CUDA_HOME: tensorrt };
    const run = spawnSync(process.execPath, [path.join(clone, 'scripts', 'fetch-headers.mjs')], {
      env,
    });
    if (run.error) throw run.error;
    const file = path.join(clone, '.cache', 'headers', abi, 'source.txt');
    return fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim() : null;
  }

  // As NVIDIA writes them, before and since 10.8.
  const plain = (minor: number) =>
    `#define NV_TENSORRT_MAJOR 10 //!< major\n#define NV_TENSORRT_MINOR ${minor} //!< minor\n`;
  const named = (edition: string, major: number, minor: number) =>
    `#define TRT_MAJOR_${edition} ${major}\n#define TRT_MINOR_${edition} ${minor}\n` +
    `#define NV_TENSORRT_MAJOR TRT_MAJOR_${edition} //!< major\n` +
    `#define NV_TENSORRT_MINOR TRT_MINOR_${edition} //!< minor\n`;

  it.each([
    ['v10', '10.1', plain(1)],
    ['v10', '10.16', named('ENTERPRISE', 10, 16)],
    ['v11', '11.0', named('ENTERPRISE', 11, 0)],
    ['rtx', '1.5', named('RTX', 1, 5)],
  ])('takes for %s an installed %s', (abi, version, text) => {
    expect(sourceOf(abi, text)).toBe(`${path.join(tensorrt, 'include')} ${version}`);
  });

  it.each([
    ['v10', '10.0, which is too old', plain(0)],
    ['rtx', '1.4, which is too old', named('RTX', 1, 4)],
    ['v10', '11.0, which is another ABI', named('ENTERPRISE', 11, 0)],
    ['v11', '10.16, which is another ABI', named('ENTERPRISE', 10, 16)],
    ['rtx', '10.16, which is another flavour', named('ENTERPRISE', 10, 16)],
  ])('does not take for %s an installed %s', (abi, _, text) => {
    // The system's include folders may have one that will do.
    expect(sourceOf(abi, text) ?? '').not.toContain(tensorrt);
  });

  it('takes another version when the installed one changed', () => {
    sourceOf('v10', plain(3));
    expect(sourceOf('v10', plain(4))).toMatch(/ 10\.4$/);
    const copied = path.join(clone, '.cache', 'headers', 'v10', 'NvInferVersion.h');
    expect(fs.readFileSync(copied, 'utf8')).toBe(plain(4));
  });

  it('keeps headers that will do when the ones it should take are not to be had', () => {
    sourceOf('v10', plain(3));
    expect(sourceOf('v10', plain(0))).toMatch(/ 10\.3$/);
  });
});
