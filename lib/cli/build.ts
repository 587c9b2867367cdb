import { Command } from 'commander';
import { addBuildFlags, type BuildFlags } from './build-flags';
import { rewriteTrtexecFlags } from './trtexec-rewrite';

const examples = `
Examples:
  trt-node build model.onnx                                       on the GPU that will run it
  trt-node build model.onnx --compute-capability 8.6,8.9          for these GPUs, with TensorRT-RTX, no GPU needed
  trt-node build model.onnx --profile 'x:1x3x224x224/8x3x224x224/32x3x224x224'
  trt-node build model.onnx --profile 'batch:1/8/32,seq:1/128/512'  named dims, in every input
  trt-node build model.onnx --profile 'shape=1x8/8x8/64x8'          values of a shape tensor
  trt-node build model.onnx --minShapes x:1x8 --optShapes x:8x8 --maxShapes x:64x8 --precision fp16
  trt-node build model.onnx --precision fp16,int8 --calibration batches/ --verify cases.npz --metric cosine --minimum 0.99
  trt-node build --onnx=model.onnx --saveEngine=model.plan --fp16   trtexec's flags (trt-node help trtexec)
  trt-node build                                                  every model of trt-node.config.ts (trt-node help config)`;

/** trtexec's flags are in their own words when commander reads them. */
class BuildCommand extends Command {
  override parseOptions(args: string[]): ReturnType<Command['parseOptions']> {
    return super.parseOptions(rewriteTrtexecFlags(args));
  }
}

export function buildCommand(): Command {
  const command = new BuildCommand('build')
    .description('build an engine from an ONNX model, or every engine of a config file')
    .argument(
      '[model...]',
      'ONNX file; or names of models in the config file (default: all of them)',
    );
  return addBuildFlags(command)
    .addHelpText('after', examples)
    .action(async (models: readonly string[], flags: BuildFlags) => {
      // Help does without all that builds.
      const { runBuilds } = await import('./build-run.js');
      await runBuilds(models, flags);
    });
}
