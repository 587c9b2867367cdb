import { CommanderError, type Command } from 'commander';
import { createProgram } from '../../../lib/cli/program';
import { blocksIn, readPage, userPages } from './pages';
import { simpleCommands } from './shell-words';

/** A command line of trt-node that a page shows. */
export interface ShownCommand {
  readonly place: string;
  readonly words: readonly string[];
}

/** What stands before the program's name: a prompt, Dockerfile's RUN, YAML's keys, npx, variables. */
const before = /^(\$|RUN|ENTRYPOINT|CMD|run:|-|exec|time|sudo|npx|pnpm|--no-install|\w+=.*)$/;

export function trtNodeWords(command: readonly string[]): readonly string[] | null {
  const start = command.findIndex((word) => !before.test(word));
  return command[start] === 'trt-node' ? command.slice(start + 1) : null;
}

/** Every command line in the blocks that a shell, an image or a workflow would run. */
export function shownCommands(): ShownCommand[] {
  return blocksIn('sh', 'console', 'dockerfile', 'yaml').flatMap((block) => {
    const code = block.language === 'console' ? promptLines(block.code) : block.code;
    const relevant = block.language === 'sh' ? code : linesWith('trt-node ', code);
    return simpleCommands(relevant).flatMap((command) => {
      const words = trtNodeWords(command);
      return words === null ? [] : [{ place: `${block.page}:${block.line}`, words }];
    });
  });
}

/** `trt-node …` in a sentence or a table: an excerpt, which need not be whole. */
export function mentionedCommands(): ShownCommand[] {
  return userPages.flatMap((page) => {
    const text = readPage(page).replace(/^( *)```[\s\S]*?^\1```$/gm, '');
    const spans = [...text.matchAll(/`((?:npx )?trt-node [^`]+)`/g)];
    return spans.map(([, span = '']) => {
      const words = span.replaceAll('\\|', '|').split(/\s+/);
      return { place: `${page}: ${span}`, words: words.slice(words.indexOf('trt-node') + 1) };
    });
  });
}

function promptLines(code: string): string {
  const lines = code.replaceAll('\\\n', ' ').split('\n');
  return lines.flatMap((line) => (line.startsWith('$ ') ? [line.slice(2)] : [])).join('\n');
}

function linesWith(text: string, code: string): string {
  const lines = code.replaceAll('\\\n', ' ').split('\n');
  return lines.filter((line) => line.includes(text)).join('\n');
}

/** Parses a command line with the definitions of trt-node's own commands, and runs nothing. The complaint, null when there is none. */
export async function complaintAbout(words: readonly string[]): Promise<string | null> {
  const names = words.filter((word) => !word.startsWith('-'));
  const program = await createProgram(names.slice(0, names[0] === 'help' ? 2 : 1));
  const said: string[] = [];
  const silence = (command: Command): void => {
    command.configureOutput({ writeOut: () => undefined, writeErr: (text) => said.push(text) });
    command.exitOverride();
    // A command of subcommands alone has no action of its own.
    const isGroup = command.commands.length > 0 && command.registeredArguments.length === 0;
    if (!isGroup) command.action(() => undefined);
    command.commands.forEach(silence);
  };
  silence(program);
  try {
    await program.parseAsync(['node', 'trt-node', ...words]);
    return null;
  } catch (error) {
    // --help and --version are what was asked for.
    if (error instanceof CommanderError && error.exitCode === 0) return null;
    return said.join('') || (error instanceof Error ? error.message : String(error));
  }
}
