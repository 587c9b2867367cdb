import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../lib/canonical-json';

describe('canonicalJson', () => {
  it.each([
    [
      'keys, sorted by UTF-16 code units',
      { '\u{1F600}': 1, '\uFB33': 2, a: 3, A: 4, '': 5 },
      '{"":5,"A":4,"a":3,"\u{1F600}":1,"\uFB33":2}',
    ],
    // RFC 8785, 3.2.2.3 and its appendix B
    [
      'numbers',
      [333333333.3333333, 1e30, 4.5, 2e-3, 1e-27, -0],
      '[333333333.3333333,1e+30,4.5,0.002,1e-27,0]',
    ],
    ['strings', '\u20ac$\u000f\nA\'B"\\\\"/', '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'],
    ['literals', [null, true, false, {}, []], '[null,true,false,{},[]]'],
    ['a name that is no prototype', JSON.parse('{"__proto__":{"b":1}}'), '{"__proto__":{"b":1}}'],
  ])('writes %s', (_, value, text) => {
    expect(canonicalJson(value)).toBe(text);
  });

  it.each([[NaN], [Infinity], ['\ud800'], [{ '\udc00': 1 }], [undefined], [1n], [() => 0]])(
    'refuses %s',
    (value) => {
      expect(() => canonicalJson(value)).toThrow(TypeError);
    },
  );

  it.each([[[undefined]], [Array(1)]])('refuses an array with nothing at a place', (value) => {
    expect(() => canonicalJson(value)).toThrow(TypeError);
  });

  it('leaves out members that are undefined, as JSON does', () => {
    expect(canonicalJson({ b: [1, { d: -0, c: null }], a: 'x', e: undefined })).toBe(
      '{"a":"x","b":[1,{"c":null,"d":0}]}',
    );
  });
});
