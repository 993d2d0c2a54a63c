/** A row of the key table as it is written: what can be told from the action is left out. */
import type { Action, KeyContext, MainView } from "./actions.ts";

export type KeyGroup = "Moving" | "Views" | "Table" | "Domain" | "Host" | "Program" | "In dialogs";

export interface KeyEntry {
  readonly id: string;
  /** Names of keys (key_names.ts); the first is the one that hints show. */
  readonly keys: readonly string[];
  readonly contexts: readonly KeyContext[];
  /** What it does, as help and palette say it. */
  readonly title: string;
  /** A word for the last line; absent: it has no hint. */
  readonly hint?: string;
  readonly group: KeyGroup;
  readonly action: Action;
  readonly allowedReadOnly: boolean;
  /** The palette offers it. */
  readonly inPalette: boolean;
}

export const MAIN: readonly KeyContext[] = ["domains", "pcpus", "events", "commands"];
export const EVERYWHERE: readonly KeyContext[] = [...MAIN, "detail"];
export const ON_DOMAIN: readonly KeyContext[] = ["domains", "detail"];
export const TEXT: readonly KeyContext[] = ["palette", "filter", "confirm", "prompt", "choose"];

export interface Row extends Omit<KeyEntry, "allowedReadOnly" | "inPalette"> {
  readonly inPalette?: boolean;
}

export const move = (by: "line" | "page" | "all", direction: -1 | 1): Action => ({
  do: "move",
  by,
  direction,
});
export const view = (name: MainView): Action => ({ do: "view", view: name });
