import { Command, Option } from 'commander';
import pc from 'picocolors';
import { canRun, jobs, renderReport, type Job } from '../doctor';
import { probeRuntimes } from '../probe';
import { exitCodes } from './exit-codes';

interface DoctorFlags {
  readonly for?: Job;
  readonly library?: string;
  readonly json?: true;
}

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('show which TensorRT, driver and GPUs this machine has, and what is missing')
    .addOption(new Option('--for <job>', 'ask about one job only (default: both)').choices(jobs))
    .option('--library <path>', 'look only at this TensorRT library or folder')
    .option('--json', 'print the report as JSON')
    .addHelpText(
      'after',
      '\nExits with 1 when the job (without --for: either of both) cannot run here.',
    )
    .action(async (flags: DoctorFlags) => {
      const asked = flags.for === undefined ? jobs : [flags.for];
      const report = await probeRuntimes({ library: flags.library });
      process.stdout.write(
        flags.json
          ? `${JSON.stringify(report, null, 2)}\n`
          : `${renderReport(report, asked, { color: pc.isColorSupported })}\n`,
      );
      if (!canRun(report, asked)) process.exitCode = exitCodes.failed;
    });
}
