#!/usr/bin/env node
import { tolerateBrokenPipe } from './broken-pipe';
import { runCommandLine } from './program';

tolerateBrokenPipe(process.stdout);
tolerateBrokenPipe(process.stderr);
void runCommandLine(process.argv);
