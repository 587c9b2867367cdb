import { nativePreviewFeatures, nativeTacticSources } from '../binding';
import type { PreviewFeature, TacticSource } from '../builder-tuning';
import { invalidArgument } from '../errors';

/** `fp16,int8` → `['fp16', 'int8']`, each of them one of `accepted`. */
export function parseChoices<T extends string>(
  text: string,
  option: string,
  accepted: readonly T[],
): readonly T[] {
  return text.split(',').map((part) => parseChoice(part.trim(), option, accepted));
}

/** Names are taken in TensorRT's own way of writing too: `ampere-plus` and `AMPERE_PLUS` are `amperePlus`. */
export function parseChoice<T extends string>(
  text: string,
  option: string,
  accepted: readonly T[],
): T {
  const wanted = camelCase(text);
  const found = accepted.find((each) => each === text || each === wanted);
  if (found === undefined) throw invalidArgument(option, `one of ${accepted.join(', ')}`, text);
  return found;
}

/** `cublas,cublasLt` → those two; `none` → none, which switches every optional one off. */
export function parseTacticSources(
  text: string,
  option = '--tactic-sources',
): readonly TacticSource[] {
  return text === 'none' ? [] : parseChoices(text, option, nativeTacticSources);
}

/** `aliasedPluginIo1003,runtimeActivationResize1010=off` → each name and whether it is on. */
export function parsePreviewFeatures(
  text: string,
  option = '--preview-features',
): readonly [PreviewFeature, boolean][] {
  return text.split(',').map((part): [PreviewFeature, boolean] => {
    const [name = '', state = 'on', ...rest] = part.trim().split('=');
    if (rest.length > 0 || (state !== 'on' && state !== 'off')) {
      throw invalidArgument(option, 'names such as aliasedPluginIo1003 or name=off', text);
    }
    return [parseChoice(name, option, nativePreviewFeatures), state === 'on'];
  });
}

/** `CUBLAS_LT`, `cublas-lt` and `cublasLt` → `cublasLt`. */
function camelCase(text: string): string {
  if (!/[-_]/.test(text) && /[a-z]/.test(text)) return text;
  const words = text.toLowerCase().split(/[-_]+/);
  return words.map((word, i) => (i === 0 ? word : capitalized(word))).join('');
}

function capitalized(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}
