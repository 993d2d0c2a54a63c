/** What the views show, made of what xend gives: the feed, rates and pasts, notices. */
export { Feed, type FeedOptions } from "./feed.ts";
export { HISTORY_LENGTH } from "./series.ts";
export type {
  Connection,
  DomainRow,
  HostView,
  LoggedCommand,
  Notice,
  Rates,
  Series,
  Snapshot,
} from "./types.ts";
export {
  cell,
  type Column,
  columnById,
  type ColumnContext,
  COLUMNS,
  firstPan,
  fitColumns,
  type FitOptions,
  type FittedColumns,
  headerCell,
  SPARK_WIDTH,
} from "./columns.ts";
export { fuzzyFind, fuzzyMatch, type Match, matchIndices } from "./fuzzy.ts";
export { type RowWindow, rowWindow, type TableOptions, type TableRow, tableRows } from "./table.ts";
export * from "./humanize.ts";
