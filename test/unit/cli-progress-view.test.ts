import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createProgressView } from '../../lib/cli/progress-view';

describe('createProgressView', () => {
  const event = {
    parent: null,
    step: 0,
    steps: 2,
    elapsedMs: 1200,
    fraction: null,
    remainingMs: null,
  };
  const start = (phase: string) => ({ ...event, kind: 'phase-start', phase }) as const;
  const warning = {
    ...event,
    kind: 'log',
    phase: '',
    log: { severity: 'warning', message: 'slow' },
  } as const;

  function sink(): { stream: Writable; text: () => string } {
    const chunks: string[] = [];
    const stream = new Writable({
      write(chunk, _encoding, done) {
        chunks.push(String(chunk));
        done();
      },
    });
    return { stream, text: () => chunks.join('') };
  }

  it('writes a line for each phase, once, from two seconds on', () => {
    const { stream, text } = sink();
    const view = createProgressView('lines', stream);
    for (const phase of ['Parsing', 'Building']) view.update(start(phase));
    expect(text()).toBe('');
    view.update({ ...start('Parsing'), kind: 'phase-end', elapsedMs: 2000 });
    view.update({ ...start('Building'), kind: 'step', step: 1, elapsedMs: 2000 });
    for (const phase of ['Tactics', 'Tactics']) view.update({ ...start(phase), elapsedMs: 3400 });
    view.end();
    expect(text()).toBe('    2.0 s       Building\n    3.4 s       Tactics\n');
  });

  it('tells how far a build is, and reminds of a long one', () => {
    const { stream, text } = sink();
    const view = createProgressView('lines', stream);
    const step = { ...start('Timing'), kind: 'step' } as const;
    for (const second of [5, 20, 34, 35, 36]) {
      const remainingMs = second < 35 ? null : (160 - second) * 1000;
      view.update({ ...step, elapsedMs: second * 1000, fraction: second / 160, remainingMs });
    }
    view.end();
    expect(text()).toBe('    5.0 s   3%  Timing\n   35.0 s  21%  Timing (about 2 min 5 s left)\n');
  });

  it('draws a bar of the outermost phase, labelled with the innermost', () => {
    const { stream, text } = sink();
    // cli-progress draws on terminals alone.
    const terminal = Object.assign(stream, {
      isTTY: true,
      columns: 120,
      cursorTo: () => true,
      clearLine: () => true,
    });
    const view = createProgressView('bar', terminal);
    view.update({ ...start('Building'), fraction: 0 });
    view.update({
      ...start('Timing'),
      parent: 'Building',
      fraction: 0.5,
      elapsedMs: 90_000,
      remainingMs: 61_000,
    });
    view.end();
    expect(text()).toContain('50%  1 min 30 s  about 1 min 1 s left: Timing');
  });

  it('writes the whole log where it is asked for', () => {
    const { stream, text } = sink();
    const view = createProgressView('log', stream);
    const info = { ...warning, log: { severity: 'info', message: 'chatter \x1b[2J' } } as const;
    for (const each of [info, warning, { ...start('Timing'), elapsedMs: 2000 }]) view.update(each);
    view.end();
    expect(text()).toBe('[info] chatter \\u001b[2J\n[warning] slow\n    2.0 s       Timing\n');
    expect(view.warnings).toEqual(['slow']);
  });

  it('keeps warnings, each once, and writes nothing when told so', () => {
    const { stream, text } = sink();
    const view = createProgressView('none', stream);
    view.update(start('Building'));
    view.update(warning);
    view.update(warning);
    view.end();
    expect(view.warnings).toEqual(['slow']);
    expect(text()).toBe('');
  });
});
