/** Which rows the table shows: filtered, sorted, and of those as many as there is room for. */
import { columnById, type ColumnContext } from "./columns.ts";
import { fuzzyFind } from "./fuzzy.ts";
import type { DomainRow } from "./types.ts";

export interface TableOptions {
  readonly filter: string;
  /** Absent: xend's order. */
  readonly sort?: { readonly column: string; readonly descending: boolean };
}

export interface TableRow {
  readonly row: DomainRow;
  /** Characters of the name that the filter found. */
  readonly positions: readonly number[];
}

function compare(a: string | number | undefined, b: string | number | undefined): number {
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : a > b ? 1 : 0;
  // Without a limit is more than any.
  const numbers = [a, b].map((value) => typeof value === "number" ? value : Infinity);
  return numbers[0] === numbers[1] ? 0 : numbers[0] - numbers[1];
}

function filtered(rows: readonly DomainRow[], filter: string): TableRow[] {
  const pattern = filter.trim();
  if (pattern === "") return rows.map((row) => ({ row, positions: [] }));
  const found = new Map(
    fuzzyFind(pattern, rows, ({ figures }) => figures.name).map(({ item, positions }) => [item, positions]),
  );
  return rows.flatMap((row): TableRow[] => {
    const positions = found.get(row);
    if (positions !== undefined) return [{ row, positions }];
    // A number means a domain's.
    return String(row.figures.domid) === pattern ? [{ row, positions: [] }] : [];
  });
}

/** A filter does not change the order: the rows stay where the eye has them. Equal rows stay in xend's order. */
export function tableRows(
  rows: readonly DomainRow[],
  { filter, sort }: TableOptions,
  context: ColumnContext,
): TableRow[] {
  const shown = filtered(rows, filter);
  const column = sort === undefined ? undefined : columnById(sort.column);
  if (column === undefined) return shown;
  const sign = sort!.descending ? -1 : 1;
  return shown
    .map((item) => ({ item, value: column.value(item.row, context) }))
    .sort((a, b) => sign * compare(a.value, b.value))
    .map(({ item }) => item);
}

export interface RowWindow {
  /** The first row shown, and the one after the last. */
  readonly start: number;
  readonly end: number;
}

/**
 * The rows around the selected one that fit. It moves no more than it must: as long as the selected row is in it, it stays where it was.
 *
 * @param heights lines of each row with its sub-rows. @param selected an index; out of range: none. @param before where the window began
 */
export function rowWindow(
  heights: readonly number[],
  height: number,
  selected: number,
  before = 0,
): RowWindow {
  const fitsFrom = (start: number): number => {
    let end = start;
    for (let room = height; end < heights.length && heights[end] <= room; end++) room -= heights[end];
    // A row higher than the screen is shown as far as it goes.
    return end === start && end < heights.length ? end + 1 : end;
  };
  const fitsBefore = (end: number): number => {
    let start = end;
    for (let room = height; start > 0 && heights[start - 1] <= room; start--) room -= heights[start - 1];
    return start === end && end > 0 ? end - 1 : start;
  };
  const count = heights.length;
  let start = Math.max(0, Math.min(before, count));
  if (selected >= 0 && selected < count) {
    if (selected < start) start = selected;
    else if (selected >= fitsFrom(start)) start = fitsBefore(selected + 1);
  }
  // No room is left empty that rows above could fill.
  if (fitsFrom(start) === count) start = Math.min(start, fitsBefore(count));
  return { start, end: fitsFrom(start) };
}
