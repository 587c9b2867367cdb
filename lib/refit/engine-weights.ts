import { unlink } from 'node:fs/promises';
import type { NativeBinding, NativeEngine } from '../binding';
import { TrtError } from '../errors';
import { examineModel } from '../examined-model';
import { fileWorkOf } from '../file-work';
import type { Manifest } from '../manifest-schema';
import type { ModelSource } from '../model-source';
import { nativeCall } from '../native-call';
import { checkOutput } from '../output-check';
import { publish } from '../publish';
import { signManifest, type SigningKey } from '../signature/sign';
import { stageModel } from '../staged-model';
import { tempPathFor } from '../temp-files';
import { untilAborted } from '../until-aborted';
import type { CheckedRefit } from './refit-options';
import { putPlanAlone } from './save-plan';
import { planWeights, savedManifest } from './saved-manifest';

/** What an engine was loaded with, beside the plan. */
export interface EngineHost {
  readonly binding: Pick<NativeBinding, 'hashExternalFile' | 'hashFile' | 'lockFolder'>;
  /** The ONNX parser of its TensorRT; null where none was found. */
  readonly parser: string | null;
}

type WeightCalls = Pick<NativeEngine, 'refit' | 'refittableWeights' | 'serialize' | 'version'>;

/** The weights of a loaded engine: where they come from, and the way for new ones. */
export class EngineWeights {
  #origin = planWeights;

  constructor(
    private readonly native: WeightCalls,
    /** null: nobody will refit or save it. */
    private readonly host: EngineHost | null,
  ) {}

  /** Resolves to the names of weights that are still missing. Rejects with what `Engine.refit` lists, or the signal's reason. */
  async refit(refit: CheckedRefit): Promise<readonly string[]> {
    const { signal } = refit;
    signal?.throwIfAborted();
    if ('model' in refit) return await this.#refitFromModel(refit.model, signal);
    const missing = await nativeCall(() => this.native.refit({ weights: refit.weights }));
    this.#origin = { ...this.#origin, named: true };
    return missing;
  }

  async #refitFromModel(
    source: ModelSource,
    signal: AbortSignal | null,
  ): Promise<readonly string[]> {
    const { binding, parser } = this.#host();
    if (parser === null) {
      throw new TrtError(
        'ERR_TRT_BUILDER_MISSING',
        "expected TensorRT's ONNX parser (libnvonnxparser) beside the library, to read the model's weights, but there is none. " +
          'Install the full TensorRT, or give the weights by name.',
      );
    }
    const staged = await stageModel(source, signal);
    try {
      const { identity, externalData } = await untilAborted(
        signal,
        examineModel(staged, binding, fileWorkOf(binding), signal),
      );
      signal?.throwIfAborted();
      const { path: model, stage } = staged;
      const request = { model, modelSha256: identity.sha256, externalData, stage, parser };
      const missing = await nativeCall(() => this.native.refit(request));
      this.#origin = { model: identity, named: false };
      return missing;
    } finally {
      await staged.remove();
    }
  }

  list(): ReturnType<WeightCalls['refittableWeights']> {
    return nativeCall(() => this.native.refittableWeights());
  }

  /** Writes the engine to `output` (absolute), with a manifest where the plan came with one. */
  async save(output: string, loaded: Manifest | null, key: SigningKey | null): Promise<void> {
    const work = fileWorkOf(this.#host().binding);
    if (loaded === null && key !== null) throw nothingToSign(output);
    await checkOutput(output);
    const tempPlan = tempPathFor(output);
    try {
      const digest = await nativeCall(() => this.native.serialize(tempPlan));
      if (loaded === null) {
        await putPlanAlone(tempPlan, output, work);
        return;
      }
      const { version } = this.native;
      const manifest = savedManifest(loaded, { ...digest, version }, this.#origin);
      const signed = key === null ? manifest : signManifest(manifest, key);
      await publish({ tempPlan, output, manifest: signed, work });
    } catch (error) {
      await unlink(tempPlan).catch(() => undefined);
      throw error;
    }
  }

  #host(): EngineHost {
    if (this.host !== null) return this.host;
    throw new TrtError('ERR_TRT_INTERNAL', 'this engine was made without a host to refit it');
  }
}

function nothingToSign(output: string): TrtError {
  return new TrtError(
    'ERR_TRT_UNSUPPORTED',
    `expected a manifest to sign for ${output}, but this engine was loaded without one. Leave \`signingKey\` out, or load the plan ` +
      'with its manifest.',
    { details: { option: 'signingKey' } },
  );
}
