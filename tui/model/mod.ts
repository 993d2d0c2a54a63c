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
