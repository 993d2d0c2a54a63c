/** Where in a command's arguments a line has come to. */
import type { OptionSpec } from "../spec.ts";

export interface Position {
  /** An option that waits for its value. */
  readonly pending?: OptionSpec;
  /** Of words that are arguments. */
  readonly count: number;
  /** After `--`. */
  readonly onlyWords: boolean;
}

export function argumentsOf(words: readonly string[], options: readonly OptionSpec[]): Position {
  let pending: OptionSpec | undefined;
  let count = 0, onlyWords = false;
  for (const word of words) {
    if (pending !== undefined) pending = undefined;
    else if (!onlyWords && word === "--") onlyWords = true;
    else if (!onlyWords && word.startsWith("--")) {
      if (!word.includes("=")) {
        pending = options.find(({ long, value }) => value !== undefined && `--${long}` === word);
      }
    } else if (!onlyWords && /^-./.test(word)) {
      const letters = [...word.slice(1)];
      const at = letters.findIndex((letter) =>
        options.some(({ short, value }) => value !== undefined && short === letter)
      );
      // The value stands in the same word otherwise.
      if (at === letters.length - 1) pending = options.find(({ short }) => short === letters[at]);
    } else count++;
  }
  return { pending: pending?.value?.optional === true ? undefined : pending, count, onlyWords };
}
