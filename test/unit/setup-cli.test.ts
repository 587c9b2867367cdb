import { describe, expect, it } from 'vitest';

import { describeResult } from '../../lib/cli/setup';
import { lineView } from '../../lib/cli/setup-progress';
import type { SetupResult } from '../../lib/setup';

const result: SetupResult = {
  status: 'dry-run',
  runtime: 'tensorrt-rtx',
  version: '1.7.1.116',
  cuda: '12',
  cudaReason: 'the driver (570.1) supports CUDA 12.8',
  folder: '/cache/runtimes/tensorrt-rtx-1.7.1.116-cu12',
  files: [],
  licence: null,
  package: 'tensorrt-rtx-cu12-libs',
  wheel: { name: 'a.whl', sha256: 'abc123', sizeBytes: 89_265_483 },
  way: 'index',
  index: 'https://***@index.test/simple',
  replaced: null,
};

describe('trt-node setup', () => {
  it('prints in a dry run the package, version, size, digest, way and target', () => {
    const text = describeResult(result).join('\n');
    for (const fact of [
      'tensorrt-rtx-cu12-libs 1.7.1.116',
      '89.3 MB',
      'abc123',
      'https://***@index.test/simple',
      '/cache/runtimes/tensorrt-rtx-1.7.1.116-cu12',
      'the driver (570.1) supports CUDA 12.8',
    ]) {
      expect(text).toContain(fact);
    }
  });

  it("names NVIDIA's licence once it was fetched, and only then", () => {
    const installed = describeResult({ ...result, status: 'installed', licence: 'LICENSE.txt' });
    expect(installed.join('\n')).toContain(`${result.folder}/LICENSE.txt`);
    expect(describeResult({ ...result, status: 'present' }).join('\n')).not.toMatch(/licence/i);
  });

  it('writes a line for each tenth of the download to a log, and one for what follows', () => {
    const lines: string[] = [];
    const view = lineView((line) => lines.push(line));
    for (const phase of ['download', 'verify'] as const) {
      for (let receivedBytes = 0; receivedBytes <= 1_000; receivedBytes += 1) {
        view.show({ phase, receivedBytes, totalBytes: 1_000 });
      }
    }
    expect(lines.map((line) => line.replace(/ of .*/, ''))).toEqual([
      ...[10, 20, 30, 40, 50, 60, 70, 80, 90, 100].map((percent) => `downloading: ${percent} %`),
      'verifying: 100 %',
    ]);
  });
});
