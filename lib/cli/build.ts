import { Command } from 'commander';
import pc from 'picocolors';
import { buildEngine } from '../build';
import { manifestPathOf } from '../manifest';
import { withAbortOnSignals } from './abort-on-signals';
import { addBuildFlags, type BuildFlags } from './build-flags';
import { buildOptionsOf } from './build-options-of';
import { renderBuildSummary } from './build-summary';
import { printable } from './printable';
import { createProgressView, type ProgressStyle } from './progress-view';

const examples = `
Examples:
  trt-node build model.onnx                                       on the GPU that will run it
  trt-node build model.onnx --compute-capability 8.6,8.9          for these GPUs, with TensorRT-RTX, no GPU needed
  trt-node build model.onnx --profile 'x:1x3x224x224/8x3x224x224/32x3x224x224'
  trt-node build model.onnx --profile 'batch:1/8/32,seq:1/128/512'  named dims, in every input
  trt-node build model.onnx --profile 'shape=1x8/8x8/64x8'          values of a shape tensor
  trt-node build model.onnx --minShapes x:1x8 --optShapes x:8x8 --maxShapes x:64x8 --precision fp16
  trt-node build model.onnx --precision fp16,int8 --calibration batches/ --verify cases.npz --metric cosine --minimum 0.99`;

export function buildCommand(): Command {
  const command = new Command('build')
    .description('build an engine from an ONNX model')
    .argument('<model>', 'ONNX file');
  return addBuildFlags(command).addHelpText('after', examples).action(runBuild);
}

async function runBuild(model: string, flags: BuildFlags): Promise<void> {
  const options = buildOptionsOf(model, flags);
  const view = createProgressView(progressStyle(flags), process.stderr);
  const built = await withAbortOnSignals(async (signal) => {
    try {
      return await buildEngine(model, {
        ...options,
        signal,
        onProgress: (progress) => view.update(progress),
      });
    } finally {
      view.end();
    }
  });
  if (!flags.quiet) {
    for (const warning of view.warnings) {
      process.stderr.write(`${pc.yellow('warning')}: TensorRT: ${printable(warning)}\n`);
    }
  }
  const { manifest, sizeBytes } = built;
  const plan = options.output;
  if (flags.json) {
    const result = { path: plan, manifestPath: manifestPathOf(plan), sizeBytes, manifest };
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  } else if (!flags.quiet) {
    const color = pc.isColorSupported;
    process.stdout.write(`${renderBuildSummary(plan, manifest, { color })}\n`);
  }
}

function progressStyle({ quiet }: BuildFlags): ProgressStyle {
  if (quiet) return 'none';
  return process.stderr.isTTY ? 'bar' : 'lines';
}
