import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { isTensorType, type TensorData } from '../data-types';
import { describeValue, TrtError } from '../errors';
import { Tensor, type TensorLike, type Tensors } from '../tensor';
import { fromPlainTensors, type PlainTensors } from './plain-tensors';

/** A model on the CPU, as ONNX Runtime computes it. */
export interface ReferenceModel {
  infer(inputs: PlainTensors): Promise<Tensors>;
  close(): Promise<void>;
}

/** The part of onnxruntime-node that is used. */
export interface OnnxRuntime {
  readonly Tensor: new (type: string, data: TensorData, dims: readonly number[]) => object;
  readonly InferenceSession: {
    create(path: string, options: object): Promise<OnnxSession>;
  };
}

interface OnnxSession {
  run(feeds: Readonly<Record<string, object>>): Promise<Readonly<Record<string, unknown>>>;
  release?(): Promise<void>;
}

const packageName = 'onnxruntime-node';

/**
 * The file that onnxruntime-node starts from: as a peer of this package, or one of the working directory's project, where this
 * package is linked or installed elsewhere. null: there is none.
 */
export function findOnnxRuntime(): string | null {
  for (const start of [__filename, path.join(process.cwd(), 'package.json')]) {
    try {
      return createRequire(start).resolve(packageName);
    } catch {
      // The next place may have it.
    }
  }
  return null;
}

/** ERR_TRT_UNSUPPORTED */
export function onnxRuntimeMissing(): TrtError {
  return new TrtError(
    'ERR_TRT_UNSUPPORTED',
    `expected \`outputs\` in the cases of \`verify\`, or the package ${packageName}, which computes them, but it is not installed. ` +
      `Run \`npm install ${packageName}\`, give outputs, or set \`reference\` to 'unquantized' or 'none'.`,
    { details: { option: 'verify', package: packageName } },
  );
}

async function importOnnxRuntime(): Promise<OnnxRuntime> {
  const file = findOnnxRuntime();
  if (file === null) throw onnxRuntimeMissing();
  try {
    const imported = (await import(pathToFileURL(file).href)) as {
      default?: OnnxRuntime;
    } & Partial<OnnxRuntime>;
    const { InferenceSession } = imported;
    return InferenceSession === undefined
      ? (imported.default as OnnxRuntime)
      : (imported as OnnxRuntime);
  } catch (cause) {
    throw failed('could not be loaded', cause);
  }
}

/** Rejects with ERR_TRT_UNSUPPORTED where onnxruntime-node is missing or cannot run the model. */
export async function openReference(
  modelPath: string,
  importRuntime: () => Promise<OnnxRuntime> = importOnnxRuntime,
): Promise<ReferenceModel> {
  const runtime = await importRuntime();
  const session = await runtime.InferenceSession.create(modelPath, {
    executionProviders: ['cpu'],
    // Its warnings would go to the terminal.
    logSeverityLevel: 3,
  }).catch((cause: unknown) => {
    throw failed(`could not open the model ${modelPath}`, cause);
  });
  return {
    async infer(inputs) {
      try {
        const feeds = Object.entries(fromPlainTensors(inputs)).map(
          ([name, { type, data, dims }]) => [name, new runtime.Tensor(type, data, dims)] as const,
        );
        const outputs = await session.run(Object.fromEntries(feeds));
        return Object.fromEntries(
          Object.entries(outputs).map(([name, output]) => [name, tensorOf(name, output)]),
        ) as Tensors;
      } catch (cause) {
        throw cause instanceof TrtError ? cause : failed('could not run the model', cause);
      }
    },
    async close() {
      await session.release?.();
    },
  };
}

function tensorOf(name: string, output: unknown): Tensor {
  const { type, data, dims } = output as TensorLike;
  if (isTensorType(type)) return new Tensor(type, data, dims);
  throw failed(`gave ${JSON.stringify(name)} as ${String(type)}, which is no type of TensorRT's`);
}

function failed(what: string, cause?: unknown): TrtError {
  const words = cause === undefined ? '' : `: ${wordsOf(cause)}`;
  return new TrtError(
    'ERR_TRT_UNSUPPORTED',
    `${packageName} ${what}${words}. Give \`outputs\` in the cases of \`verify\`, or set \`reference\` to 'unquantized' or 'none'.`,
    {
      ...(cause === undefined ? {} : { cause }),
      details: { option: 'verify', package: packageName },
    },
  );
}

function wordsOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : describeValue(cause);
}
