// Files that cannot be written: a typed error, and what stood there stands there still.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { BuildOptions } from '../../lib/index';
import { digits, failure, requireRtx, temporaryFolder, trtNode } from '../support/native-host';
import { runNode } from '../support/native-processes';

const { buildEngine } = trtNode;
await requireRtx();
const folder = await temporaryFolder();
const good = path.join(folder, 'good.engine');
const images = { min: [1, 1, 8, 8], opt: [8, 1, 8, 8], max: [8, 1, 8, 8] };
const options = {
  runtime: 'tensorrt-rtx',
  computeCapabilities: ['8.6'],
  profiles: [{ images }],
} satisfies BuildOptions;

beforeAll(async () => {
  await buildEngine(digits, { ...options, output: good });
});

describe('#83 an output folder that takes no files', () => {
  it.each([
    ['is a file', () => path.join(good, 'a.engine')],
    ['is not there', () => path.join(folder, 'nowhere', 'a.engine')],
    ['holds no files of ours', () => '/proc/self/a.engine'],
    ['has no room for the name', () => path.join(folder, `${'a'.repeat(250)}.engine`)],
  ])('%s', async (_what, output) => {
    const before = await fs.readdir(folder);
    const { message } = await failure(
      'ERR_TRT_WRITE',
      buildEngine(digits, { ...options, output: output() }),
    );
    expect(message).toContain('engine');
    expect(await fs.readdir(folder)).toEqual(before);
  });
});

/** A file system of 4 MiB, in a name space of its own: it is gone with its process. */
const smallDisk = [
  'unshare',
  ...['--user', '--map-root-user', '--mount', 'sh', '-c'],
  'mount -t tmpfs -o size=4m none "$0" && exec "$@"',
];
const disk = path.join(folder, 'disk');
await fs.mkdir(disk);
const canMount = spawnSync(smallDisk[0]!, [...smallDisk.slice(1), disk, 'true']).status === 0;
if (!canMount) {
  console.warn(
    'No small disk can be mounted here (unshare --user --mount): its tests are skipped.',
  );
}

describe('#83 a disk that is full', () => {
  it.skipIf(!canMount)('(ENOSPC) at any step: nothing half-written, and room helps', async () => {
    const exit = await runNode('full-disk.cjs', [disk, digits, good], {
      through: [...smallDisk, disk],
      deadlineMs: 100_000,
    });
    expect(exit).toMatchObject({ code: 0, signal: null, stderr: '' });
    const full = { code: 'ERR_TRT_WRITE', full: true };
    const pair = ['a.engine', 'a.engine.json'];
    expect(JSON.parse(exit.stdout)).toEqual({
      seen: {
        'a plan': { ...full, step: expect.any(String) as string, listing: [] },
        'a manifest': { ...full, step: 'write the manifest', listing: [] },
        'a copy of the plan': { ...full, step: 'copy the plan', listing: [] },
        'a copy of the model': { ...full, step: 'write a copy of the model', listing: [] },
        'over a pair': { ...full, step: expect.any(String) as string, listing: pair },
        'after there was room': { code: 'none', full: false, listing: pair },
      },
      agrees: true,
    });
  });

  it('(EFBIG, the limit of `ulimit -f`) is an error too, and no signal ends the process', async () => {
    const into = await fs.mkdtemp(path.join(folder, 'limited-'));
    // In units of 512 bytes: no plan, and no copy of the model, fits into 8 KiB.
    const through = ['sh', '-c', 'ulimit -f 16 && exec "$0" "$@"'];
    const exit = await runNode('file-size-limit.cjs', [into, digits, good], { through });
    expect(exit).toMatchObject({ code: 0, signal: null, stderr: '' });
    const refused = { code: 'ERR_TRT_WRITE', tooLarge: true, left: [] };
    expect(JSON.parse(exit.stdout)).toEqual({
      'a plan': refused,
      'a plan in memory': refused,
      'a copy of the plan': refused,
      'a copy of the model': refused,
    });
  });
});
