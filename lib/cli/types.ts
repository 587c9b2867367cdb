import path from 'node:path';
import { Command } from 'commander';
import { invalidArgument } from '../errors';
import {
  declarationMark,
  declareModels,
  isTypeName,
  typeNameOf,
} from '../model-types/declare-models';
import type { NamedSignature } from '../model-types/declare-models';
import { readSignature } from '../model-types/model-signature';
import { exitCodes } from './exit-codes';
import { textAt, writeOwnFile, type OwnKind } from './own-file';
import { printable } from './printable';

interface TypesFlags {
  readonly output?: string;
  readonly name?: string;
  readonly check?: true;
  readonly json?: true;
  readonly quiet?: true;
}

const declarationFile: OwnKind = {
  what: 'types',
  isOwn: (text) => text.startsWith(declarationMark),
};

export function typesCommand(): Command {
  return new Command('types')
    .description('write TypeScript types of the inputs and outputs of a model or engine')
    .argument('<model...>', 'ONNX files, or engines with their manifests')
    .option('-o, --output <file>', 'the .d.ts to write (default: print it)')
    .option('--name <Name>', "name of the type (default: the file's, MinilmV2 for minilm-v2.onnx)")
    .option(
      '--check',
      'write nothing; exit with 1 when the file at --output is not what it should be',
    )
    .option('--json', 'print inputs and outputs as JSON')
    .option('-q, --quiet', 'print errors alone')
    .addHelpText(
      'after',
      `
Examples:
  trt-node types minilm.onnx -o minilm.d.ts
  trt-node types detect.engine classify.engine -o models.d.ts
  trt-node types minilm.onnx -o minilm.d.ts --check      in CI

  import type { Minilm } from './minilm';
  const engine = await loadEngine<Minilm>('minilm.engine');

Neither a GPU nor TensorRT is needed.`,
    )
    .action(run);
}

async function run(files: readonly string[], flags: TypesFlags): Promise<void> {
  const { output, check, json, quiet } = flags;
  if (output !== undefined) checkEnding(output);
  if (check && output === undefined) {
    throw invalidArgument('--check', 'to stand beside --output, the file to look at,', true);
  }
  const models = await namedSignatures(files, flags);
  const text = declareModels(models);
  if (output !== undefined && check === true) {
    await checkText(output, text, flags);
  } else if (output !== undefined) {
    await writeOwnFile(output, text, declarationFile);
  }
  if (json) {
    process.stdout.write(`${JSON.stringify(jsonOf(models, output), null, 2)}\n`);
  } else if (output === undefined) {
    process.stdout.write(text);
  } else if (!quiet && process.exitCode === undefined) {
    const told = models.map(({ name, signature: { inputs, outputs } }) => {
      return `${name} (${counted(inputs.length, 'input')}, ${counted(outputs.length, 'output')})`;
    });
    process.stdout.write(
      printable(`${output}: ${told.join(', ')}${check ? ' (up to date)' : ''}\n`),
    );
  }
}

async function namedSignatures(
  files: readonly string[],
  { name }: TypesFlags,
): Promise<readonly NamedSignature[]> {
  if (name !== undefined && files.length > 1) {
    throw invalidArgument(
      '--name',
      'nothing with several models, which are named after their files,',
      name,
    );
  }
  if (name !== undefined && !isTypeName(name)) {
    throw invalidArgument(
      '--name',
      'a name of letters and digits that starts with a capital',
      name,
    );
  }
  const models: NamedSignature[] = [];
  for (const file of files) {
    const signature = await readSignature(file);
    models.push({ name: name ?? typeNameOf(signature.file), signature });
  }
  const names = models.map((each) => each.name);
  const twice = names.find((each, index) => names.indexOf(each) !== index);
  if (twice === undefined) return models;
  throw invalidArgument(
    'model',
    `files whose names make types of their own (two are ${twice})`,
    files,
  );
}

function checkEnding(output: string): void {
  if (/\.[cm]?ts$/.test(output)) return;
  throw invalidArgument(
    '--output',
    'a file name that ends in .d.ts (or .ts, .d.mts, .d.cts)',
    output,
  );
}

async function checkText(output: string, text: string, { quiet }: TypesFlags): Promise<void> {
  const found = await textAt(output, declarationFile);
  // Formatters and version control change line ends and indentation, and no meaning.
  if (found !== null && squeezed(found) === squeezed(text)) return;
  process.exitCode = exitCodes.failed;
  if (quiet) return;
  const what = found === null ? 'is not there' : 'is not what the model says';
  process.stderr.write(printable(`${output} ${what}: run the same command without --check.\n`));
}

function squeezed(text: string): string {
  return text.replace(/[\s;,]+/g, '').replaceAll('"', "'");
}

function jsonOf(models: readonly NamedSignature[], output: string | undefined): unknown {
  return {
    schema: 'trt-node/types',
    schemaVersion: 1,
    path: output === undefined ? null : path.resolve(output),
    models: models.map(({ name, signature: { file, from, inputs, outputs } }) => ({
      ...{ name, file, from },
      inputs: inputs.map(({ name: tensor, type, dims }) => ({ name: tensor, type, dims })),
      outputs: outputs.map(({ name: tensor, type, dims }) => ({ name: tensor, type, dims })),
    })),
  };
}

function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}
