/** What the last frame showed where: the views write it, moving keys and the mouse read it. */

export class Viewport {
  /** Lines of the part that scrolls, and how far it can. */
  page = 10;
  scrollLimit = 0;
  /** Index of the table's first row that shows. */
  tableStart = 0;
  /** UUIDs of the table's rows by line of the screen. */
  rows: ReadonlyMap<number, string> = new Map();
  /** Tabs by line and columns. */
  tabs: { readonly line: number; readonly from: number; readonly to: number; readonly tab: number }[] = [];

  /** Before a frame. */
  clear(): void {
    this.rows = new Map();
    this.tabs = [];
  }

  tabAt(column: number, line: number): number | undefined {
    return this.tabs.find((tab) => tab.line === line && column >= tab.from && column < tab.to)?.tab;
  }
}
