import { Command } from 'commander';
import { addLadderFlags, type LadderFlags } from './ladder-flags';

const examples = `
Examples:
  trt-node ladder model.onnx --calibration batches/ --verify cases.npz
  trt-node ladder model.onnx --profile batch:1/8/32 --batch 1,8,32 --lanes 1,2 --goal throughput --report ladder.html
  trt-node ladder model.onnx --rungs fp32,fp16 --graphs on --out engines/

Rungs that were built before come from the engine cache: a ladder that was cut off goes on where it ended. Exits with 6 when the
accuracy of no rung holds, and with 4 when no rung could be built.`;

export function ladderCommand(): Command {
  const command = new Command('ladder')
    .description('build and measure every precision of a model, and recommend one')
    .argument('[model]', 'ONNX file');
  return addLadderFlags(command)
    .addHelpText('after', examples)
    .action(async (model: string | undefined, flags: LadderFlags) => {
      const { runLadderCommand } = await import('./ladder-run.js');
      await runLadderCommand(model, flags);
    });
}
