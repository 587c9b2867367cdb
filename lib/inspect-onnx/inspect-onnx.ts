import { loadBinding, type NativeBinding } from '../binding';
import type { NativeInspectRequest } from '../build-messages';
import { runInChild } from '../child-task';
import { findLibraries, type Discovery, type FindLibrariesOptions } from '../discovery';
import { TrtError, type TrtErrorCode } from '../errors';
import { examineOnnx, type ExaminedModel } from '../examined-model';
import { fileWorkOf } from '../file-work';
import { modelSourceOf, type ModelSource } from '../model-source';
import { nativeCall } from '../native-call';
import { normalLocation } from '../onnx/external-location';
import type { OnnxModel } from '../onnx/onnx-model';
import { stageModel, type StagedModel } from '../staged-model';
import { untilAborted } from '../until-aborted';
import type { OnnxDynamicDim, OnnxInspection } from './inspection';
import { chooseParser, type ParserChoice } from './library-choice';
import { checkedInspectOptions, type CheckedInspectOptions, type InspectOptions } from './options';
import { supportOf } from './support';

/**
 * Looks at an ONNX model before it is built: inputs, outputs, dynamic dims, operators, size, and which nodes a TensorRT of
 * this machine does not support.
 *
 * The library is the one that `buildEngine` would use on this machine's GPU, and TensorRT-RTX without one. Its parser runs
 * in a child process. Where none can be asked, `support` is null and the rest is told all the same; a `library` that is named
 * and cannot be used is an error.
 *
 * @param model path or `file:` URL of an ONNX file, or its bytes (leave them alone until the promise is settled)
 * @throws TrtError (as a rejection) `ERR_TRT_INVALID_ARG`, `ERR_TRT_ONNX_NOT_FOUND`, `ERR_TRT_ONNX_INVALID`,
 * `ERR_TRT_EXTERNAL_DATA`, `ERR_TRT_PLUGIN`, `ERR_TRT_BUILD_CRASHED` (the parser crashed), `ERR_TRT_CUDA`, `ERR_TRT_OUT_OF_MEMORY`,
 * `ERR_TRT_WRITE`, `ERR_TRT_ADDON_LOAD`, `ERR_TRT_UNSUPPORTED_PLATFORM`; with `library` also `ERR_TRT_LIBRARY_NOT_FOUND`,
 * `ERR_TRT_LIBRARY_LOAD`, `ERR_TRT_LIBRARY_UNSUPPORTED`, `ERR_TRT_BUILDER_MISSING`, `ERR_TRT_NO_DRIVER`, `ERR_TRT_NO_GPU`,
 * `ERR_TRT_GPU_UNSUPPORTED`, `ERR_TRT_UNSUPPORTED`; after an abort `signal.reason`, whatever that is
 */
export async function inspectOnnx(
  model: string | URL | Uint8Array,
  options?: InspectOptions,
): Promise<OnnxInspection> {
  const checked = checkedInspectOptions(options);
  const source = modelSourceOf(model, checked.externalData);
  const machine = { binding: loadBinding(), findLibraries, inspect: inspectInChild };
  return await inspectThrough(machine, source, checked);
}

/** What an inspection needs of the machine. */
export interface InspectMachine {
  readonly binding: Pick<
    NativeBinding,
    'hashExternalFile' | 'hashFile' | 'lockFolder' | 'probeDriver'
  >;
  readonly findLibraries: (options: FindLibrariesOptions) => Promise<Discovery>;
  readonly inspect: typeof inspectInChild;
}

async function inspectInChild(
  request: NativeInspectRequest,
  options: { readonly signal: AbortSignal | null; readonly onStart: (gone: Promise<void>) => void },
): ReturnType<NativeBinding['inspectModel']> {
  return await runInChild({ kind: 'inspect', request }, options);
}

/** `inspectOnnx` once its arguments are checked, on a given machine. */
export async function inspectThrough(
  machine: InspectMachine,
  source: ModelSource,
  options: CheckedInspectOptions,
): Promise<OnnxInspection> {
  const { signal } = options;
  let staged: StagedModel | null = null;
  let gone: Promise<void> | undefined; // of the child: it may still read what was staged
  try {
    staged = await stageModel(source, signal);
    const { examined, onnx } = await untilAborted(
      signal,
      examineOnnx(staged, machine.binding, fileWorkOf(machine.binding), signal),
    );
    const facts = factsOf(examined, onnx);
    const parser = await untilAborted(signal, parserFor(machine, options));
    if ('reason' in parser) return { ...facts, support: null, supportReason: parser.reason };
    const found = await machine.inspect(requestFor(parser, staged, examined, options), {
      signal,
      onStart: (ended) => {
        gone = ended;
      },
    });
    return { ...facts, support: supportOf(found, onnx.nodeOperators, parser) };
  } finally {
    await staged?.remove(gone);
  }
}

/** Codes that say that there is no parser here, not that something went wrong. */
const noParser: ReadonlySet<TrtErrorCode> = new Set([
  'ERR_TRT_LIBRARY_NOT_FOUND',
  'ERR_TRT_LIBRARY_LOAD',
  'ERR_TRT_LIBRARY_UNSUPPORTED',
  'ERR_TRT_BUILDER_MISSING',
  'ERR_TRT_NO_DRIVER',
  'ERR_TRT_NO_GPU',
  'ERR_TRT_GPU_UNSUPPORTED',
  'ERR_TRT_UNSUPPORTED',
]);

interface NoParser {
  readonly reason: string;
}

async function parserFor(
  { binding, findLibraries: find }: InspectMachine,
  options: CheckedInspectOptions,
): Promise<ParserChoice | NoParser> {
  try {
    const driver = await nativeCall(() => binding.probeDriver());
    return await chooseParser(find, driver, options);
  } catch (error) {
    return withoutParser(error, options);
  }
}

function withoutParser(error: unknown, { library }: CheckedInspectOptions): NoParser {
  if (library !== null || !(error instanceof TrtError) || !noParser.has(error.code)) throw error;
  return { reason: error.message };
}

function requestFor(
  { library, device }: ParserChoice,
  staged: StagedModel,
  model: ExaminedModel,
  { plugins, standardPlugins }: CheckedInspectOptions,
): NativeInspectRequest {
  return {
    library: library.files,
    model: staged.path,
    modelSha256: model.identity.sha256,
    externalData: model.externalData,
    stage: staged.stage,
    device,
    plugins,
    standardPlugins,
  };
}

type Facts = Omit<OnnxInspection, 'support' | 'supportReason'>;

function factsOf({ identity }: ExaminedModel, onnx: OnnxModel): Facts {
  // The model may name one file in several ways.
  const files = new Map(
    Object.entries(identity.externalData ?? {}).map(([location, { sizeBytes }]) => [
      normalLocation(location),
      sizeBytes,
    ]),
  );
  return {
    model: identity,
    sizeBytes: identity.sizeBytes + [...files.values()].reduce((sum, size) => sum + size, 0),
    irVersion: onnx.irVersion,
    producer: onnx.producer,
    opsets: Object.fromEntries(onnx.opsets),
    inputs: onnx.inputs,
    outputs: onnx.outputs,
    dynamicDims: onnx.inputs.flatMap(dynamicDimsOf),
    nodes: onnx.nodeOperators.length,
    operators: Object.fromEntries([...onnx.operators].sort(([, a], [, b]) => b - a)),
    quantized: [...onnx.quantized],
  };
}

function dynamicDimsOf({ name: input, dims }: OnnxModel['inputs'][number]): OnnxDynamicDim[] {
  return (dims ?? []).flatMap((dim, axis) =>
    typeof dim === 'number' ? [] : [{ input, axis, name: dim }],
  );
}
