import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Aborted, exitCodeOf } from '../../lib/cli/exit-codes';
import { withAbortOnSignals } from '../../lib/cli/abort-on-signals';
import { loadEveryCommand } from '../../lib/cli/commands';
import { runCommandLine } from '../../lib/cli/program';
import { tolerateBrokenPipe } from '../../lib/cli/broken-pipe';
import { flagOf, flagOfVerify, formatError } from '../../lib/cli/report-error';
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

  it.each([
    ['of another command', ['bench', 'a.engine', '--onnx=m.onnx'], /trt-node build --onnx/],
    ['of no command', ['--saveEngine=m.plan'], /trt-node build --output/],
    ['that is not there', ['profile', 'a.engine', '--sleepTime=5'], /leave it out/],
  ])("says where trtexec's flag went: %s", async (_, args, where) => {
    expect(await run(...args)).toBe(2);
    expect(stderr).toMatch(where);
    expect(await run('bench', 'a.engine', '--nothing-of-theirs')).toBe(2);
    expect(stderr.match(/help trtexec/g)).toHaveLength(1);
  });

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
    ['a tolerance without cases', ['build', 'm.onnx', '--atol', '1e-3']],
    ['a fallback from no DLA', ['build', 'm.onnx', '--gpu-fallback']],
    ['a key that is not there', ['build', 'm.onnx', '--sign-key', '/nowhere/at/all']],
    ['a folder that is the model', ['build', '--cache', 'm.onnx']],
    ['a mode that is the model', ['build', '--refit', 'm.onnx']],
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

  it('knows flags that exist alone', async () => {
    const flags = (await loadEveryCommand()).flatMap(({ options }) =>
      options.map(({ long }) => long),
    );
    for (const flag of Object.values({ ...flagOf, ...flagOfVerify })) expect(flags).toContain(flag);
  });

  it('says how to give a profile', () => {
    const text = formatError(new TrtError('ERR_TRT_PROFILE_MISSING', 'no profile'), plain);
    expect(text).toMatch(/--profile .*--minShapes/);
  });

  it('says how to give scales', () => {
    const text = formatError(new TrtError('ERR_TRT_CALIBRATION_REQUIRED', 'no scales'), plain);
    expect(text).toMatch(/--calibration .*--calibration-cache/);
  });

  it('says how to give the values of a shape tensor', () => {
    const message = 'no values: profiles: [{ end: { values: { min: […], opt: […], max: […] } } }]';
    const details = { inputs: ['end', 'step'] };
    const error = new TrtError('ERR_TRT_PROFILE_MISSING', message, { details });
    expect(formatError(error, plain)).toContain("--profile 'end=1/8/64,step=1/8/64'");
  });

  it('lets neither names in a message nor TensorRT speak to the terminal', () => {
    const log = [{ severity: 'error', message: 'layer \x1b[2J' } as const];
    const error = new TrtError('ERR_TRT_ONNX_PARSE', 'node "\x1b]0;x\x07"\n\tsecond line', { log });
    const text = formatError(error, plain);
    expect(text).not.toMatch(/[^\P{C}\n\t]/u);
    expect(text).toContain('\n\tsecond line');
    expect(text).toContain('layer \\u001b[2J');
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
