import type { DeviceTensor } from './device-tensor';
import { TrtError } from './errors';
import type { TensorInfo } from './manifest-schema';
import { suggestion } from './nearest-name';
import { quotedNames } from './quoted-names';

export function unknownTensor(
  kind: 'input' | 'output',
  name: unknown,
  infos: readonly TensorInfo[],
): TrtError {
  const names = infos.map((info) => info.name);
  return new TrtError(
    kind === 'input' ? 'ERR_TRT_INPUT_UNKNOWN' : 'ERR_TRT_OUTPUT_UNKNOWN',
    `the engine has no ${kind} ${JSON.stringify(name)}; its ${kind}s are ${quotedNames(names)}` +
      suggestion(String(name), names),
    { details: { tensor: name, [`${kind}s`]: names } },
  );
}

export function wrongTensor(
  kind: 'input' | 'output',
  { name, type }: TensorInfo,
  expected: string,
  got: string,
): TrtError {
  return new TrtError(
    kind === 'input' ? 'ERR_TRT_INPUT_TYPE' : 'ERR_TRT_INVALID_ARG',
    `${kind} ${JSON.stringify(name)}: expected ${expected} but received ${got}.`,
    { details: { tensor: name, expected: type, got } },
  );
}

/** As the native side says it. */
export function contextBusy(): TrtError {
  return new TrtError(
    'ERR_TRT_INVALID_ARG',
    'the context is being captured, or its engine refitted: await that first',
  );
}

export function inputsMissing(missing: readonly TensorInfo[]): TrtError {
  const names = missing.map(({ name }) => name);
  return new TrtError(
    'ERR_TRT_INPUT_MISSING',
    `expected every input of the context to be set, but there is nothing for ${quotedNames(names)}. Call setInput() for each.`,
    { details: { missing: names } },
  );
}

export function wrongOutput(
  { name }: TensorInfo,
  dims: readonly number[],
  tensor: DeviceTensor | null,
): TrtError {
  const got = tensor === null ? 'nothing' : `one of [${tensor.dims.join(', ')}]`;
  return new TrtError(
    'ERR_TRT_INVALID_ARG',
    `expected a tensor of dims [${dims.join(', ')}] for output ${JSON.stringify(name)}, as the inputs make them, but setOutput() was ` +
      `given ${got}.`,
    { details: { tensor: name, expected: dims, got: tensor?.dims ?? null } },
  );
}
