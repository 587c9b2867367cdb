import { describe, expect, it } from 'vitest';
import { BuiltEngine } from '../../lib/built-engine';
import { Engine } from '../../lib/engine';
import { describeValue, invalidArgument } from '../../lib/errors';

describe('describeValue (#32)', () => {
  const circular: unknown[] = [];
  circular.push(circular);
  const throwing = new Proxy(
    {},
    {
      getPrototypeOf() {
        throw new Error('trap');
      },
    },
  );
  const nameless = Object.defineProperty(() => 0, 'name', {
    get() {
      throw new Error('getter');
    },
  });

  it.each([
    ['an array that holds itself', circular, '[[[[…]]]]'],
    ['a proxy that throws', throwing, 'an object'],
    ['a function whose name throws', nameless, 'an object'],
    [
      'a function without a name',
      (
        () => () =>
          0
      )(),
      'function (anonymous)',
    ],
    ['an object without a prototype', Object.create(null), 'an object'],
    ['minus zero', -0, '-0'],
    ['a big integer', 2n ** 70n, '1180591620717411303424n'],
    ['a long string', 'x'.repeat(100), `"${'x'.repeat(77)}..."`],
    ['a symbol', Symbol('s'), 'Symbol(s)'],
    ['a typed array', new Float64Array(3), 'an instance of Float64Array'],
  ])('%s', (_, value, text) => {
    expect(describeValue(value)).toBe(text);
  });

  it('is what wrong arguments are told with', () => {
    expect(invalidArgument('x', 'a number', circular)).toMatchObject({
      code: 'ERR_TRT_INVALID_ARG',
      details: { argument: 'x' },
    });
  });
});

describe('classes that only this package makes', () => {
  it.each([
    ['Engine', Engine],
    ['BuiltEngine', BuiltEngine],
  ])('new %s() says who makes one', (_, type) => {
    const construct = type as unknown as new () => unknown;
    expect(() => new construct()).toThrow(
      expect.objectContaining({ code: 'ERR_TRT_INVALID_ARG' }) as Error,
    );
  });
});
