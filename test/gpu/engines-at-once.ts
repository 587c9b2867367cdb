import fs from 'node:fs/promises';
import path from 'node:path';
import { beforeAll } from 'vitest';
import type { Engine } from '../../lib/index';
import { writeOnnx, type TinyModel } from '../support/onnx-writer';
import { codeOf, temporaryFolder, trtNode } from './gpu-host';

type Profiles = NonNullable<Parameters<typeof trtNode.buildEngine>[1]>['profiles'];

export interface EngineModel {
  readonly model: TinyModel;
  readonly profiles?: Profiles;
  readonly standardPlugins?: boolean;
}

/**
 * The engines of a test file's models. They are built beside each other before its tests, since each build starts a TensorRT
 * for seconds and computes for little; a failure is the failure of the tests that ask for that engine.
 */
export async function enginesOf<Name extends string>(
  models: Readonly<Record<Name, EngineModel>>,
): Promise<{
  /** Throws what its build or its load failed with. */
  readonly engine: (name: Name) => Promise<Engine>;
  readonly code: (name: Name) => Promise<string>;
}> {
  const folder = await temporaryFolder();
  const engines = new Map<string, Promise<Engine>>();

  async function load(
    name: string,
    { model, profiles, standardPlugins = false }: EngineModel,
  ): Promise<Engine> {
    const file = path.join(folder, `${name}.onnx`);
    await fs.writeFile(file, writeOnnx(model));
    const built = await trtNode.buildEngine(file, {
      runtime: 'tensorrt',
      optimizationLevel: 0,
      standardPlugins,
      ...(profiles ? { profiles } : {}),
    });
    return built.load({ standardPlugins });
  }

  beforeAll(async () => {
    for (const [name, model] of Object.entries<EngineModel>(models)) {
      engines.set(name, load(name, model));
    }
    await Promise.allSettled([...engines.values()]);
    return () =>
      Promise.allSettled([...engines.values()].map(async (engine) => (await engine).close()));
  });

  const engine = (name: Name): Promise<Engine> => engines.get(name) as Promise<Engine>;
  return { engine, code: (name) => codeOf(engine(name)) };
}
