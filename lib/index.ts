export { buildEngine } from './build';
export { BuiltEngine } from './built-engine';
export { Engine } from './engine';
export { TrtError } from './errors';
export { infer } from './infer';
export { inspectOnnx } from './inspect-onnx/inspect-onnx';
export { loadEngine } from './load';
export { probeRuntimes } from './probe';
export { Tensor } from './tensor';

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
export type { TensorData, TensorDataByType, TensorType } from './data-types';
export type {
  EngineDevice,
  EngineIntegrity,
  InferTiming,
  RefittableWeights,
  TimedResult,
  WeightsInfo,
  WeightStreaming,
} from './engine';
export type { NativeGpuState as GpuState } from './binding';
export type { Comparison, Difference } from './doctor/comparison';
export type { EnvironmentSnapshot } from './doctor/environment-snapshot';
export type { Finding, FindingId } from './doctor/finding';
export type { HostReport } from './doctor/host-report';
export type { LogLine, TrtErrorCode, TrtErrorOptions } from './errors';
export type { InferOptions } from './infer-options';
export type {
  OnnxDynamicDim,
  OnnxInspection,
  OnnxSubgraph,
  OnnxSupport,
  UnsupportedNode,
  UnsupportedOperator,
} from './inspect-onnx/inspection';
export type { InspectOptions } from './inspect-onnx/options';
export type { LoadOptions, PlanIntegrity } from './load-options';
export type {
  DimsRange,
  FileDigest,
  Flavour,
  GpuIdentity,
  InputRange,
  CalibrationRecord,
  LayerInfo,
  LayerSummary,
  ManifestSignature,
  Manifest,
  Profile,
  TensorInfo,
  VerificationRecord,
} from './manifest-schema';
export type { MismatchOptions, OnMismatch } from './mismatch';
export type { OnnxProducer } from './onnx/onnx-model';
export type { OnnxValue } from './onnx/value-info';
export type { PlanInvalidReason } from './plan-header';
export type { Precision, Typing } from './precision';
export type { DimRange, InputProfile, ProfileOption } from './profile-option';
export type { ProbeOptions } from './probe';
export type { NamedWeights } from './refit/named-weights';
export type { RefitOptions } from './refit/refit-options';
export type { SaveOptions } from './refit/save-options';
export type { GpuReport, LibraryReport, Problem, RuntimeReport } from './runtime-report';
export type { KeyMaterial, SignatureKey } from './signature/key';
export type { NestedTensor, TensorInputs, TensorLike, Tensors, TensorValues } from './tensor';
export type { NestedArray } from './tensor/nested';
export type { TypedArray } from './tensor/typed-arrays';
export type { MetricFunction, NamedMetric } from './verify/metric';
export type { VerifyCase, VerifyCases, VerifyOption } from './verify/option';
export type { Arithmetic, ToleranceOption } from './verify/tolerance';
export type { EngineCacheOptions } from './cache/option';
