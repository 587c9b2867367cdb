import type { BuildOptions } from '../build-options';

/**
 * Options of a build as a config file has them: those of `buildEngine`, with paths that are relative to the config file. A run of
 * `trt-node build` has its own `signal` and `onProgress`.
 */
export interface ConfigBuildOptions extends Omit<
  BuildOptions,
  'output' | 'externalData' | 'signingKey' | 'signal' | 'onProgress'
> {
  /** File with the key that signs plan and manifest, as `--sign-key`. Default: no signature. */
  readonly signKey?: string | URL | undefined;
}

/** One engine that the config file describes. */
export interface ConfigModel extends ConfigBuildOptions {
  /** The ONNX file. */
  readonly model: string | URL;
  /** The engine file. Default: the model's path with `.engine`. */
  readonly output?: string | URL | undefined;
}

/** What `trt-node.config.ts` exports. */
export interface TrtNodeConfig {
  /** Names the schema, for editors; JSON files alone need it. */
  readonly $schema?: string | undefined;
  /** Options of every model. An option that a model gives itself replaces the one here, whole. */
  readonly defaults?: ConfigBuildOptions | undefined;
  /** The engines by name, in the order in which they are built. */
  readonly models: Readonly<Record<string, ConfigModel>>;
}

/** Gives `config` back. It is there for the types: an editor then knows the keys of `trt-node.config.ts`. */
export function defineConfig(config: TrtNodeConfig): TrtNodeConfig {
  return config;
}
