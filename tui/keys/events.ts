/** What the reducer is told, what it needs to know of the rest, and what it wants done. */
import type { DomainRow, LoggedCommand } from "../model/types.ts";
import type { LoadedChoice, MainView } from "./actions.ts";
import type { KeyPress } from "./key_names.ts";
import type { Matcher } from "./palette.ts";
import type { UiState } from "./ui_state.ts";

export type UiEvent =
  | { readonly type: "key"; readonly key: KeyPress }
  | { readonly type: "paste"; readonly text: string }
  | { readonly type: "wheel"; readonly direction: -1 | 1 }
  /** A click on a row of the table. */
  | { readonly type: "click"; readonly uuid: string }
  | { readonly type: "click-tab"; readonly tab: number }
  | { readonly type: "click-view"; readonly view: MainView }
  /** New figures are here. */
  | { readonly type: "refreshed" }
  | { readonly type: "choices"; readonly choice: LoadedChoice; readonly items: readonly string[] }
  | { readonly type: "choices-failed"; readonly choice: LoadedChoice; readonly message: string }
  /** A command line began or ended. */
  | ({ readonly type: "command"; readonly id: number } & LoggedCommand)
  | { readonly type: "message"; readonly severity: "info" | "done" | "failed"; readonly text: string };

/** What the reducer sees of the rest of the program. */
export interface UiWorld {
  /** All domains, in xend's order. */
  readonly all: readonly DomainRow[];
  /** Those that the table shows, filtered and in its order. */
  visible(state: UiState): readonly DomainRow[];
  readonly columns: readonly { readonly id: string; readonly title: string; readonly descends: boolean }[];
  readonly themes: readonly string[];
  readonly match: Matcher;
  /** Lines of the part that scrolls, and how far it can. */
  readonly page: number;
  readonly scrollLimit: number;
  /** Columns that the first step to the right passes: fewer would not show. */
  readonly firstPan: number;
  readonly now: number;
}

export type Effect =
  | { readonly kind: "quit" }
  | { readonly kind: "repaint" }
  | { readonly kind: "suspend" }
  | { readonly kind: "run"; readonly words: readonly string[] }
  | { readonly kind: "attach"; readonly domain: string }
  | { readonly kind: "load"; readonly choice: LoadedChoice }
  | { readonly kind: "delay"; readonly seconds: number }
  | { readonly kind: "mouse"; readonly on: boolean };

export interface Step {
  readonly state: UiState;
  readonly effects: readonly Effect[];
}
