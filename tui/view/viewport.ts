/** What the last frame showed where: the views write it, moving keys and the mouse read it. */

import type { UiEvent } from "../keys/events.ts";

/** A part of a line. */
export interface Target {
  readonly line: number;
  readonly from: number;
  readonly to: number;
  readonly event: UiEvent;
}

export class Viewport {
  /** Lines of the part that scrolls, and how far it can. */
  page = 10;
  scrollLimit = 0;
  /** Index of the table's first row that shows. */
  tableStart = 0;
  /** Columns of the table that the first step to the right passes. */
  firstPan = 1;
  /** UUIDs of the table's rows by line of the screen. */
  rows: ReadonlyMap<number, string> = new Map();
  /** What else can be clicked on. */
  targets: readonly Target[] = [];

  /** Before a frame. */
  clear(): void {
    this.rows = new Map();
    this.targets = [];
  }

  /** What a click there means. */
  eventAt(column: number, line: number): UiEvent | undefined {
    const target = this.targets.find((found) =>
      found.line === line && column >= found.from && column < found.to
    );
    if (target !== undefined) return target.event;
    const uuid = this.rows.get(line);
    return uuid === undefined ? undefined : { type: "click", uuid };
  }
}
