import { Command, Option } from 'commander';
import pc from 'picocolors';
import { runtimes, type BuildRuntime } from '../build-options';
import { inspectOnnx } from '../inspect-onnx/inspect-onnx';
import { beginsLikePlan, inspectPlan } from '../inspect-onnx/inspect-plan';
import { withAbortOnSignals } from './abort-on-signals';
import { exitCodes } from './exit-codes';
import { parseWholeNumber } from './parse-numbers';
import { renderInspection, renderPlanInspection } from './render-inspection';

interface InspectFlags {
  readonly runtime?: BuildRuntime;
  readonly library?: string;
  readonly device?: number;
  readonly plugin?: readonly string[];
  readonly standardPlugins?: true;
  readonly json?: true;
}

export function inspectCommand(): Command {
  return new Command('inspect')
    .description(
      'show what an ONNX model needs and whether TensorRT supports it, or what a plan is',
    )
    .argument('<file>', 'ONNX file, or an engine that trt-node or trtexec built')
    .addOption(
      new Option('--runtime <name>', 'which TensorRT to ask (default: auto)').choices(runtimes),
    )
    .option('--library <path>', 'ask this TensorRT library or folder')
    .option('--device <index>', 'CUDA device to ask on (default: 0)', (text) =>
      parseWholeNumber(text, '--device'),
    )
    .option(
      '--plugin <path>',
      'plugin library to load; repeatable',
      (path: string, before: readonly string[] | undefined) => [...(before ?? []), path],
    )
    .option('--standard-plugins', "register TensorRT's standard plugins (libnvinfer_plugin)")
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Exits with 1 when TensorRT does not support the model, or when a plan is not the one that its manifest describes. No GPU is
needed where TensorRT-RTX is there.`,
    )
    .action(run);
}

async function run(file: string, flags: InspectFlags): Promise<void> {
  const color = pc.isColorSupported;
  if (await beginsLikePlan(file)) {
    const plan = await inspectPlan(file);
    print(flags, plan, () => renderPlanInspection(plan, { color }));
    if (plan.described === false) process.exitCode = exitCodes.failed;
    return;
  }
  const { runtime, library, device, plugin: plugins, standardPlugins } = flags;
  const found = await withAbortOnSignals((signal) =>
    inspectOnnx(file, { runtime, library, device, plugins, standardPlugins, signal }),
  );
  print(flags, found, () => renderInspection(file, found, { color }));
  if (found.support?.supported === false) process.exitCode = exitCodes.failed;
}

function print(flags: InspectFlags, value: unknown, text: () => string): void {
  process.stdout.write(`${flags.json === true ? JSON.stringify(value, null, 2) : text()}\n`);
}
