import { invalidArgument, TrtError } from '../errors';

const shapeFlags = ['--minShapes', '--optShapes', '--maxShapes'] as const;
type ShapeFlag = (typeof shapeFlags)[number];
type Shapes = Map<ShapeFlag, string>;

/** Whether a flag says something of a profile in trtexec's way; `--profile` does where its value is an index. */
export function takesShapes(flag: string, value: string): boolean {
  if (flag === '--profile') return /^\d+$/.test(value);
  return (shapeFlags as readonly string[]).includes(flag);
}

/**
 * trtexec's profiles: `--profile=0 --minShapes=… --optShapes=… --maxShapes=… --profile=1 …`, or the shapes of one profile alone. They
 * become trt-node's `--profile <ranges>`.
 */
export class TrtexecProfiles {
  readonly #byIndex = new Map<number, Shapes>();
  /** Shapes before any `--profile=<index>`. */
  readonly #first: Shapes = new Map();
  #current: Shapes = this.#first;

  add(flag: string, value: string): void {
    if (flag === '--profile') {
      const index = Number(value);
      if (this.#byIndex.has(index)) {
        throw invalidArgument('--profile', 'each index once', value);
      }
      this.#current = new Map();
      this.#byIndex.set(index, this.#current);
      return;
    }
    const shape = flag as ShapeFlag;
    if (this.#current.has(shape)) {
      throw invalidArgument(shape, 'one of it for each --profile=<index>', value);
    }
    this.#current.set(shape, unquoted(shape, value));
  }

  /** @throws TrtError `ERR_TRT_INVALID_ARG` */
  arguments(): string[] {
    if (this.#byIndex.size === 0) return flagsOf(this.#first);
    const [stray] = this.#first;
    if (stray !== undefined) {
      throw invalidArgument(stray[0], 'to stand behind a --profile=<index>', stray[1]);
    }
    return Array.from({ length: this.#byIndex.size }, (_, index) => {
      const shapes = this.#byIndex.get(index);
      if (shapes === undefined || shapes.size === 0) {
        const expected = `indices from 0 on, each with its shapes (${index} has none)`;
        throw invalidArgument('--profile', expected, [...this.#byIndex.keys()].join(', '));
      }
      return ['--profile', rangesOf(shapes, index)];
    }).flat();
  }
}

/** As flags of trt-node's own, which has these three; `--optShapes` alone stands for all, as in trtexec. */
function flagsOf(shapes: Shapes): string[] {
  return [...completed(shapes)].flatMap(([flag, value]) => [flag, value]);
}

function completed(shapes: Shapes): Shapes {
  const opt = shapes.get('--optShapes');
  if (shapes.size !== 1 || opt === undefined) return shapes;
  return new Map(shapeFlags.map((flag) => [flag, opt]));
}

function rangesOf(given: Shapes, index: number): string {
  const shapes = completed(given);
  const parts = shapeFlags.map((flag) => {
    const value = shapes.get(flag);
    if (value === undefined) {
      throw new TrtError(
        'ERR_TRT_INVALID_ARG',
        `expected --minShapes, --optShapes and --maxShapes behind --profile=${index}, or --optShapes alone: also give ${flag}`,
        { details: { argument: flag } },
      );
    }
    return { flag, items: new Map(value.split(',').map((item) => splitItem(flag, item))) };
  });
  const [smallest, ...rest] = parts;
  const names = [...new Set(parts.flatMap(({ items }) => [...items.keys()]))];
  return names
    .map((name) => {
      const dims = [smallest, ...rest].map((part) => {
        const found = part?.items.get(name);
        if (found !== undefined) return found;
        throw invalidArgument(part?.flag ?? '', `${name} too, as the others have it,`, undefined);
      });
      return `${name}${dims.join('/')}`;
    })
    .join(',');
}

/** `x:1x8` → `x:` and `1x8`; the sign stays with the name, as it tells dims from values. */
function splitItem(flag: ShapeFlag, item: string): [string, string] {
  const at = Math.max(item.lastIndexOf(':'), item.lastIndexOf('='));
  if (at <= 0) throw invalidArgument(flag, 'shapes such as x:1x3x224x224,y:4', item);
  return [item.slice(0, at + 1).trim(), item.slice(at + 1).trim()];
}

/** Names may stand in single quotes; a shape may be `scalar` and a name hold a wildcard, which trt-node does not know. */
function unquoted(flag: ShapeFlag, value: string): string {
  const text = value.replaceAll("'", '');
  if (text.includes('*')) {
    throw invalidArgument(flag, 'each input by its whole name, without *', value);
  }
  if (/:(scalar)?(,|$)/.test(text)) {
    throw invalidArgument(flag, 'no scalar (it has no dim to give; values are name=1)', value);
  }
  return text;
}
