import { Command } from 'commander';

export function ladderCommand(): Command {
  return new Command('ladder');
}
