import type { NativeEngine } from './binding';
import { closeWith } from './captured-graph';
import type { CapturedGraph } from './captured-graph';
import { CudaStream } from './cuda-stream';
import { byteLengthOf, viewAs } from './data-types';
import { DeviceTensor } from './device-tensor';
import { checkShapes } from './engine-shapes';
import type { Shapes } from './engine-shapes';
import { TrtError } from './errors';
import { createContext } from './execution-context';
import type { ContextEngine, ContextOptions, ExecutionContext } from './execution-context';
import { checkProfile } from './infer-options';
import { checkedOptions } from './known-keys';
import type { TensorInfo } from './manifest-schema';
import { elementCount } from './tensor';
import type { TensorLike } from './tensor';

type Closable = { close(): void | Promise<void> };

/** The body of `engine.capture`: a context, its tensors, a stream and the graph in one. */
export async function captureEngine(
  engine: ContextEngine,
  native: NativeEngine,
  shapes: Shapes,
  options: ContextOptions | undefined,
): Promise<CapturedGraph> {
  const { profile } = checkedOptions<ContextOptions>(options, 'options', ['profile']);
  const count = Math.max(1, engine.profiles.length);
  const wanted = checkProfile(profile, count, engine.manifest?.profileNames ?? []);
  const checked = checkShapes(engine, shapes, wanted);
  const parts: Closable[] = [];
  const keep = <T extends Closable>(part: T): T => {
    parts.unshift(part);
    return part;
  };
  const closeParts = async (): Promise<void> => {
    for (const part of parts) await part.close();
  };
  try {
    const device = { device: engine.device.index };
    const tensor = async ({ type }: TensorInfo, dims: readonly number[]): Promise<DeviceTensor> =>
      keep(await DeviceTensor.allocate(type, dims, device));
    const stream = keep(await CudaStream.create(device));
    const context = keep(await createContext(engine, native, { profile: checked.profile }));
    for (const [index, info] of engine.inputs.entries()) {
      const dims = checked.dims[index] ?? [];
      const values = checked.values[index] ?? null;
      context.setInput(
        info.name,
        info.isShapeTensor ? shapeTensor(info, dims, values) : await tensor(info, dims),
      );
    }
    for (const info of engine.outputs) {
      context.setOutput(info.name, await tensor(info, knownDims(context, info)));
    }
    return closeWith(await context.capture(stream), closeParts);
  } catch (error) {
    await closeParts().catch(() => undefined);
    throw error;
  }
}

function shapeTensor(
  info: TensorInfo,
  dims: readonly number[],
  values: Uint8Array | null,
): TensorLike {
  const bytes = values ?? new Uint8Array(byteLengthOf(info.type, elementCount(dims)));
  return { type: info.type, data: viewAs(info.type, bytes.buffer as ArrayBuffer), dims };
}

function knownDims(context: ExecutionContext, { name }: TensorInfo): readonly number[] {
  const dims = context.outputDims(name);
  if (!dims.includes(-1)) return dims;
  throw new TrtError(
    'ERR_TRT_UNSUPPORTED',
    `the dims of output ${JSON.stringify(name)} depend on the data, so the network cannot be captured. Use infer().`,
    { details: { output: name } },
  );
}
