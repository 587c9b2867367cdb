/** TEST ONLY. Plans of the stub TensorRTs (test/stubs): TensorRT's header, then what the identity engine is to be. */
import type { TensorType } from '../../lib/data-types';
import { rtxHeader, tensorrtHeader } from './plan-bytes';

export const stubAbis = ['v10', 'v11', 'rtx'] as const;
export type StubAbi = (typeof stubAbis)[number];

/** What each stub answers when it is asked for its version, and what its plans are marked with. */
export const stubVersions = {
  v10: [10, 6, 0],
  v11: [11, 4, 0],
  rtx: [1, 7, 1],
} as const satisfies Record<StubAbi, readonly [number, number, number]>;

export interface StubInput {
  readonly name: string;
  readonly type?: TensorType;
  /** -1 is dynamic. */
  readonly dims: readonly number[];
  /** Its values, read on the host, decide dims. */
  readonly shapeTensor?: boolean;
  /** Not laid out linearly. */
  readonly vectorized?: boolean;
}

/** How many elements an axis has: that many, as an input's axis, as an element of a shape tensor says, or as many as an input has that are not zero. */
export type StubAxis =
  | number
  | { readonly dimOf: string; readonly axis: number }
  | { readonly elementOf: string; readonly index: number }
  | { readonly nonZeroOf: string };

export interface StubOutput {
  readonly name: string;
  /** The source's unless said. */
  readonly type?: TensorType;
  /** The input whose bytes are copied; the first one unless said. */
  readonly source?: string;
  /** Elements of the source that are zero are left out. */
  readonly withoutZeros?: boolean;
  /** The source's dims unless said. */
  readonly dims?: readonly StubAxis[];
  /** TensorRT writes it in host memory. */
  readonly onHost?: boolean;
  /** The input whose memory it must share. */
  readonly alias?: string;
  readonly vectorized?: boolean;
  /** Bytes that its address must be a multiple of; 256 unless said. */
  readonly alignment?: number;
}

export interface StubRange {
  readonly min: readonly number[];
  readonly opt: readonly number[];
  readonly max: readonly number[];
  readonly values?: {
    readonly min: readonly number[];
    readonly opt: readonly number[];
    readonly max: readonly number[];
  };
}

/** The methods that a stub can be told to fail at, or to log at. */
export type StubStep =
  | 'deserializeCudaEngine'
  | 'createExecutionContext'
  | 'createEngineInspector'
  | 'setOptimizationProfileAsync'
  | 'setInputShape'
  | 'setTensorAddress'
  | 'setOutputAllocator'
  | 'getTensorShape'
  | 'inferShapes'
  | 'enqueueV3'
  | 'setDebugListener'
  | 'setTensorDebugState'
  /** TensorRT's call of ours: where it is to fail, it is not made. */
  | 'notifyShape'
  /** Likewise. */
  | 'processDebugTensor';

export interface StubEngine {
  readonly inputs: readonly StubInput[];
  readonly outputs: readonly StubOutput[];
  /** Debug tensors, which are copies of their sources too. */
  readonly debug?: readonly StubOutput[];
  readonly profiles?: readonly Readonly<Record<string, StubRange>>[];
  readonly weightBytes?: number;
  readonly activationBytes?: number;
  /** Microseconds that one inference takes. */
  readonly delay?: number;
  /** The enqueue of this number takes so many microseconds instead. */
  readonly slow?: { readonly call: number; readonly for: number };
  /** Its enqueue waits for the GPU each time, which no capture of a graph allows. */
  readonly captureUnsafe?: boolean;
  /** A capture sees nothing of it, as if its kernels went onto a stream of their own. */
  readonly captureEmpty?: boolean;
  readonly log?: readonly {
    readonly at: StubStep;
    readonly severity: 'internal-error' | 'error' | 'warning' | 'info' | 'verbose';
    readonly message: string;
  }[];
  /** The call of this number (the first unless said) returns what TensorRT returns when it fails. */
  readonly fail?: readonly {
    readonly at: StubStep;
    readonly call?: number;
    readonly andLater?: boolean;
  }[];
  /** Microseconds that each call of a method keeps its caller. */
  readonly pause?: readonly { readonly at: StubStep; readonly for: number }[];
  /** Without this plugin, which the library beside TensorRT registers, the plan does not open. */
  readonly plugin?: string;
  /** The inference of this number loses the CUDA context with this error, while it runs. */
  readonly poison?: { readonly call: number; readonly cudaError: number };
  /** A thread of TensorRT's logs a warning every so many microseconds from the load on, for ever. */
  readonly chatter?: number;
  readonly inspection?: string;
}

/** In the order of nvinfer1::DataType. */
const dataTypes: readonly TensorType[] = [
  'float32',
  'float16',
  'int8',
  'int32',
  'bool',
  'uint8',
  'float8e4m3fn',
  'bfloat16',
  'int64',
  'int4',
  'float4e2m1',
  'float8e8m0',
];

/** In the order of nvinfer1::ILogger::Severity. */
const severities = ['internal-error', 'error', 'warning', 'info', 'verbose'];

/** A plan that the stub of this ABI loads; `version` marks it with another one than the stub's. */
export function stubPlan(
  abi: StubAbi,
  engine: StubEngine,
  version: readonly [number, number, number] = stubVersions[abi],
): Uint8Array {
  const marked = [...version, 0] as const;
  const header = abi === 'rtx' ? rtxHeader(marked) : tensorrtHeader(marked);
  return Buffer.concat([header, Buffer.from(`${linesOf(engine).join('\n')}\nend\n`)]);
}

function linesOf(engine: StubEngine): string[] {
  const { weightBytes = 0, activationBytes = 0, delay = 0, inspection = '{"Layers":[]}' } = engine;
  return [
    ...engine.inputs.map(inputLine),
    ...engine.outputs.map((output) => outputLine('output', output, engine.inputs)),
    ...(engine.debug ?? []).map((tensor) => outputLine('debug', tensor, engine.inputs)),
    ...(engine.profiles ?? [staticProfile(engine.inputs)]).flatMap(profileLines),
    `memory ${weightBytes} ${activationBytes}`,
    `delay ${delay}`,
    ...(engine.slow ? [`slow ${engine.slow.call} ${engine.slow.for}`] : []),
    ...(engine.captureUnsafe === true ? ['capture-unsafe'] : []),
    ...(engine.captureEmpty === true ? ['capture-empty'] : []),
    ...(engine.log ?? []).map(
      ({ at, severity, message }) => `log ${at} ${severities.indexOf(severity)} ${encode(message)}`,
    ),
    ...(engine.fail ?? []).map(
      ({ at, call = 1, andLater = false }) => `fail ${at} ${call} ${andLater ? 'later' : 'once'}`,
    ),
    ...(engine.pause ?? []).map(({ at, for: duration }) => `pause ${at} ${duration}`),
    ...(engine.plugin === undefined ? [] : [`plugin ${encode(engine.plugin)}`]),
    ...(engine.poison ? [`poison ${engine.poison.call} ${engine.poison.cudaError}`] : []),
    ...(engine.chatter === undefined ? [] : [`chatter ${engine.chatter}`]),
    `inspection ${encode(inspection)}`,
  ];
}

function inputLine({ name, type = 'float32', dims, shapeTensor, vectorized }: StubInput): string {
  const flags = flagsOf({ host: shapeTensor, shape: shapeTensor, vectorized });
  return `input ${encode(name)} ${dataTypes.indexOf(type)} ${list(dims)} ${flags}`;
}

function outputLine(
  kind: 'output' | 'debug',
  output: StubOutput,
  inputs: readonly StubInput[],
): string {
  const source = inputs.find(({ name }) => name === (output.source ?? inputs[0]?.name));
  const axes =
    output.dims ??
    source?.dims.map((dim, axis) => (dim < 0 ? { dimOf: source.name, axis } : dim)) ??
    [];
  const type = output.type ?? source?.type ?? 'float32';
  const { onHost: host, vectorized, withoutZeros } = output;
  const flags = flagsOf({ host, vectorized, 'without-zeros': withoutZeros });
  const dims = axes.map((axis) => (typeof axis === 'number' ? axis : -1));
  return [
    ...[kind, encode(output.name), dataTypes.indexOf(type), list(dims), flags],
    ...[
      source ? encode(source.name) : '-',
      list(axes.map(axisWord)),
      output.alias === undefined ? '-' : encode(output.alias),
      output.alignment ?? 256,
    ],
  ].join(' ');
}

function axisWord(axis: StubAxis): string {
  if (typeof axis === 'number') return String(axis);
  if ('dimOf' in axis) return `dim:${encode(axis.dimOf)}:${axis.axis}`;
  if ('elementOf' in axis) return `value:${encode(axis.elementOf)}:${axis.index}`;
  return `nonzero:${encode(axis.nonZeroOf)}`;
}

/** TensorRT gives an engine without dynamic inputs one profile too. */
function staticProfile(inputs: readonly StubInput[]): Record<string, StubRange> {
  return Object.fromEntries(
    inputs.map(({ name, dims }) => [name, { min: dims, opt: dims, max: dims }]),
  );
}

function profileLines(profile: Readonly<Record<string, StubRange>>): string[] {
  return [
    'profile',
    ...Object.entries(profile).flatMap(([name, { min, opt, max, values }]) => [
      `range ${encode(name)} ${list(min)} ${list(opt)} ${list(max)}`,
      ...(values ? [`values ${list(values.min)} ${list(values.opt)} ${list(values.max)}`] : []),
    ]),
  ];
}

function flagsOf(flags: Readonly<Record<string, boolean | undefined>>): string {
  const set = Object.keys(flags).filter((name) => flags[name] === true);
  return set.length > 0 ? set.join(',') : '-';
}

function list(values: readonly (number | string)[]): string {
  return values.length > 0 ? values.join(',') : '-';
}

/** Everything but letters, digits and underscores as %XX of its UTF-8, so that words hold no space, comma or colon. */
function encode(text: string): string {
  return Array.from(Buffer.from(text), (byte) => {
    const character = String.fromCharCode(byte);
    return /^[A-Za-z0-9_]$/.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`;
  }).join('');
}
