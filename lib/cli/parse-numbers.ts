import { invalidArgument } from '../errors';

export function parseWholeNumber(text: string, option: string): number {
  if (!/^\d{1,9}$/.test(text)) throw invalidArgument(option, 'a whole number', text);
  return Number(text);
}

/** `0.001`, `1e-3`, `.5`. */
export function parseNumber(text: string, option: string): number {
  const number = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;
  if (!Number.isFinite(number)) throw invalidArgument(option, 'a number such as 0.01', text);
  return number;
}

const units: Readonly<Record<string, number>> = {
  B: 1,
  K: 2 ** 10,
  KiB: 2 ** 10,
  KB: 1e3,
  M: 2 ** 20,
  MiB: 2 ** 20,
  MB: 1e6,
  G: 2 ** 30,
  GiB: 2 ** 30,
  GB: 1e9,
  T: 2 ** 40,
  TiB: 2 ** 40,
  TB: 1e12,
};

/**
 * `1.5GiB` → bytes. K, M, G and T are binary, as in trtexec. A bare number is refused: trtexec reads it as MiB, most
 * other tools as bytes.
 */
export function parseSize(text: string, option: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+)$/.exec(text.trim());
  const unit = match?.[2] === undefined ? undefined : units[match[2]];
  const bytes = match && unit !== undefined ? Math.round(Number(match[1]) * unit) : NaN;
  if (!Number.isSafeInteger(bytes)) {
    throw invalidArgument(option, 'a size with its unit, such as 512MiB or 1GiB', text);
  }
  return bytes;
}

/** `1e-3` for every type, or `float16=1e-2,float32=1e-5`. */
export function parseTolerance(
  text: string,
  option: string,
): number | Readonly<Record<string, number>> {
  if (!text.includes('=')) return parseNumber(text, option);
  return Object.fromEntries(
    text.split(',').map((part): [string, number] => {
      const [type = '', value = '', ...rest] = part.split('=');
      const name = type.trim();
      if (name === '' || rest.length > 0) {
        throw invalidArgument(option, 'a number, or numbers by type: float16=1e-2', text);
      }
      return [name, parseNumber(value.trim(), option)];
    }),
  );
}
