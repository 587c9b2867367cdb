import { Command } from 'commander';

export function typesCommand(): Command {
  return new Command('types');
}
