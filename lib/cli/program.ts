import { Command, CommanderError } from 'commander';
import { packageVersion } from '../package-version';
import { commands } from './commands';
import { exitCodeOf, exitCodes, exitCodesHelp } from './exit-codes';
import { helpTopics, helpTopicsList } from './help-topics';
import { formatError } from './report-error';

/** The program with the command in `asked` loaded; of the others it knows name and summary. */
export async function createProgram(asked: readonly string[] = []): Promise<Command> {
  const program = new Command('trt-node')
    .description('NVIDIA TensorRT for Node.js: from an ONNX model to an engine that is measured.')
    .version(packageVersion())
    .addHelpText('after', `${helpTopicsList()}\n${exitCodesHelp}`)
    .showHelpAfterError('Run it with --help for its options.')
    .exitOverride();
  for (const { name, summary, load } of commands) {
    const command = asked.includes(name) ? await load() : new Command(name).description(summary);
    // addCommand hands nothing down by itself: without this, commander would exit with its own codes.
    program.addCommand(command.copyInheritedSettings(program));
    for (const each of command.commands) each.copyInheritedSettings(command);
  }
  return program;
}

/** Runs one command line (`argv` as in process.argv) and leaves the exit code in process.exitCode. */
export async function runCommandLine(argv: readonly string[]): Promise<void> {
  try {
    // `trt-node help build` asks for a command that is not the first word.
    const words = argv.slice(2).filter((word) => !word.startsWith('-'));
    if (words[0] === 'help' && (await printTopic(words[1]))) return;
    const program = await createProgram(words.slice(0, words[0] === 'help' ? 2 : 1));
    await program.parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has printed it. Help and version are what was asked for; help for want of a command is not.
      const wanted = error.exitCode === 0;
      process.exitCode = wanted ? exitCodes.ok : exitCodes.usage;
      if (error.code === 'commander.unknownOption') await explainTrtexecFlag(error.message);
      return;
    }
    process.stderr.write(`${formatError(error)}\n`);
    process.exitCode = exitCodeOf(error);
  }
}

/** Says where a flag of trtexec went that the command does not take. */
async function explainTrtexecFlag(message: string): Promise<void> {
  const flag = /'(--[^'=]+)/.exec(message)?.[1];
  const { trtexecHint } = await import('./trtexec-hint.js');
  const hint = flag === undefined ? null : trtexecHint(flag);
  if (hint !== null) process.stderr.write(`${hint}\n`);
}

/** `trt-node help <topic>`; false: there is no such topic, so that it is a command's help. */
async function printTopic(name: string | undefined): Promise<boolean> {
  const topic = helpTopics.find((each) => each.name === name);
  if (topic === undefined) return false;
  process.stdout.write(`${await topic.load()}\n`);
  process.exitCode = exitCodes.ok;
  return true;
}
