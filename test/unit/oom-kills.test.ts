import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { oomKills } from '../../lib/oom-kills';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'oom-kills-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(root, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, text);
  }
}

// The texts are those of Linux: cgroups(7), and "memory.events" in its cgroup-v2 documentation.
const events = 'low 0\nhigh 0\nmax 3\noom 1\noom_kill 2\noom_group_kill 0\n';
const vmstat = 'nr_free_pages 1\noom_kill 40\nnuma_hit 5\n';

it('counts in the control group of version 2', async () => {
  await write({
    'proc/self/cgroup': '0::/user.slice/a.scope\n',
    'sys/fs/cgroup/user.slice/a.scope/memory.events': events,
    'proc/vmstat': vmstat,
  });
  expect(oomKills(root)).toBe(2);
});

it('counts in the memory group of version 1', async () => {
  await write({
    'proc/self/cgroup': '12:cpu,cpuacct:/a\n4:memory:/docker/b\n0::/\n',
    'sys/fs/cgroup/memory/docker/b/memory.oom_control':
      'oom_kill_disable 0\nunder_oom 0\noom_kill 7\n',
  });
  expect(oomKills(root)).toBe(7);
});

it('counts on the machine where the group is out of sight, and nowhere without any', async () => {
  await write({ 'proc/self/cgroup': '0::/somewhere/else\n', 'proc/vmstat': vmstat });
  expect(oomKills(root)).toBe(40);
  expect(oomKills(path.join(root, 'nothing'))).toBeNull();
});

it('reads the counters of this machine', () => {
  expect(oomKills()).toSatisfy((count) => count === null || Number.isInteger(count));
});
