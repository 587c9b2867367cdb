import { describe, expect, it } from 'vitest';
import { chooseForBuild, type BuildChoice } from '../../lib/discovery';
import { discovery, driverWith, gpu, noDriver, unusable, usable } from './fake-discovery';

const trt10 = usable('tensorrt', '10.6.0');
const trt11 = usable('tensorrt', '11.4.0');
const rtx = usable('tensorrt-rtx', '1.7.1');

function choose(changes: Partial<BuildChoice>): unknown {
  return chooseForBuild({
    found: discovery([]),
    runtime: 'auto',
    computeCapabilities: [],
    driver: noDriver,
    ...changes,
  });
}

function refused(code: string): unknown {
  return expect.objectContaining({ name: 'TrtError', code }) as unknown;
}

describe('chooseForBuild', () => {
  describe("runtime 'auto'", () => {
    it('prefers TensorRT where a GPU is', () => {
      const found = discovery([rtx, trt10]);
      expect(choose({ found, driver: driverWith(gpu('8.9')) })).toBe(trt10);
    });

    it('keeps the order of discovery among equals', () => {
      const driver = driverWith(gpu('8.9'));
      expect(choose({ found: discovery([trt11, trt10]), driver })).toBe(trt11);
      expect(choose({ found: discovery([trt10, trt11]), driver })).toBe(trt10);
    });

    it('passes over what is unusable or cannot build', () => {
      const old = unusable('tensorrt', '8.6.1', 'ERR_TRT_LIBRARY_UNSUPPORTED');
      const withoutParser = usable('tensorrt', '10.15.1', { hasBuilder: false });
      const found = discovery([old, withoutParser, trt10]);
      expect(choose({ found, driver: driverWith(gpu('9.0')) })).toBe(trt10);
    });

    it('takes RTX on a GPU that it supports when there is no TensorRT', () => {
      expect(choose({ found: discovery([rtx]), driver: driverWith(gpu('8.9')) })).toBe(rtx);
    });

    it('refuses RTX for a GPU that it does not support', () => {
      expect(() => choose({ found: discovery([rtx]), driver: driverWith(gpu('9.0')) })).toThrow(
        refused('ERR_TRT_GPU_UNSUPPORTED'),
      );
    });

    it('takes RTX when targets are named, GPU or not', () => {
      const computeCapabilities = ['8.6'];
      const found = discovery([trt10, rtx]);
      expect(choose({ found, computeCapabilities })).toBe(rtx);
      expect(choose({ found, computeCapabilities, driver: driverWith(gpu('9.0')) })).toBe(rtx);
    });

    it('wants a target named on a machine without a GPU', () => {
      const expected = refused('ERR_TRT_TARGET_REQUIRED');
      expect(() => choose({ found: discovery([trt10, rtx]) })).toThrow(expected);
      expect(() => choose({ found: discovery([rtx]), driver: driverWith() })).toThrow(expected);
    });

    it('says what TensorRT lacks when it is the only one', () => {
      const found = discovery([trt10]);
      expect(() => choose({ found })).toThrow(refused('ERR_TRT_NO_DRIVER'));
      expect(() => choose({ found, driver: driverWith() })).toThrow(refused('ERR_TRT_NO_GPU'));
    });

    it('looks for RTX alone when targets are named', () => {
      expect(() => choose({ found: discovery([trt10]), computeCapabilities: ['8.6'] })).toThrow(
        refused('ERR_TRT_LIBRARY_NOT_FOUND'),
      );
    });
  });

  describe("runtime 'tensorrt'", () => {
    const runtime = 'tensorrt';

    it('needs a driver and the GPU asked for', () => {
      const found = discovery([trt10]);
      expect(() => choose({ found, runtime })).toThrow(refused('ERR_TRT_NO_DRIVER'));
      const driver = driverWith(gpu('8.9'));
      expect(choose({ found, runtime, driver })).toBe(trt10);
      expect(() => choose({ found, runtime, driver, device: 1 })).toThrow(
        refused('ERR_TRT_NO_GPU'),
      );
    });

    it('never takes RTX', () => {
      const driver = driverWith(gpu('8.9'));
      expect(() => choose({ found: discovery([rtx]), runtime, driver })).toThrow(
        refused('ERR_TRT_LIBRARY_NOT_FOUND'),
      );
    });

    it('cannot honour targets', () => {
      const computeCapabilities = ['8.9'];
      const driver = driverWith(gpu('8.9'));
      expect(() =>
        choose({ found: discovery([trt10]), runtime, computeCapabilities, driver }),
      ).toThrow(refused('ERR_TRT_UNSUPPORTED'));
    });
  });

  describe("runtime 'tensorrt-rtx'", () => {
    const runtime = 'tensorrt-rtx';

    it('needs a GPU or a target', () => {
      const found = discovery([rtx]);
      expect(() => choose({ found, runtime })).toThrow(refused('ERR_TRT_TARGET_REQUIRED'));
      expect(choose({ found, runtime, computeCapabilities: ['12.0'] })).toBe(rtx);
      expect(choose({ found, runtime, driver: driverWith(gpu('8.6')) })).toBe(rtx);
    });

    it('refuses a GPU that it does not support, unless targets are named', () => {
      const found = discovery([rtx]);
      const driver = driverWith(gpu('9.0'));
      expect(() => choose({ found, runtime, driver })).toThrow(refused('ERR_TRT_GPU_UNSUPPORTED'));
      expect(choose({ found, runtime, driver, computeCapabilities: ['8.6'] })).toBe(rtx);
    });
  });

  it('takes the first release that runs on the GPU', () => {
    const old = usable('tensorrt', '10.6.0');
    const newer = usable('tensorrt', '10.8.0');
    const found = discovery([old, newer]);
    const b200 = driverWith(gpu('10.0'));
    expect(choose({ found, driver: b200 })).toBe(newer);
    expect(choose({ found, driver: b200, runtime: 'tensorrt' })).toBe(newer);
    expect(choose({ found, driver: driverWith(gpu('9.0')) })).toBe(old);
    expect(() => choose({ found: discovery([old]), driver: b200 })).toThrow(
      refused('ERR_TRT_GPU_UNSUPPORTED'),
    );
    // RTX runs on 12.0 where TensorRT 10.6 does not.
    const rtx50 = driverWith(gpu('12.0'));
    expect(choose({ found: discovery([old, rtx]), driver: rtx50 })).toBe(rtx);
  });

  it('lists every place looked at, and the next step, when nothing was found', () => {
    const expected = refused('ERR_TRT_LIBRARY_NOT_FOUND');
    expect(() => choose({})).toThrow(expected);
    expect(() => choose({})).toThrow(/\/opt\/nowhere[^]*npx trt-node setup/);
  });

  it('names the versions that work when the only TensorRT is too old', () => {
    const old = unusable('tensorrt', '8.6.1', 'ERR_TRT_LIBRARY_UNSUPPORTED');
    expect(() => choose({ found: discovery([old]) })).toThrow(
      refused('ERR_TRT_LIBRARY_UNSUPPORTED'),
    );
    expect(() => choose({ found: discovery([old]) })).toThrow(/8\.6\.1[^]*10\.x[^]*11\.x/);
  });

  it('tells a too old TensorRT before a lean runtime and a failed load', () => {
    const lean = unusable('tensorrt', '10.6.0', 'ERR_TRT_LIBRARY_UNSUPPORTED', { kind: 'lean' });
    const broken = unusable('tensorrt', null, 'ERR_TRT_LIBRARY_LOAD');
    const old = unusable('tensorrt', '8.6.1', 'ERR_TRT_LIBRARY_UNSUPPORTED');
    const found = discovery([lean, broken, old]);
    expect(() => choose({ found })).toThrow(
      expect.objectContaining({ details: expect.objectContaining({ version: '8.6.1' }) }),
    );
    expect(() => choose({ found: discovery([lean, broken]) })).toThrow(
      refused('ERR_TRT_LIBRARY_LOAD'),
    );
  });

  it('says that the builder is missing', () => {
    const files = { core: '/lib/libnvinfer.so.10', parser: null };
    const found = discovery([usable('tensorrt', '10.6.0', { hasBuilder: false, files })]);
    const expected = refused('ERR_TRT_BUILDER_MISSING');
    const driver = driverWith(gpu('8.9'));
    expect(() => choose({ found, driver })).toThrow(expected);
    expect(() => choose({ found, driver, runtime: 'tensorrt' })).toThrow(expected);
    expect(() => choose({ found, driver })).toThrow(/libnvonnxparser\.so\.10/);
  });

  it.each(['auto', 'tensorrt', 'tensorrt-rtx'] as const)(
    'tells why a given file cannot be opened, runtime %s',
    (runtime) => {
      const file = unusable('tensorrt', null, 'ERR_TRT_LIBRARY_LOAD');
      const found = discovery([file], { requested: file.files.core });
      expect(() => choose({ found, runtime, computeCapabilities: ['8.6'] })).toThrow(
        refused('ERR_TRT_LIBRARY_LOAD'),
      );
      expect(() => choose({ found, runtime })).toThrow(/refused with ERR_TRT_LIBRARY_LOAD/);
    },
  );

  it('tells a place that cannot be read from one that does not exist', () => {
    const places = [
      { path: '/root/lib', source: 'LD_LIBRARY_PATH', exists: false, unreadable: 'EACCES' },
      { path: '/opt/nowhere', source: 'TENSORRT_ROOT', exists: false },
    ];
    expect(() => choose({ found: discovery([], { places }) })).toThrow(
      /\/root\/lib \(LD_LIBRARY_PATH, cannot be read: EACCES\)\n.*nowhere.*does not exist/,
    );
  });
});
