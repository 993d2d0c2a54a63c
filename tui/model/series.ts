/** Figures' pasts: as long as they may be, oldest first. A series never changes; the next sample makes another. */
import type { Series } from "./types.ts";

/** Samples that are kept: ten minutes at one a second. */
export const HISTORY_LENGTH = 600;

/** @returns the same series where nothing would differ: full of one value that comes again */
export function append(series: Series, value: number, capacity = HISTORY_LENGTH): Series {
  if (series.length < capacity) return [...series, value];
  if (Object.is(series.at(-1), value) && Object.is(series[0], value)) {
    if (series.length === capacity && series.every((kept) => Object.is(kept, value))) return series;
  }
  const next = series.slice(series.length - capacity + 1);
  next.push(value);
  return next;
}
