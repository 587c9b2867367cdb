export { buildEngine } from './build';
export { BuiltEngine } from './built-engine';
export { Engine } from './engine';
export { TrtError } from './errors';
export { infer } from './infer';
export { loadEngine } from './load';
export { probeRuntimes } from './probe';
export { Tensor } from './tensor';

export type { BuildOptions, BuildRuntime, Precision } from './build-options';
export type { BuildProgress } from './build-progress';
export type { TensorData, TensorDataByType, TensorType } from './data-types';
export type { EngineDevice, EngineIntegrity, InferTiming, TimedResult } from './engine';
export type { NativeGpuState as GpuState } from './binding';
export type { Comparison, Difference } from './doctor/comparison';
export type { EnvironmentSnapshot } from './doctor/environment-snapshot';
export type { Finding, FindingId } from './doctor/finding';
export type { HostReport } from './doctor/host-report';
export type { LogLine, TrtErrorCode, TrtErrorOptions } from './errors';
export type { InferOptions } from './infer-options';
export type { LoadOptions, PlanIntegrity } from './load-options';
export type {
  DimsRange,
  FileDigest,
  Flavour,
  GpuIdentity,
  InputRange,
  LayerInfo,
  Manifest,
  Profile,
  TensorInfo,
} from './manifest-schema';
export type { PlanInvalidReason } from './plan-header';
export type { DimRange, InputProfile, ProfileOption } from './profile-option';
export type { ProbeOptions } from './probe';
export type { GpuReport, LibraryReport, Problem, RuntimeReport } from './runtime-report';
export type { NestedTensor, TensorInputs, TensorLike, Tensors, TensorValues } from './tensor';
export type { NestedArray } from './tensor/nested';
export type { TypedArray } from './tensor/typed-arrays';
