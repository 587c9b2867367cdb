import { Command } from 'commander';

export function bundleCommand(): Command {
  return new Command('bundle');
}
