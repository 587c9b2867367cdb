import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { EnvironmentSnapshot } from '../../lib/doctor/environment-snapshot';
import type { RuntimeReport } from '../../lib/index';
import { cli, loadBinding, requireRtx, root, temporaryFolder } from '../support/native-host';
import { runNode } from '../support/native-processes';

const rtx = await requireRtx();
const folder = await temporaryFolder();

function doctor(args: readonly string[], env: NodeJS.ProcessEnv = {}): ReturnType<typeof runNode> {
  return runNode(cli, ['doctor', ...args], { env: { ...process.env, NO_COLOR: '1', ...env } });
}

/** Compiles C into a shared library of a folder of its own, which LD_LIBRARY_PATH can name. */
async function compile(folderName: string, file: string, source: string): Promise<string> {
  const target = path.join(folder, folderName);
  await fs.mkdir(target, { recursive: true });
  await fs.writeFile(path.join(target, 'source.c'), source);
  const output = path.join(target, file);
  execFileSync(process.env['CC'] ?? 'cc', [
    ...['-shared', '-fPIC', '-w', '-o', output, path.join(target, 'source.c')],
  ]);
  return target;
}

/** A libcuda that exports everything that the addon asks for, and answers 34 to all of it, as the toolkit's stub does. */
async function compileCudaStub(): Promise<string> {
  const driver = await fs.readFile(path.join(root, 'native', 'cuda', 'driver.cc'), 'utf8');
  const names = [...driver.matchAll(/find\(table->\w+, "(\w+)"\)/g)].map(([, name]) => name ?? '');
  const answers = names
    .filter((name) => !name.startsWith('cuGetError'))
    .map((name) => `int ${name}() { return 34; }`);
  return compile(
    'cuda/stubs',
    'libcuda.so.1',
    `${answers.join('\n')}
     int cuGetErrorName(int e, const char** text) { *text = "CUDA_ERROR_STUB_LIBRARY"; return 0; }
     int cuGetErrorString(int e, const char** text) { *text = "CUDA driver is a stub library"; return 0; }`,
  );
}

describe('doctor --lock and --check', () => {
  const lock = path.join(folder, 'env.lock');

  it('writes what this machine is, and finds it unchanged', async () => {
    expect(await doctor(['--lock', lock])).toMatchObject({ code: 0, stderr: '' });
    const snapshot = JSON.parse(await fs.readFile(lock, 'utf8')) as EnvironmentSnapshot;
    expect(snapshot).toMatchObject({ schemaVersion: 1, kind: 'trt-node-environment' });
    const library = snapshot.libraries.find(({ path: file }) => file === rtx.core);
    const sha256 = createHash('sha256')
      .update(await fs.readFile(rtx.core))
      .digest('hex');
    expect(library).toMatchObject({ flavour: 'tensorrt-rtx', parser: rtx.parser, sha256 });

    expect(await doctor(['--check', lock])).toMatchObject({ code: 0, stderr: '' });
  });

  it('exits with 1 when something differs, and says what it does', async () => {
    await doctor(['--lock', lock]);
    const { code, stdout } = await doctor(['--check', lock, '--json'], {
      CUDA_LAUNCH_BLOCKING: '1',
    });
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      same: false,
      differences: [{ id: 'env.CUDA_LAUNCH_BLOCKING', group: 'slows', b: '1' }],
    });
  });

  it('compares a report of --json with it', async () => {
    await doctor(['--lock', lock]);
    const report = path.join(folder, 'report.json');
    await fs.writeFile(report, (await doctor(['--json'])).stdout);
    const { code, stdout } = await doctor(['--diff', lock, report, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ same: true, differences: [] });
    expect(code).toBe(0);
  });
});

describe('doctor', () => {
  it('knows a stub libcuda by what it answers', async () => {
    const stubs = await compileCudaStub();
    const { code, stdout } = await doctor(['--json'], { LD_LIBRARY_PATH: stubs });
    const report = JSON.parse(stdout) as RuntimeReport;
    expect(code).toBe(1);
    expect(report.driver).toMatchObject({ status: 'init-failed', cudaError: 34 });
    expect(report.findings[0]).toMatchObject({ id: 'stub-libcuda', severity: 'problem' });
    expect(report.missing.infer.map((problem) => problem.code)).toEqual(['ERR_TRT_NO_DRIVER']);
    expect(report.missing.infer[0]?.message).toContain(report.findings[0]?.nextStep);
  });

  it('shows a finding with its evidence to people', async () => {
    const stubs = await compileCudaStub();
    const { stdout } = await doctor([], { LD_LIBRARY_PATH: stubs });
    expect(stdout).toMatch(/\[stub-libcuda\]\n\s+seen: .*CUDA_ERROR_STUB_LIBRARY/);
  });
});

describe('gpuStates', () => {
  // nvml.h: clock types 1 (SM) and 2 (memory); 0x41 is idle and hardware thermal slowdown; errors 4 (no permission), 6 (not
  // found), 7 (insufficient size); compute mode 3 is one process alone.
  const nvml = `
    #include <stdio.h>
    #include <unistd.h>
    #include <string.h>
    typedef struct device { int index; }* device;
    static struct device devices[2] = {{0}, {1}};
    int nvmlInit_v2(void) { return 0; }
    int nvmlShutdown(void) { return 0; }
    int nvmlSystemGetDriverVersion(char* text, unsigned size) { snprintf(text, size, "580.1.2"); return 0; }
    int nvmlDeviceGetCount_v2(unsigned* count) { *count = 2; return 0; }
    int nvmlDeviceGetHandleByIndex_v2(unsigned i, device* d) { if (i == 0) return 4; *d = &devices[i]; return 0; }
    int nvmlDeviceGetName(device d, char* text, unsigned size) { snprintf(text, size, "Stub"); return 0; }
    struct pci { char legacy[16]; unsigned numbers[5]; char id[32]; };
    int nvmlDeviceGetPciInfo_v3(device d, struct pci* p) { strcpy(p->id, "00000000:01:00.0"); return 0; }
    int nvmlDeviceGetMigMode(device d, unsigned* now, unsigned* pending) { *now = 1; *pending = 0; return 0; }
    int nvmlDeviceGetMaxMigDeviceCount(device d, unsigned* count) { *count = 7; return 0; }
    int nvmlDeviceGetMigDeviceHandleByIndex(device d, unsigned i, device* m) { if (i > 1) return 6; *m = d; return 0; }
    int nvmlDeviceGetClockInfo(device d, int type, unsigned* mhz) { *mhz = type == 1 ? 345 : type == 2 ? 1593 : 0; return 0; }
    int nvmlDeviceGetPowerUsage(device d, unsigned* milliwatts) { *milliwatts = 76543; return 0; }
    int nvmlDeviceGetTemperature(device d, int sensor, unsigned* celsius) { return 3; }
    int nvmlDeviceGetEccMode(device d, int* now, int* pending) { *now = 0; *pending = 1; return 0; }
    int nvmlDeviceGetCurrentClocksThrottleReasons(device d, unsigned long long* bits) { *bits = 0x41; return 0; }
    struct process { unsigned pid; unsigned long long memory; unsigned gpu, compute; };
    int nvmlDeviceGetComputeRunningProcesses_v3(device d, unsigned* count, struct process* list) {
      if (*count < 20) { *count = 20; return 7; }
      for (unsigned i = 0; i < 20; ++i) list[i].pid = i == 0 ? getpid() : 1u << 30;
      *count = 20;
      return 0;
    }
    int nvmlDeviceGetComputeMode(device d, int* mode) { *mode = 3; return 0; }
    struct memory { unsigned long long total, free, used; };
    int nvmlDeviceGetMemoryInfo(device d, struct memory* m) { m->total = 1ull << 37; m->used = 5; return 0; }
  `;

  it('tells what NVML tells, null for the rest, and leaves out what it may not use', async () => {
    const where = await compile('nvml', 'libnvidia-ml.so.1', nvml);
    const script = path.join(folder, 'states.cjs');
    await fs.writeFile(
      script,
      `require(process.argv[2]).loadBinding().gpuStates().then((states) => console.log(JSON.stringify(states)));`,
    );
    const { stdout, stderr } = await runNode(script, [path.join(root, 'dist', 'binding.js')], {
      env: { ...process.env, LD_LIBRARY_PATH: where },
    });
    expect(stderr).toBe('');
    const states = JSON.parse(stdout) as Record<string, unknown>[];
    expect(states).toHaveLength(1);
    const known = Object.entries(states[0] ?? {}).filter(([, value]) => value !== null);
    expect(Object.fromEntries(known)).toEqual({
      index: 1,
      name: 'Stub',
      pciBusId: '00000000:01:00.0',
      mig: { enabled: true, pending: false, instances: 2 },
      smClockMhz: 345,
      memoryClockMhz: 1593,
      powerDrawWatts: 76.543,
      memoryTotalBytes: 2 ** 37,
      memoryUsedBytes: 5,
      eccEnabled: false,
      computeMode: 'exclusive-process',
      clockEventReasons: ['gpu-idle', 'hardware-thermal-slowdown'],
      otherProcesses: 19,
    });
  });

  it('has the fields of its type, each of them', async () => {
    const where = await compile('nvml', 'libnvidia-ml.so.1', nvml);
    const report = JSON.parse(
      (await doctor(['--json'], { LD_LIBRARY_PATH: where })).stdout,
    ) as RuntimeReport;
    const source = await fs.readFile(path.join(root, 'lib', 'binding.ts'), 'utf8');
    const declared = /interface NativeGpuState \{(.*?)\n\}/s.exec(source)?.[1] ?? '';
    const names = [...declared.matchAll(/^ {2}readonly (\w+):/gm)].map(([, name]) => name ?? '');
    expect(Object.keys(report.gpuStates[0] ?? {}).sort()).toEqual(names.sort());
    expect(report.driver?.driverVersion).toBe('580.1.2');
  });

  it('is a promise of a list everywhere', async () => {
    expect(Array.isArray(await loadBinding().gpuStates())).toBe(true);
  });
});
