import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { buildOptionsOf, type BuildFlags } from '../../lib/cli/build';
import { Aborted, exitCodeOf } from '../../lib/cli/exit-codes';
import { withAbortOnSignals } from '../../lib/cli/abort-on-signals';
import { createProgressView } from '../../lib/cli/progress-view';
import { createProgram, runCommandLine } from '../../lib/cli/program';
import { tolerateBrokenPipe } from '../../lib/cli/broken-pipe';
import { flagOf, formatError } from '../../lib/cli/report-error';
import { invalidArgument, TrtError } from '../../lib/errors';

const digits = 'models/digits/digits.onnx';

describe('runCommandLine', () => {
  let stdout: string;
  let stderr: string;
  let exitCodeBefore: typeof process.exitCode;

  beforeEach(() => {
    stdout = '';
    stderr = '';
    exitCodeBefore = process.exitCode;
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      stdout += String(text);
      return true;
    });
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      stderr += String(text);
      return true;
    });
  });
  afterEach(() => {
    vi.restoreAllMocks();
    process.exitCode = exitCodeBefore;
  });

  async function run(...args: string[]): Promise<typeof process.exitCode> {
    await runCommandLine(['node', 'trt-node', ...args]);
    return process.exitCode;
  }

  it('answers --version and --help, with the exit codes in it', async () => {
    expect(await run('--version')).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(await run('--help')).toBe(0);
    for (const name of ['build', 'doctor', 'setup', 'Exit codes:', '130']) {
      expect(stdout).toContain(name);
    }
  });

  it.each([
    ['no command', []],
    ['an unknown command', ['bild']],
    ['an unknown option', ['build', 'm.onnx', '--fast']],
    ['a missing argument', ['build']],
    ['a value that is not a choice', ['build', 'm.onnx', '--precision', 'fp4']],
    ['shapes that are none', ['build', 'm.onnx', '--profile', 'x']],
    ['one of three shape options', ['build', 'm.onnx', '--minShapes', 'x:1']],
    ['the model as output', ['build', digits, '-o', digits]],
    ['an unknown job', ['doctor', '--for', 'train']],
  ])('exits with 2 for %s', async (_name, args) => {
    expect(await run(...args)).toBe(2);
    expect(stderr).not.toBe('');
    expect(stdout).toBe('');
  });

  it('prints an error with its code', async () => {
    expect(await run('doctor', '--library', '/nowhere/at/all')).toBe(5);
    expect(stderr).toContain('[ERR_TRT_LIBRARY_NOT_FOUND]');
  });
});

describe('trt-node build', () => {
  function parse(...args: string[]): unknown {
    const build = createProgram().commands.find((command) => command.name() === 'build');
    if (!build) throw new Error('no build command');
    let options: unknown;
    build.action((model: string, flags: BuildFlags) => {
      options = buildOptionsOf(model, flags);
    });
    build.parse(['node', 'build', ...args]);
    return JSON.parse(JSON.stringify(options));
  }

  it('leaves everything but the output to buildEngine', () => {
    expect(parse('models/net.onnx')).toEqual({ output: 'models/net.engine' });
    expect(parse('net')).toEqual({ output: 'net.engine' });
  });

  it('understands every option', () => {
    const options = parse(
      ...['net.onnx', '-o', 'out.plan', '--runtime', 'tensorrt-rtx', '--library', '/lib/x'],
      ...['--precision', 'tf32', '--optimization-level', '4', '--device', '1'],
      ...['--minShapes', 'x:1x8', '--optShapes', 'x:8x8', '--maxShapes', 'x:64x8'],
      ...['--profile', 'x:64x8/128x8/256x8', '--profile', 'x:1x8'],
      ...['--memory-pool', 'workspace=1GiB', '--memory-pool', 'tacticDram=1MiB'],
      ...['--compute-capability', '8.6,8.9', '--compute-capability', '12.0'],
      ...['--label', 'commit=1f3a', '--label', 'by=ci'],
    );
    const fixed = { min: [1, 8], opt: [1, 8], max: [1, 8] };
    expect(options).toEqual({
      output: 'out.plan',
      runtime: 'tensorrt-rtx',
      library: '/lib/x',
      precision: 'tf32',
      optimizationLevel: 4,
      device: 1,
      profiles: [
        { x: { min: [1, 8], opt: [8, 8], max: [64, 8] } },
        { x: { min: [64, 8], opt: [128, 8], max: [256, 8] } },
        { x: fixed },
      ],
      memoryPools: { workspace: 1024 ** 3, tacticDram: 1024 ** 2 },
      computeCapabilities: ['8.6', '8.9', '12.0'],
      labels: { commit: '1f3a', by: 'ci' },
    });
  });
});

describe('exitCodeOf', () => {
  it.each([
    ['ERR_TRT_INVALID_ARG', 2],
    ['ERR_TRT_TARGET_REQUIRED', 2],
    ['ERR_TRT_ONNX_NOT_FOUND', 3],
    ['ERR_TRT_ENGINE_NOT_FOUND', 3],
    ['ERR_TRT_ONNX_PARSE', 4],
    ['ERR_TRT_BUILD_CRASHED', 4],
    ['ERR_TRT_LIBRARY_UNSUPPORTED', 5],
    ['ERR_TRT_NO_DRIVER', 5],
    ['ERR_TRT_SETUP_CHECKSUM', 1],
  ] as const)('%s → %i', (code, expected) => {
    expect(exitCodeOf(new TrtError(code, ''))).toBe(expected);
  });

  it('knows aborts and strangers', () => {
    expect(exitCodeOf(new Aborted('aborted'))).toBe(130);
    expect(exitCodeOf(new TypeError('bug'))).toBe(1);
  });
});

describe('formatError', () => {
  const plain = { red: (text: unknown) => String(text), dim: (text: unknown) => String(text) };

  it('adds what TensorRT said: the end of it, without chatter', () => {
    const log = [
      { severity: 'info', message: 'chatter' } as const,
      ...Array.from({ length: 40 }, (_, i) => ({ severity: 'error', message: `e${i}.` }) as const),
    ];
    const text = formatError(new TrtError('ERR_TRT_BUILD_FAILED', 'no', { log }), plain);
    expect(text).toContain('error [ERR_TRT_BUILD_FAILED]: no');
    expect(text).toContain('e39.');
    expect(text).not.toContain('e0.');
    expect(text).not.toContain('chatter');
  });

  it('names flags where the message names options', () => {
    const say = (error: TrtError) => formatError(error, plain);
    expect(say(invalidArgument('options.optimizationLevel', 'an integer', 9))).toContain(
      'for `--optimization-level` but received 9',
    );
    expect(say(invalidArgument('options.profiles[1].x.min', 'dims', 9))).toContain(
      '`--profile[1].x.min`',
    );
    expect(say(invalidArgument('indexUrl', 'a URL', 'x'))).toContain('for `--index-url` but');
    const hinted =
      "name `dir` (--dir), or `computeCapabilities: ['8.6']` (--compute-capability 8.6)";
    expect(say(new TrtError('ERR_TRT_WRITE', hinted))).toContain(
      'name `--dir`, or `--compute-capability 8.6`',
    );
    const ofModel = 'the input `labels` is not there';
    expect(say(new TrtError('ERR_TRT_ONNX_PARSE', ofModel))).toContain(ofModel);
  });

  it('knows flags that exist alone', () => {
    const flags = createProgram().commands.flatMap(({ options }) =>
      options.map(({ long }) => long),
    );
    for (const flag of Object.values(flagOf)) expect(flags).toContain(flag);
  });

  it('says how to give a profile', () => {
    const text = formatError(new TrtError('ERR_TRT_PROFILE_MISSING', 'no profile'), plain);
    expect(text).toMatch(/--profile .*--minShapes/);
  });

  it('says how to give the values of a shape tensor', () => {
    const message = 'no values: profiles: [{ end: { values: { min: […], opt: […], max: […] } } }]';
    const details = { inputs: ['end', 'step'] };
    const error = new TrtError('ERR_TRT_PROFILE_MISSING', message, { details });
    expect(formatError(error, plain)).toContain("--profile 'end=1/8/64,step=1/8/64'");
  });

  it('keeps the stack of a bug', () => {
    expect(formatError(new TypeError('bug'), plain)).toContain('cli-program.test');
  });
});

describe('tolerateBrokenPipe', () => {
  it('is silent about a lost reader alone', () => {
    const stream = new Writable();
    tolerateBrokenPipe(stream);
    const failure = (code: string) => Object.assign(new Error(code), { code });
    expect(() => stream.emit('error', failure('EPIPE'))).not.toThrow();
    expect(() => stream.emit('error', failure('ENOSPC'))).toThrow('ENOSPC');
  });
});

describe('withAbortOnSignals', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('turns %s into an abort', async (name) => {
    const listeners = process.listenerCount(name);
    const job = withAbortOnSignals(
      (signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('child died of it')));
          process.emit(name, name);
        }),
    );
    await expect(job).rejects.toBeInstanceOf(Aborted);
    expect(process.listenerCount(name)).toBe(listeners);
  });

  it('hands results and other errors through, and stops listening', async () => {
    const listeners = process.listenerCount('SIGINT');
    expect(await withAbortOnSignals(() => Promise.resolve(1))).toBe(1);
    const error = new Error('no');
    await expect(withAbortOnSignals(() => Promise.reject(error))).rejects.toBe(error);
    expect(process.listenerCount('SIGINT')).toBe(listeners);
  });
});

describe('createProgressView', () => {
  const event = { parent: null, step: 0, steps: 2, elapsedMs: 1200 };
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
    expect(text()).toBe('    2.0 s  Building\n    3.4 s  Tactics\n');
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
