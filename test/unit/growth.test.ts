import { describe, expect, it } from 'vitest';
import { judgeGrowth, slopeOf, type Sample } from '../../scripts/soak/growth.mjs';

const samplesOf = (values: readonly number[]): Sample[] =>
  values.map((value, i) => ({ seconds: i * 10, value }));

describe('slopeOf', () => {
  it('is the slope of a line', () => {
    expect(slopeOf(samplesOf([5, 7, 9, 11]))).toBeCloseTo(0.2, 12);
  });

  it('is moved neither by a spike nor by a step at the end', () => {
    expect(slopeOf(samplesOf([5, 5, 5, 900, 5, 5, 5, 5]))).toBe(0);
    expect(slopeOf(samplesOf([5, 5, 5, 5, 5, 5, 5, 9]))).toBe(0);
  });
});

describe('judgeGrowth', () => {
  it('leaves out the first third, in which what is kept is taken', () => {
    const judged = judgeGrowth(samplesOf([10, 200, 300, 300, 300, 300, 300, 300, 300]), 1);
    expect(judged).toMatchObject({ first: 300, last: 300, growth: 0, flat: true });
  });

  it('finds a slow leak under noise that is larger than its steps', () => {
    // 0.1 more each time, and noise of up to 2 that comes back every five.
    const noise = [0, 2, 1, 0.5, 1.5];
    const leak = Array.from({ length: 300 }, (_, i) => 100 + i * 0.1 + (noise[i % 5] ?? 0));
    const { growth, perHour, flat } = judgeGrowth(samplesOf(leak), 5);
    // 199 steps of 0.1 are judged; 0.1 in ten seconds are 36 an hour.
    expect(growth).toBeCloseTo(19.9, 0);
    expect(perHour).toBeCloseTo(36, 0);
    expect(flat).toBe(false);
  });

  it('takes less for no growth', () => {
    expect(judgeGrowth(samplesOf([9, 9, 8, 8, 7, 7]), 0.5).flat).toBe(true);
  });

  it('refuses to judge a handful', () => {
    expect(() => judgeGrowth(samplesOf([1, 1, 1, 1]), 1)).toThrow('expected at least 6 samples');
  });
});
