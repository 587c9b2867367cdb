import { Option } from 'commander';

/**
 * Another spelling of an option, as people who know trtexec type it. It sets the same flag, and `--help` leaves it out:
 * `trt-node help trtexec` has them all.
 */
class AliasFlag extends Option {
  readonly #attribute: string;

  constructor(flags: string, attribute: string) {
    super(flags);
    this.#attribute = attribute;
  }

  override attributeName(): string {
    return this.#attribute;
  }
}

/**
 * @param flags as in `command.option`
 * @param attribute the name of the flag that it sets, `lanes`
 */
export function aliasFlag<T>(
  flags: string,
  attribute: string,
  parse?: (text: string, before: T | undefined) => T,
): Option {
  const option = new AliasFlag(flags, attribute).hideHelp();
  // commander's own type is of any.
  return parse === undefined ? option : option.argParser<T | undefined>(parse);
}

/** A spelling without a value, which stands for `value` of the other option: `--useSpinWait` is `--waiting spin`. */
export function aliasFor(flags: string, attribute: string, value: unknown): Option {
  return new AliasFlag(flags, attribute).hideHelp().preset(value);
}
