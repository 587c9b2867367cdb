/**
 * Every code that a {@link TrtError} of this package can carry. Codes are stable: match on them, not on messages. Any call may
 * fail with `ERR_TRT_ADDON_LOAD`, `ERR_TRT_UNSUPPORTED_PLATFORM` and `ERR_TRT_INTERNAL`, whatever it lists.
 */
export type TrtErrorCode =
  // arguments, platform
  | 'ERR_TRT_INVALID_ARG'
  | 'ERR_TRT_UNSUPPORTED_PLATFORM'
  | 'ERR_TRT_ADDON_LOAD'
  | 'ERR_TRT_UNSUPPORTED'
  // finding and opening TensorRT, the driver and a GPU
  | 'ERR_TRT_LIBRARY_NOT_FOUND'
  | 'ERR_TRT_LIBRARY_LOAD'
  | 'ERR_TRT_LIBRARY_UNSUPPORTED'
  | 'ERR_TRT_BUILDER_MISSING'
  | 'ERR_TRT_NO_DRIVER'
  | 'ERR_TRT_NO_GPU'
  | 'ERR_TRT_GPU_UNSUPPORTED'
  // building
  | 'ERR_TRT_TARGET_REQUIRED'
  | 'ERR_TRT_ONNX_NOT_FOUND'
  | 'ERR_TRT_ONNX_INVALID'
  | 'ERR_TRT_ONNX_PARSE'
  | 'ERR_TRT_EXTERNAL_DATA'
  | 'ERR_TRT_PROFILE_MISSING'
  | 'ERR_TRT_PROFILE_INVALID'
  | 'ERR_TRT_PRECISION_UNSUPPORTED'
  | 'ERR_TRT_CALIBRATION_REQUIRED'
  | 'ERR_TRT_CALIBRATION_DATA'
  | 'ERR_TRT_CALIBRATION_CACHE'
  | 'ERR_TRT_TIMING_CACHE'
  | 'ERR_TRT_PLUGIN'
  | 'ERR_TRT_DATA_FILE'
  | 'ERR_TRT_VERIFY_FAILED'
  | 'ERR_TRT_CACHE'
  | 'ERR_TRT_BUILD_FAILED'
  | 'ERR_TRT_BUILD_CRASHED'
  | 'ERR_TRT_WRITE'
  // plans
  | 'ERR_TRT_ENGINE_NOT_FOUND'
  | 'ERR_TRT_ENGINE_INVALID'
  | 'ERR_TRT_ENGINE_VERSION'
  | 'ERR_TRT_ENGINE_FLAVOUR'
  | 'ERR_TRT_ENGINE_DIGEST'
  | 'ERR_TRT_ENGINE_GPU'
  | 'ERR_TRT_ENGINE_SIGNATURE'
  | 'ERR_TRT_REFIT'
  | 'ERR_TRT_MANIFEST_INVALID'
  | 'ERR_TRT_ENGINE_DESERIALIZE'
  // inference
  | 'ERR_TRT_INPUT_UNKNOWN'
  | 'ERR_TRT_INPUT_MISSING'
  | 'ERR_TRT_INPUT_TYPE'
  | 'ERR_TRT_INPUT_DIMS'
  | 'ERR_TRT_INPUT_LENGTH'
  | 'ERR_TRT_INPUT_VALUES'
  | 'ERR_TRT_INPUT_DETACHED'
  | 'ERR_TRT_OUTPUT_UNKNOWN'
  | 'ERR_TRT_ENGINE_CLOSED'
  | 'ERR_TRT_QUEUE_FULL'
  | 'ERR_TRT_DEADLINE'
  | 'ERR_TRT_INFER_FAILED'
  | 'ERR_TRT_CUDA'
  | 'ERR_TRT_CUDA_CONTEXT_LOST'
  | 'ERR_TRT_OUT_OF_MEMORY'
  // trt-node setup
  | 'ERR_TRT_SETUP_DOWNLOAD'
  | 'ERR_TRT_SETUP_CHECKSUM'
  | 'ERR_TRT_SETUP_UNSUPPORTED'
  // a bug in trt-node
  | 'ERR_TRT_INTERNAL';

/** One line of TensorRT's own log, as its logger received it. */
export interface LogLine {
  readonly severity: 'internal-error' | 'error' | 'warning' | 'info' | 'verbose';
  readonly message: string;
}

export interface TrtErrorOptions {
  /** What made this error happen, when another error did. */
  readonly cause?: unknown;
  /** TensorRT's log lines of the failed operation, oldest first, bounded. */
  readonly log?: readonly LogLine[];
  /** Facts for programs: names, dims, versions, paths. Its keys depend on `code`. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The one error class of this package. */
export class TrtError extends Error {
  override readonly name = 'TrtError';
  readonly code: TrtErrorCode;
  readonly log: readonly LogLine[];
  readonly details: Readonly<Record<string, unknown>>;
  /** Whether this process can no longer use the GPU, whatever it tries: end it and start another. */
  readonly fatal: boolean;

  constructor(code: TrtErrorCode, message: string, options: TrtErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.log = options.log ?? [];
    this.details = options.details ?? {};
    this.fatal = code === 'ERR_TRT_CUDA_CONTEXT_LOST';
    captureStack(this);
  }
}

/** Frames of this package between a mistake and the caller who made it: the ten that V8 keeps by default may all be ours. */
const keptFrames = 40;

function captureStack(error: TrtError): void {
  const { stackTraceLimit } = Error;
  // Whoever wants fewer frames than V8's default, or none, gets them.
  if (typeof stackTraceLimit !== 'number' || stackTraceLimit < 10) return;
  try {
    Error.stackTraceLimit = Math.max(stackTraceLimit, keptFrames);
    Error.captureStackTrace(error, TrtError);
  } catch {
    // Frozen intrinsics: the stack stays as it is.
  } finally {
    if (Error.stackTraceLimit !== stackTraceLimit) Error.stackTraceLimit = stackTraceLimit;
  }
}

/** "expected X for `name` but received Y": the one form in which wrong arguments are reported. */
export function invalidArgument(name: string, expected: string, received: unknown): TrtError {
  return new TrtError(
    'ERR_TRT_INVALID_ARG',
    `expected ${expected} for \`${name}\` but received ${describeValue(received)}`,
    { details: { argument: name } },
  );
}

/** For the constructors of classes that only this package makes. */
export function notConstructible(name: string, way: string): TrtError {
  return new TrtError(
    'ERR_TRT_INVALID_ARG',
    `expected nobody to call \`new ${name}()\`: ${way} makes one`,
    { details: { argument: 'new.target' } },
  );
}

/** A short description of any value for an error message. It never throws, whatever getters and traps the value has. */
export function describeValue(value: unknown): string {
  try {
    return describe(value, 0);
  } catch {
    return 'an object';
  }
}

const maxDepth = 3;

function describe(value: unknown, depth: number): string {
  if (value === null || value === undefined || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'string') {
    return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value);
  }
  if (typeof value === 'symbol') return value.toString();
  if (typeof value === 'function') return `function ${value.name || '(anonymous)'}`;
  if (Array.isArray(value)) {
    if (depth === maxDepth) return '[…]'; // an array may hold itself
    const items = value.slice(0, 10).map((item) => describe(item, depth + 1));
    return `[${items.join(', ')}${value.length > 10 ? `, … ${value.length} in all` : ''}]`;
  }
  const prototype = Object.getPrototypeOf(value) as { constructor?: { name?: unknown } } | null;
  const name = prototype?.constructor?.name;
  return typeof name === 'string' ? `an instance of ${name}` : 'an object';
}
