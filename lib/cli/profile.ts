import { Command } from 'commander';
import pc from 'picocolors';
import { inspectedLayers, type EngineLayer } from '../inspect-onnx/engine-layers';
import type { LayerProfile } from '../layer-profile';
import { loadEngine } from '../load';
import { checkReportPath, writeReport } from '../report/write-report';
import { withAbortOnSignals } from './abort-on-signals';
import { aliasFlag } from './alias-flag';
import { choice, wholeNumber } from './flag-kinds';
import { addInputFlags, type InputFlags } from './input-flags';
import { makeInputs } from './make-inputs';
import { addLoadFlags, loadOptionsOf, type LoadFlags } from './load-flags';
import { profileReport, profileResult, renderProfile, type ProfileResult } from './profile-result';
import { checkTrtexecProfilePath, writeTrtexecProfile } from './profile-trtexec';

export const profileSorts = ['time', 'order', 'name'] as const;

interface ProfileFlags extends LoadFlags, InputFlags {
  readonly warmup?: number;
  readonly iterations?: number;
  readonly top?: number;
  readonly all?: true;
  readonly sort?: (typeof profileSorts)[number];
  readonly exportProfile?: string;
  readonly dumpProfile?: true;
  readonly separateProfileRun?: true;
  readonly report?: string;
  readonly json?: true;
  readonly quiet?: true;
}

const shownLayers = 20;

export function profileCommand(): Command {
  const command = new Command('profile')
    .description('measure the time of each layer')
    .argument('<plan>', 'engine file')
    .option('--iterations <n>', 'runs that count (default: 50)', wholeNumber('--iterations'))
    .option('--warmup <n>', 'runs before them (default: 10)', wholeNumber('--warmup'))
    .option(
      '--top <n>',
      `layers to print, the slowest (default: ${shownLayers})`,
      wholeNumber('--top'),
    )
    .option('--all', 'print every layer')
    .option(
      '--sort <how>',
      `order of the table, one of ${profileSorts.join(', ')} (default: time)`,
      choice('--sort', profileSorts),
    )
    .option('--export-profile <file>', 'write the times in the JSON of trtexec --exportProfile')
    .addOption(aliasFlag('--exportProfile <file>', 'exportProfile', (text: string) => text))
    .addOption(aliasFlag('--dumpProfile', 'dumpProfile'))
    .addOption(aliasFlag('--separateProfileRun', 'separateProfileRun'));
  addInputFlags(command);
  return addLoadFlags(command)
    .option('--report <file>', 'write a report: .html, .md or .json')
    .option('--json', 'print the result as JSON')
    .option('-q, --quiet', 'print errors alone')
    .addHelpText(
      'after',
      `
Examples:
  trt-node profile model.engine                         the ${shownLayers} slowest layers
  trt-node profile model.engine --shapes x:8x3x224x224 --all --sort order
  trt-node profile model.engine --report profile.html   sorted bars, types coloured

Events around each layer take time themselves: what an inference takes, trt-node bench tells. trtexec's --dumpProfile and
--separateProfileRun are what this command does anyway; they are taken and change nothing.`,
    )
    .action(run);
}

async function run(plan: string, flags: ProfileFlags): Promise<void> {
  if (flags.report !== undefined) await checkReportPath(flags.report);
  if (flags.exportProfile !== undefined) await checkTrtexecProfilePath(flags.exportProfile);
  const result = await withAbortOnSignals((signal) => measure(plan, flags, signal));
  if (flags.exportProfile !== undefined) await writeTrtexecProfile(flags.exportProfile, result);
  if (flags.report !== undefined) await writeReport(flags.report, profileReport(result));
  if (flags.json) {
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  } else if (!flags.quiet) {
    const { sort = 'time', top = shownLayers, all = false } = flags;
    const style = { color: pc.isColorSupported };
    process.stdout.write(`${renderProfile(result, { sort, top: all ? Infinity : top }, style)}\n`);
  }
}

async function measure(
  plan: string,
  flags: ProfileFlags,
  signal: AbortSignal,
): Promise<ProfileResult> {
  // Lanes of their own are made by the profile: one is the least that an engine has.
  await using engine = await loadEngine(plan, { lanes: 1, ...definedIn(loadOptionsOf(flags)) });
  signal.throwIfAborted();
  const made = await makeInputs(engine, { ...flags, pageable: true });
  const { warmup = 10, iterations = 50 } = flags;
  const profile: LayerProfile = await engine.profile({
    inputs: made.inputs,
    profile: made.profile,
    warmup,
    iterations,
  });
  signal.throwIfAborted();
  const layers: readonly EngineLayer[] = await engine
    .inspect()
    .then(({ layers: inspected }) => inspectedLayers(inspected))
    // Times without types are worth having.
    .catch(() => []);
  signal.throwIfAborted();
  return profileResult({ plan, engine, made, warmup, profile, layers });
}

function definedIn<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as Partial<T>;
}
