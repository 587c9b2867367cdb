export { buildEngine } from './build';
export { BuiltEngine } from './built-engine';
export { defineConfig } from './config/config';
export { CapturedGraph } from './captured-graph';
export { CudaEvent } from './cuda-event';
export { CudaStream } from './cuda-stream';
export { DeviceTensor } from './device-tensor';
export { Engine } from './engine';
export { TrtError } from './errors';
export { estimateMemory } from './estimate-memory';
export { gpuState } from './gpu-state';
export { ExecutionContext } from './execution-context';
export { infer } from './infer';
export { inspectOnnx } from './inspect-onnx/inspect-onnx';
export { loadEngine } from './load';
export { probeRuntimes } from './probe';
export { Tensor } from './tensor';

export type { BenchmarkOptions } from './benchmark/options';
export type {
  BenchmarkResult,
  BenchmarkSamples,
  BenchmarkSettings,
  ColdStart,
} from './benchmark/result';
export type { Summary } from './benchmark/statistics';
export type { BuildOptions, BuildRuntime, Isolation } from './build-options';
export type { BuildProgress } from './build-progress';
export type {
  HardwareCompatibilityLevel,
  PreviewFeature,
  RefitMode,
  TacticSource,
  TuningOptions,
} from './builder-tuning';
export type {
  CalibrationAlgorithm,
  CalibrationData,
  CalibrationItems,
  CalibrationOption,
} from './calibration/option';
export type { ConfigBuildOptions, ConfigModel, TrtNodeConfig } from './config/config';
export type { CudaEventOptions } from './cuda-event';
export type { Float16ArrayLike, TensorData, TensorDataByType, TensorType } from './data-types';
export type { DeviceOptions } from './device-options';
export type { AnyTensor } from './device-tensor';
export type {
  DebugOf,
  EngineDevice,
  EngineIntegrity,
  InferTiming,
  RefittableWeights,
  TimedResult,
  WeightsInfo,
  WeightStreaming,
} from './engine';
export type { EngineInspection, InspectedLayer, InspectedTensor } from './engine-inspection';
export type { EngineMemory } from './engine-memory';
export type { Shapes } from './engine-shapes';
export type { EstimateOptions, MemoryEstimate } from './estimate-memory';
export type { BuildTrace, GraphEvent, InferTrace, LoadTrace } from './diagnostics/payloads';
export type { GpuState } from './gpu-state';
export type { Comparison, Difference } from './doctor/comparison';
export type {
  EnvironmentSnapshot,
  SnapshotGpu,
  SnapshotLibrary,
} from './doctor/environment-snapshot';
export type { Finding, FindingId } from './doctor/finding';
export type { HostReport } from './doctor/host-report';
export type { LogLine, TrtErrorCode, TrtErrorOptions } from './errors';
export type { ContextOptions } from './execution-context';
export type {
  InferOptions,
  OutputsOf,
  OutputsOption,
  OutputTarget,
  TimedInferOptions,
} from './infer-options';
export type { CloseOptions } from './infer/close-options';
export type { EngineGraphs } from './infer/engine-graphs';
export type { GraphMode, GraphOptions, LaneOptions } from './infer/lane-options';
export type { WarmupShape, WarmupShapes } from './infer/warmup';
export type {
  OnnxDynamicDim,
  OnnxInspection,
  OnnxSubgraph,
  OnnxSupport,
  UnsupportedNode,
  UnsupportedOperator,
} from './inspect-onnx/inspection';
export type { InspectOptions } from './inspect-onnx/options';
export type { GpuTimes, LayerProfile, LayerProfileOptions, LayerTime } from './layer-profile';
export type { LoadOptions, PlanIntegrity } from './load-options';
export type {
  DimsRange,
  FileDigest,
  PlanDigest,
  Flavour,
  GpuIdentity,
  InputRange,
  CalibrationRecord,
  LayerInfo,
  LayerSummary,
  ManifestSignature,
  Manifest,
  ModelIdentity,
  PlanMemory,
  Profile,
  TensorInfo,
  VerificationRecord,
} from './manifest-schema';
export type { MismatchOptions, OnMismatch } from './mismatch';
export type {
  AnyModel,
  ModelInputs,
  ModelOutputs,
  ModelTypes,
  TensorSpec,
} from './model-types/model-types';
export type { OnnxProducer } from './onnx/onnx-model';
export type { OnnxDims, OnnxValue } from './onnx/value-info';
export type { PlanInvalidReason } from './plan-header';
export type { Precision, Typing } from './precision';
export type { DimRange, InputProfile, ProfileOption } from './profile-option';
export type { ProbeOptions } from './probe';
export type { NamedWeights } from './refit/named-weights';
export type { RefitOptions } from './refit/refit-options';
export type { SaveOptions } from './refit/save-options';
export type { GpuReport, LibraryReport, Problem, RuntimeReport } from './runtime-report';
export type { KeyMaterial, SignatureKey } from './signature/key';
export type {
  NestedTensor,
  TensorInputs,
  TensorLike,
  Tensors,
  TensorValues,
  TypedTensor,
} from './tensor';
export type { NestedArray } from './tensor/nested';
export type { TypedArray } from './tensor/typed-arrays';
export type { MetricFunction, NamedMetric } from './verify/metric';
export type { VerifyCase, VerifyCases, VerifyOption } from './verify/option';
export type { Arithmetic, ToleranceOption } from './verify/tolerance';
export type { EngineCacheOptions } from './cache/option';
