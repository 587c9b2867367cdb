import { describe, expect, it } from 'vitest';
import { chooseForLoad } from '../../lib/discovery';
import { discovery, unusable, usable } from './fake-discovery';

const trt106 = usable('tensorrt', '10.6.0');
const trt1015 = usable('tensorrt', '10.15.1');
const rtx = usable('tensorrt-rtx', '1.7.1');

function refused(code: string): unknown {
  return expect.objectContaining({ name: 'TrtError', code }) as unknown;
}

describe('chooseForLoad', () => {
  it('takes the release of the plan, whatever the order and the build number', () => {
    const found = discovery([trt1015, rtx, trt106]);
    expect(chooseForLoad({ found, flavour: 'tensorrt', version: '10.6.0.26' })).toBe(trt106);
    expect(chooseForLoad({ found, flavour: 'tensorrt', version: '10.15.1' })).toBe(trt1015);
    expect(chooseForLoad({ found, flavour: 'tensorrt-rtx', version: '1.7.1.116' })).toBe(rtx);
  });

  it('needs no builder', () => {
    const runtimeOnly = usable('tensorrt', '10.6.0', { hasBuilder: false });
    const found = discovery([runtimeOnly]);
    expect(chooseForLoad({ found, flavour: 'tensorrt', version: '10.6.0' })).toBe(runtimeOnly);
  });

  it('#4 names both versions when none is the right one', () => {
    const load = (): unknown =>
      chooseForLoad({ found: discovery([trt1015]), flavour: 'tensorrt', version: '10.6.0.26' });
    expect(load).toThrow(refused('ERR_TRT_ENGINE_VERSION'));
    expect(load).toThrow(/10\.6\.0[^]*10\.15\.1/);
  });

  it('takes a later release of the major for a version-compatible plan, its own before that', () => {
    const choice = { flavour: 'tensorrt', version: '10.6.0.26', versionCompatible: true } as const;
    const [older, newer, next] = ['10.5.0', '10.15.1', '11.0.0'].map((version) =>
      usable('tensorrt', version),
    ) as [typeof trt106, typeof trt106, typeof trt106];
    expect(chooseForLoad({ ...choice, found: discovery([newer, trt106]) })).toBe(trt106);
    expect(chooseForLoad({ ...choice, found: discovery([older, next, newer]) })).toBe(newer);
    expect(() => chooseForLoad({ ...choice, found: discovery([older, next]) })).toThrow(
      refused('ERR_TRT_ENGINE_VERSION'),
    );
  });

  it('compares the patch number too', () => {
    const found = discovery([rtx]);
    expect(() => chooseForLoad({ found, flavour: 'tensorrt-rtx', version: '1.7.0.1' })).toThrow(
      refused('ERR_TRT_ENGINE_VERSION'),
    );
  });

  it('reports a library of the other flavour that was asked for', () => {
    const found = discovery([rtx], { requested: '/lib/rtx.so' });
    expect(() => chooseForLoad({ found, flavour: 'tensorrt', version: '10.6.0' })).toThrow(
      refused('ERR_TRT_ENGINE_FLAVOUR'),
    );
  });

  it('reports what is not there when nobody asked for the other flavour', () => {
    const load = (): unknown =>
      chooseForLoad({ found: discovery([rtx]), flavour: 'tensorrt', version: '10.6.0' });
    expect(load).toThrow(refused('ERR_TRT_LIBRARY_NOT_FOUND'));
  });

  it('reports the problem of the only library of the flavour', () => {
    const broken = unusable('tensorrt', '10.6.0', 'ERR_TRT_LIBRARY_LOAD');
    const found = discovery([broken, rtx]);
    expect(() => chooseForLoad({ found, flavour: 'tensorrt', version: '10.6.0' })).toThrow(
      refused('ERR_TRT_LIBRARY_LOAD'),
    );
  });
});
