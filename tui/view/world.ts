/** The rest of the program as the reducer sees it, made from what is on the screen. */
import type { UiWorld } from "../keys/events.ts";
import type { UiState } from "../keys/ui_state.ts";
import {
  type ColumnContext,
  COLUMNS,
  matchIndices,
  type Snapshot,
  type TableRow,
  tableRows,
} from "../model/mod.ts";
import type { Scene } from "./scene.ts";
import type { Viewport } from "./viewport.ts";

/** Sorting draws nothing. */
const UNDRAWN: ColumnContext["sparkline"] = () => "";

/** The table's rows, made anew only when figures, filter or order are other ones. */
export class VisibleRows {
  #key: readonly unknown[] = [];
  #table: readonly TableRow[] = [];
  #rows: readonly TableRow["row"][] = [];

  #update({ rows, host }: Snapshot, { filter, sort }: UiState): void {
    const key = [rows, filter, sort?.column, sort?.descending];
    if (key.every((value, index) => value === this.#key[index])) return;
    this.#key = key;
    const context = { totalMemoryKiB: host?.figures.node.totalMemoryKiB ?? 1, sparkline: UNDRAWN };
    this.#table = tableRows(rows, { filter, ...(sort === undefined ? {} : { sort }) }, context);
    this.#rows = this.#table.map(({ row }) => row);
  }

  table(snapshot: Snapshot, ui: UiState): readonly TableRow[] {
    this.#update(snapshot, ui);
    return this.#table;
  }

  rows(snapshot: Snapshot, ui: UiState): readonly TableRow["row"][] {
    this.#update(snapshot, ui);
    return this.#rows;
  }
}

export function worldOf(
  { snapshot }: Pick<Scene, "snapshot">,
  viewport: Viewport,
  visible: VisibleRows,
  themes: readonly string[],
  now: number,
): UiWorld {
  return {
    all: snapshot.rows,
    visible: (state) => visible.rows(snapshot, state),
    columns: COLUMNS,
    themes,
    match: matchIndices,
    page: viewport.page,
    scrollLimit: viewport.scrollLimit,
    firstPan: viewport.firstPan,
    now,
  };
}
