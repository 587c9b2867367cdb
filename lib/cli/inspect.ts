import { Command, Option } from 'commander';
import pc from 'picocolors';
import { runtimes, type BuildRuntime } from '../build-options';
import { invalidArgument } from '../errors';
import {
  engineLoaded,
  engineOfManifest,
  type InspectedEngine,
} from '../inspect-onnx/inspect-engine';
import { inspectOnnx } from '../inspect-onnx/inspect-onnx';
import type { OnnxInspection } from '../inspect-onnx/inspection';
import { beginsLikePlan, inspectPlan } from '../inspect-onnx/inspect-plan';
import { checkReportPath, writeReport } from '../report/write-report';
import { withAbortOnSignals } from './abort-on-signals';
import { aliasFlag } from './alias-flag';
import { exitCodes } from './exit-codes';
import { choice, repeatable, wholeNumber } from './flag-kinds';
import {
  layerSorts,
  networkLayersOf,
  renderLayers,
  renderNetworkLayers,
  type LayerView,
} from './inspect-layers';
import { checkLayerExport, writeLayerExport } from './inspect-export';
import { engineReport, onnxReport } from './inspect-report';
import { printable } from './printable';
import { renderInspection, renderPlanInspection } from './render-inspection';

interface InspectFlags {
  readonly runtime?: BuildRuntime;
  readonly library?: string;
  readonly device?: number;
  readonly plugin?: readonly string[];
  readonly standardPlugins?: true;
  readonly load?: true;
  readonly layers?: true;
  readonly filter?: string;
  readonly sort?: LayerView['sort'];
  readonly exportLayers?: string;
  readonly report?: string;
  readonly json?: true;
  readonly quiet?: true;
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
    .option('--device <index>', 'CUDA device to ask on (default: 0)', wholeNumber('--device'))
    .option(
      '--plugin <path>',
      'plugin library to load; repeatable',
      repeatable((path) => [path]),
    )
    .option('--standard-plugins', "register TensorRT's standard plugins (libnvinfer_plugin)")
    .option(
      '--load',
      'load the engine, and ask TensorRT for what its manifest does not tell; needs its GPU',
    )
    .option('--layers', 'list the layers of an engine')
    .addOption(aliasFlag('--dumpLayerInfo', 'layers'))
    .option('--filter <text>', 'only layers with this in name, type, precision or kernel')
    .option(
      '--sort <how>',
      `order of the layers, one of ${layerSorts.join(', ')} (default: order)`,
      choice('--sort', layerSorts),
    )
    .option('--export-layers <file>', 'write the layers as JSON')
    .addOption(aliasFlag('--exportLayerInfo <file>', 'exportLayers', (text: string) => text))
    .option('--report <file>', 'write a report: .html, .md or .json')
    .option('--json', 'print the result as JSON')
    .option('-q, --quiet', 'print errors alone; the exit code tells')
    .addHelpText(
      'after',
      `
Examples:
  trt-node inspect model.onnx                               what a build needs, and whether TensorRT supports it
  trt-node inspect model.engine --layers --sort precision
  trt-node inspect model.engine --layers --filter conv1
  trt-node inspect trtexec.engine --load --layers           of a plan without a manifest, on its GPU

Exits with 1 when TensorRT does not support the model, or when a plan is not the one that its manifest describes. No GPU is
needed where TensorRT-RTX is there.`,
    )
    .action(run);
}

async function run(file: string, flags: InspectFlags): Promise<void> {
  if (flags.report !== undefined) await checkReportPath(flags.report);
  if (await beginsLikePlan(file)) await showEngine(file, flags);
  else await showModel(file, flags);
}

async function showModel(file: string, flags: InspectFlags): Promise<void> {
  const ofEngines = (['load', 'layers', 'filter', 'sort', 'exportLayers'] as const).find(
    (flag) => flags[flag] !== undefined,
  );
  if (ofEngines !== undefined) {
    const flag = ofEngines === 'exportLayers' ? '--export-layers' : `--${ofEngines}`;
    throw invalidArgument(
      flag,
      `an engine beside it, which ${file} is not (no plan's header),`,
      true,
    );
  }
  const { runtime, library, device, plugin: plugins, standardPlugins } = flags;
  const found = await withAbortOnSignals((signal) =>
    inspectOnnx(file, { runtime, library, device, plugins, standardPlugins, signal }),
  );
  const data = jsonOfModel(found);
  if (flags.report !== undefined) await writeReport(flags.report, onnxReport(file, found, data));
  print(flags, data, () => renderInspection(file, found, { color: pc.isColorSupported }));
  if (found.support?.supported === false) process.exitCode = exitCodes.failed;
}

async function showEngine(file: string, flags: InspectFlags): Promise<void> {
  checkEngineFlags(file, flags);
  if (flags.exportLayers !== undefined) await checkLayerExport(flags.exportLayers);
  const found = await withAbortOnSignals(async (signal) => {
    const engine = await inspectedEngine(file, flags, signal);
    // What was asked meanwhile cannot be stopped, and is not what the user wants any more.
    signal.throwIfAborted();
    return engine;
  });
  const data = jsonOfEngine(found);
  if (flags.exportLayers !== undefined) await writeLayerExport(flags.exportLayers, found);
  if (flags.report !== undefined) await writeReport(flags.report, engineReport(found, data));
  print(flags, data, () => textOf(found, flags));
  if (found.described === false) process.exitCode = exitCodes.failed;
}

/** An engine's manifest is read without TensorRT. @throws TrtError `ERR_TRT_INVALID_ARG` */
function checkEngineFlags(file: string, { load, ...flags }: InspectFlags): void {
  if (flags.runtime !== undefined) {
    const expected = `to be left out for ${file}, an engine, which says itself whose it is (--load --library names a TensorRT),`;
    throw invalidArgument('--runtime', expected, flags.runtime);
  }
  if (load === true) return;
  const { library, device, plugin, standardPlugins } = flags;
  const ofLoads = {
    ...{ '--library': library, '--device': device, '--plugin': plugin },
    '--standard-plugins': standardPlugins,
  };
  for (const [flag, value] of Object.entries(ofLoads)) {
    if (value === undefined) continue;
    const expected = `--load beside it for ${file}, an engine, as TensorRT is not asked without,`;
    throw invalidArgument(flag, expected, value);
  }
}

async function inspectedEngine(
  file: string,
  flags: InspectFlags,
  signal: AbortSignal,
): Promise<InspectedEngine> {
  const plan = await inspectPlan(file);
  signal.throwIfAborted();
  // A plan that is not the manifest's is told, and TensorRT does not see it.
  if (flags.load !== true || plan.described === false) return await engineOfManifest(plan);
  const { library, device, plugin: plugins, standardPlugins } = flags;
  return await engineLoaded(plan, { library, device, plugins, standardPlugins });
}

function textOf(found: InspectedEngine, flags: InspectFlags): string {
  const style = { color: pc.isColorSupported };
  const text = renderPlanInspection(found, style);
  const { layers, filter, sort } = flags;
  if (layers !== true && filter === undefined && sort === undefined) return text;
  const view = { filter: filter ?? null, sort: sort ?? 'order' };
  if (found.layers !== null) return `${text}\n\n${renderLayers(found.layers, view, style)}`;
  const network = networkLayersOf(found);
  if (network === null) {
    return `${text}\n  layers are not known: ${printable(found.layersReason ?? '')}`;
  }
  // Why the engine's own are not known stands above, among the facts.
  return `${text}\n\n${renderNetworkLayers(network, view, style)}`;
}

const head = { schema: 'trt-node/inspect', schemaVersion: 1 } as const;

function jsonOfModel(found: OnnxInspection): object {
  return { ...head, kind: 'onnx', ...found };
}

function jsonOfEngine(found: InspectedEngine): object {
  return { ...head, kind: 'engine', ...found };
}

function print(flags: InspectFlags, value: unknown, text: () => string): void {
  if (flags.json === true) process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  else if (flags.quiet !== true) process.stdout.write(`${text()}\n`);
}
