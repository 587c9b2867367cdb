import { describe, expect, it } from 'vitest';
import { probeRuntimes, type ProbeOptions } from '../../lib/probe';

describe('probeRuntimes refuses', () => {
  it.each([
    ['an option that it does not know', { timeout: 5 }, 'options'],
    ['text', '/usr/lib', 'options'],
    ['null', null, 'options'],
    ['a library that is no path', { library: 5 }, 'options.library'],
    ['an empty library', { library: '' }, 'options.library'],
    ['no time', { timeoutMs: 0 }, 'options.timeoutMs'],
    ['a time as text', { timeoutMs: '5' }, 'options.timeoutMs'],
    ['no number', { timeoutMs: NaN }, 'options.timeoutMs'],
    ['a time that no timer has', { timeoutMs: 2 ** 31 }, 'options.timeoutMs'],
  ])('%s', async (_, options, argument) => {
    await expect(probeRuntimes(options as ProbeOptions)).rejects.toMatchObject({
      code: 'ERR_TRT_INVALID_ARG',
      details: { argument },
    });
  });
});
