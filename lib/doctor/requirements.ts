import { invalidArgument, TrtError } from '../errors';
import { suggestion } from '../nearest-name';
import type { Job } from '../doctor';

/** What `doctor --require` can ask for, and what it compares. */
export const requirementNames = {
  tensorrt: "TensorRT's version",
  'tensorrt-rtx': "TensorRT-RTX's version",
  driver: "the NVIDIA driver's version",
  cuda: 'the newest CUDA that the driver supports',
  gpu: "a GPU's compute capability",
  memory: "a GPU's memory",
  node: "Node.js' version",
  glibc: "the C library's version",
  'trt-node': "trt-node's version",
} as const;

export type RequirementName = keyof typeof requirementNames;

export const comparators = ['>=', '<=', '>', '<', '='] as const;
export type Comparator = (typeof comparators)[number];

/** One requirement: `tensorrt>=10.6`. */
export interface Requirement {
  /** As it was written, without spaces. */
  readonly text: string;
  readonly name: RequirementName;
  readonly comparator: Comparator;
  /** A version; of `memory` bytes, in digits. */
  readonly wanted: string;
}

/** What of the machine was compared with a requirement. */
export interface RequirementResult {
  readonly requirement: string;
  readonly name: RequirementName;
  readonly comparator: Comparator;
  /** As in the requirement: a version, or a size with its unit. */
  readonly wanted: string;
  /** A version, or bytes in digits; null where there is none. */
  readonly found: string | null;
  /** Where it was found, or why there is none. */
  readonly where: string;
  readonly holds: boolean;
}

/** The two jobs ask for different things of a TensorRT: a builder, a runtime. */
export type RequiredFor = Job | 'any';

const names = Object.keys(requirementNames) as RequirementName[];
const form = 'name, comparison and version, such as tensorrt>=10.6 or memory>=16GiB';

/** `tensorrt>=10.6,driver>=550` → each of them. Throws ERR_TRT_INVALID_ARG. */
export function parseRequirements(text: string, option = '--require'): readonly Requirement[] {
  return text.split(',').map((part) => parseRequirement(part, option));
}

function parseRequirement(part: string, option: string): Requirement {
  const text = part.replace(/\s+/g, '');
  const [, name = '', sign = '', wanted = ''] = /^([^<>=!~^]*)([<>=!~^]*)(.*)$/.exec(text) ?? [];
  if (text === '') throw invalidArgument(option, form, part);
  const known = names.find((each) => each === name.toLowerCase());
  if (known === undefined) throw unknownName(name, option);
  if (sign === '' && wanted === '') {
    // An unquoted `tensorrt>=10.6` reaches the program as `tensorrt`.
    throw invalidArgument(
      option,
      `${form}; write it in quotes, as a shell takes > and < for files`,
      part,
    );
  }
  const comparator = comparators.find((each) => each === (sign === '==' ? '=' : sign));
  if (comparator === undefined) {
    throw invalidArgument(option, `a comparison of ${comparators.join(', ')}`, part);
  }
  return { text, name: known, comparator, wanted: checkedValue(known, wanted, option, part) };
}

function unknownName(name: string, option: string): TrtError {
  return new TrtError(
    'ERR_TRT_INVALID_ARG',
    `expected one of ${names.join(', ')} in \`${option}\` but received ${JSON.stringify(name)}` +
      (suggestion(name, names) || '.'),
    { details: { argument: option, name } },
  );
}

function checkedValue(name: RequirementName, wanted: string, option: string, part: string): string {
  if (name === 'memory') {
    if (memoryBytes(wanted) === null) {
      throw invalidArgument(option, 'a size with its unit, such as memory>=16GiB', part);
    }
    return wanted;
  }
  if (!/^\d{1,9}(\.\d{1,9}){0,4}$/.test(wanted)) {
    throw invalidArgument(option, `a version such as ${name}>=${examples[name]}`, part);
  }
  return wanted;
}

const examples: Readonly<Record<Exclude<RequirementName, 'memory'>, string>> = {
  tensorrt: '10.6',
  'tensorrt-rtx': '1.5',
  driver: '550',
  cuda: '12.4',
  gpu: '8.0',
  node: '20.17',
  glibc: '2.28',
  'trt-node': '0.1',
};

const memoryUnits: Readonly<Record<string, number>> = {
  MiB: 2 ** 20,
  MB: 1e6,
  M: 2 ** 20,
  GiB: 2 ** 30,
  GB: 1e9,
  G: 2 ** 30,
};

/** `16GiB` → bytes; null for anything else. M and G are binary, as everywhere on this command line. */
export function memoryBytes(text: string): number | null {
  const [, amount, unit = ''] = /^(\d{1,9}(?:\.\d{1,6})?)([A-Za-z]+)$/.exec(text) ?? [];
  const factor = memoryUnits[unit];
  return amount === undefined || factor === undefined ? null : Math.round(Number(amount) * factor);
}

/**
 * Compares as far as the requirement goes: 10.6.1 is `=10.6`, is `<=10.6`, and is not `>10.6`. Numbers of the found
 * version that are missing count as 0.
 */
export function versionHolds(found: string, comparator: Comparator, wanted: string): boolean {
  const want = wanted.split('.').map(Number);
  const have = found.split('.').map((part) => Number.parseInt(part, 10) || 0);
  const difference =
    want.map((number, index) => (have[index] ?? 0) - number).find((each) => each !== 0) ?? 0;
  return compares(difference, comparator);
}

/** Whether `difference` (found less wanted) is what the comparator asks for. */
export function compares(difference: number, comparator: Comparator): boolean {
  switch (comparator) {
    case '>=':
      return difference >= 0;
    case '<=':
      return difference <= 0;
    case '>':
      return difference > 0;
    case '<':
      return difference < 0;
    case '=':
      return difference === 0;
  }
}
