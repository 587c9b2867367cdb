import { Command, CommanderError } from 'commander';
import { packageVersion } from '../package-version';
import { buildCommand } from './build';
import { cacheCommand } from './cache';
import { doctorCommand } from './doctor';
import { exitCodeOf, exitCodes, exitCodesHelp } from './exit-codes';
import { inspectCommand } from './inspect';
import { formatError } from './report-error';
import { setupCommand } from './setup';

export function createProgram(): Command {
  const program = new Command('trt-node')
    .description(
      'NVIDIA TensorRT for Node.js: build engines from ONNX models, see what a machine can run.',
    )
    .version(packageVersion())
    .addHelpText('after', exitCodesHelp)
    .showHelpAfterError('Run it with --help for its options.')
    .exitOverride();
  for (const command of [
    buildCommand(),
    inspectCommand(),
    doctorCommand(),
    setupCommand(),
    cacheCommand(),
  ]) {
    // addCommand hands nothing down by itself: without this, commander would exit with its own codes.
    program.addCommand(command.copyInheritedSettings(program));
    for (const each of command.commands) each.copyInheritedSettings(command);
  }
  return program;
}

/** Runs one command line (`argv` as in process.argv) and leaves the exit code in process.exitCode. */
export async function runCommandLine(argv: readonly string[]): Promise<void> {
  try {
    await createProgram().parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has printed it. Help and version are what was asked for; help for want of a command is not.
      const wanted = error.exitCode === 0;
      process.exitCode = wanted ? exitCodes.ok : exitCodes.usage;
      return;
    }
    process.stderr.write(`${formatError(error)}\n`);
    process.exitCode = exitCodeOf(error);
  }
}
