/** A command line, read: which command, with which arguments and options. */
import { CommandError } from "./errors.ts";
import type { CommandSpec } from "./spec.ts";

export type OptionValue = string | true;

export class Invocation {
  constructor(
    readonly command: CommandSpec,
    readonly words: readonly string[],
    /** By long name. */
    readonly options: ReadonlyMap<string, OptionValue>,
  ) {}

  has(long: string): boolean {
    return this.options.has(long);
  }

  text(long: string): string | undefined {
    const value = this.options.get(long);
    return value === true ? undefined : value;
  }

  /** A whole number. @throws CommandError */
  number(long: string, minimum = 0, maximum = Number.MAX_SAFE_INTEGER): number | undefined {
    const text = this.text(long);
    return text === undefined ? undefined : wholeNumber(text, `--${long}`, minimum, maximum);
  }

  get json(): boolean {
    return this.has("json");
  }

  get verbose(): boolean {
    return this.has("verbose");
  }
}

/** @throws CommandError naming `what` */
export function wholeNumber(
  text: string,
  what: string,
  minimum = 0,
  maximum = Number.MAX_SAFE_INTEGER,
): number {
  const number = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
  if (!(number >= minimum && number <= maximum)) {
    const range = maximum === Number.MAX_SAFE_INTEGER
      ? `from ${minimum} on`
      : `from ${minimum} to ${maximum}`;
    throw new CommandError(
      `${what}: expected a whole number ${range}, found ${JSON.stringify(text)}`,
      "usage",
    );
  }
  return number;
}
