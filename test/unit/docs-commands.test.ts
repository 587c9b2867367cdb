import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { commands, loadEveryCommand } from '../../lib/cli/commands';
import {
  complaintAbout,
  mentionedCommands,
  shownCommands,
  trtNodeWords,
} from '../support/docs/command-lines';
import { simpleCommands } from '../support/docs/shell-words';

describe('reading commands out of a shell script', () => {
  it.each<[string, string[][]]>([
    ['a b # c', [['a', 'b']]],
    ['a \'b c\' "d"e', [['a', 'b c', 'de']]],
    ['a \\\n  b', [['a', 'b']]],
    ['a && b | c; d & e', [['a'], ['b'], ['c'], ['d'], ['e']]],
    [
      'x=$(a b) c',
      [
        ['a', 'b'],
        ['x=$()', 'c'],
      ],
    ],
    ['a > b 2>&1 < c', [['a']]],
    ["a 'p99<2ms'", [['a', 'p99<2ms']]],
  ])('%j', (script, expected) => {
    expect(simpleCommands(script)).toEqual(expected);
  });

  it.each<[string, string[] | null]>([
    ['RUN npx trt-node setup', ['setup']],
    ['TRT_NODE_HOME=/opt trt-node doctor', ['doctor']],
    ['npm install trt-node', null],
  ])('%s', (line, expected) => {
    expect(trtNodeWords(simpleCommands(line)[0] ?? [])).toEqual(expected);
  });
});

describe('a complaint about a command line', () => {
  it.each([
    ['build model.onnx --no-such-flag'],
    ['no-such-command'],
    ['inspect'],
    ['inspect a.onnx --device x'],
  ])('%s', async (line) => {
    expect(await complaintAbout(line.split(' '))).not.toBeNull();
  });

  it.each([['--help'], ['build --help'], ['help build'], ['inspect a.onnx --device 1']])(
    'none about %s',
    async (line) => {
      expect(await complaintAbout(line.split(' '))).toBeNull();
    },
  );
});

describe('the command lines in the pages', async () => {
  const shown = shownCommands();
  const known = new Map((await loadEveryCommand()).map((command) => [command.name(), command]));

  it('are there, of the commands that users meet first', () => {
    const names = new Set(shown.map(({ words }) => words[0]));
    for (const name of ['build', 'doctor', 'setup', 'inspect']) expect(names).toContain(name);
  });

  it.each(shown.map(({ place, words }) => [place, words] as const))(
    '%s: trt-node %j is understood',
    async (_, words) => {
      expect(await complaintAbout(words)).toBeNull();
    },
  );

  it.each(mentionedCommands().map(({ place, words }) => [place, words] as const))(
    '%s names a command and options that there are',
    (_, words) => {
      const [name = ''] = words;
      if (name.startsWith('-') || name.startsWith('<') || name === 'help') return;
      expect(commands.map((command) => command.name)).toContain(name);
      const command = known.get(name);
      const flags = words.filter((word) => /^--?[A-Za-z]/.test(word));
      const names = flags.map((flag) => flag.replace(/[=,.;:].*$/, ''));
      const options = command === undefined ? [] : optionNames(command);
      expect(names.filter((flag) => !options.includes(flag))).toEqual([]);
    },
  );
});

function optionNames(command: Command): string[] {
  const options = [command, ...command.commands].flatMap((each) => each.options);
  return ['--help', '-h', ...options.flatMap(({ long, short }) => [long ?? '', short ?? ''])];
}
