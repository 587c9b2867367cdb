import { TrtError } from '../errors';
import { manifestPathOf } from '../manifest';
import type { Manifest } from '../manifest-schema';
import type { BuildRequest } from './build-requests';

/** How the build of a model ended. */
export type BuildOutcome = BuiltOutcome | FailedOutcome | NotBuiltOutcome;

export interface BuiltOutcome {
  readonly status: 'built';
  readonly request: BuildRequest;
  readonly manifest: Manifest;
  readonly sizeBytes: number;
}

export interface FailedOutcome {
  readonly status: 'failed';
  readonly request: BuildRequest;
  readonly error: unknown;
}

/** A model before it failed. */
export interface NotBuiltOutcome {
  readonly status: 'not-built';
  readonly request: BuildRequest;
}

/** `--json` of one model: schemas/build.schema.json. */
export function jsonOfBuild({ request, manifest, sizeBytes }: BuiltOutcome): unknown {
  const plan = request.options.output;
  return {
    schema: 'trt-node/build',
    schemaVersion: 1,
    ...{ path: plan, manifestPath: manifestPathOf(plan), sizeBytes, manifest },
  };
}

/** `--json` of the models of a config file, in the same schema. */
export function jsonOfBuilds(outcomes: readonly BuildOutcome[]): unknown {
  return {
    schema: 'trt-node/builds',
    schemaVersion: 1,
    models: outcomes.map((outcome) => {
      const { name, model, options } = outcome.request;
      const which = { name, model, path: options.output, status: outcome.status };
      switch (outcome.status) {
        case 'built': {
          const { manifest, sizeBytes } = outcome;
          return { ...which, manifestPath: manifestPathOf(options.output), sizeBytes, manifest };
        }
        case 'failed':
          return { ...which, error: jsonOfError(outcome.error) };
        case 'not-built':
          return which;
      }
    }),
  };
}

function jsonOfError(error: unknown): { readonly code: string | null; readonly message: string } {
  const message = error instanceof Error ? error.message : String(error);
  return { code: error instanceof TrtError ? error.code : null, message };
}
