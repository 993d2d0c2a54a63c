/** Fuzzy search: which texts have a pattern's characters in its order, how well, and where. A capital in the pattern means a capital. */
import { Fzf } from "fzf";

export interface Match {
  readonly score: number;
  /** Where the text has the pattern's characters, as its code units count; ascending. */
  readonly positions: readonly number[];
}

interface Found<T> extends Match {
  readonly item: T;
}

/** Best first; the same score: the shorter, then the earlier one. An empty pattern matches everything. */
export function fuzzyFind<T>(pattern: string, items: readonly T[], textOf: (item: T) => string): Found<T>[] {
  const order = items.map((item, index) => ({ item, index, length: textOf(item).length }));
  const finder = new Fzf(order, {
    selector: ({ item }) => textOf(item),
    casing: "smart-case",
    tiebreakers: [(a, b) => a.item.length - b.item.length, (a, b) => a.item.index - b.item.index],
  });
  // fzf sorts what it finds, but not all there is.
  return finder.find(pattern.trim()).map(({ item, score, positions }) => ({
    item: item.item,
    score,
    positions: [...positions].sort((a, b) => a - b),
  }));
}

export function fuzzyMatch(pattern: string, text: string): Match | undefined {
  const [found] = fuzzyFind(pattern, [text], (item) => item);
  return found === undefined ? undefined : { score: found.score, positions: found.positions };
}

/** @returns which of the candidates match, best first, by index */
export function matchIndices(pattern: string, candidates: readonly string[]): number[] {
  return fuzzyFind(pattern, candidates.map((text, index) => ({ text, index })), ({ text }) => text)
    .map(({ item }) => item.index);
}
