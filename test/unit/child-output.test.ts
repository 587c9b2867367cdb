import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { ChildOutput } from '../../lib/child-output';

describe('ChildOutput', () => {
  it('gives the last lines that are not empty, whole across chunks', () => {
    const stream = new PassThrough();
    const output = new ChildOutput(stream);
    stream.write('first\nsec');
    stream.write('ond\n\n  \nthird');
    expect(output.lastLines(2)).toEqual(['second', 'third']);
    expect(output.lastLines(9)).toEqual(['first', 'second', 'third']);
  });

  it('keeps the end of much output and not the whole of it', () => {
    const stream = new PassThrough();
    const output = new ChildOutput(stream);
    const line = `${'x'.repeat(1023)}\n`;
    for (let i = 0; i < 1024; i += 1) stream.write(line);
    stream.write(`${'y'.repeat(300 * 1024)}\nlast`);
    const lines = output.lastLines(Infinity);
    expect(lines.at(-1)).toBe('last');
    // Two windows of 64 KiB at most.
    expect(lines.join('\n').length).toBeLessThanOrEqual(128 * 1024);
  });

  it('is empty for a child without that stream', () => {
    expect(new ChildOutput(null).lastLines(5)).toEqual([]);
  });
});
