import { TrtError } from '../errors';
import type { InspectedEngine } from '../inspect-onnx/inspect-engine';
import { checkOwnFile, writeOwnFile, type OwnKind } from './own-file';

const layersFile: OwnKind = {
  what: 'layers',
  isOwn: (text) => text.startsWith('{\n  "schema": "trt-node/layers"'),
};

/** What `writeLayerExport` would refuse, before the work. */
export async function checkLayerExport(file: string): Promise<void> {
  await checkOwnFile(file, layersFile);
}

/** @throws TrtError (as a rejection) `ERR_TRT_UNSUPPORTED` (nothing is known of the layers), `ERR_TRT_WRITE` */
export async function writeLayerExport(
  file: string,
  { path: plan, layers, layersReason }: InspectedEngine,
): Promise<void> {
  if (layers === null) {
    throw new TrtError(
      'ERR_TRT_UNSUPPORTED',
      `expected layers of ${plan} to write, but they are not known: ${layersReason ?? ''}.`,
      { details: { option: '--export-layers', path: plan } },
    );
  }
  const content = { schema: 'trt-node/layers', schemaVersion: 1, plan, layers };
  await writeOwnFile(file, `${JSON.stringify(content, null, 2)}\n`, layersFile);
}
