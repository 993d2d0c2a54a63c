/** What the user has done to the screen: plain data, changed only by the reducer. */
import type { DashboardOptions } from "../ports.ts";
import type { LoggedCommand } from "../model/types.ts";
import type { ChoiceKind, MainView, PromptKind } from "./actions.ts";
import type { EditLine } from "./line_editor.ts";

export const TABS = [
  "Overview",
  "Configuration",
  "vCPUs",
  "Memory",
  "Devices",
  "Channels",
  "Grants",
  "Inside",
  "Console",
  "Log",
] as const;
export type Tab = typeof TABS[number];

export const MAIN_VIEWS: readonly MainView[] = ["domains", "pcpus", "events", "commands"];

/** What lies over the view; one at a time. */
export type Overlay =
  | { readonly kind: "help" }
  | { readonly kind: "palette"; readonly line: EditLine; readonly index: number; readonly error?: string }
  | { readonly kind: "filter"; readonly line: EditLine; readonly before: string }
  | { readonly kind: "columns"; readonly index: number }
  | {
    readonly kind: "confirm";
    readonly uuid: string;
    readonly name: string;
    readonly line: EditLine;
    readonly error?: string;
  }
  | {
    readonly kind: "prompt";
    readonly prompt: PromptKind;
    /** Of the domain that it is about. */
    readonly uuid?: string;
    readonly line: EditLine;
    readonly error?: string;
  }
  | {
    readonly kind: "choose";
    readonly choice: ChoiceKind;
    /** Of the domain that it is about. */
    readonly uuid?: string;
    readonly line: EditLine;
    readonly index: number;
    /** Absent: not loaded yet. */
    readonly items?: readonly string[];
    readonly error?: string;
  }
  | { readonly kind: "credit"; readonly uuid: string; readonly weight: number; readonly cap: number };

export interface Sort {
  readonly column: string;
  readonly descending: boolean;
}

export interface Message {
  readonly at: number;
  readonly severity: "info" | "done" | "failed";
  readonly text: string;
}

export interface Command extends LoggedCommand {
  readonly id: number;
}

export interface UiState {
  readonly view: MainView;
  /** Its detail lies over the view. */
  readonly detail?: { readonly uuid: string; readonly tab: number };
  readonly overlay?: Overlay;
  /** UUID; absent: the first row. */
  readonly selected?: string;
  /** Where it stood last: what is selected when it is gone. */
  readonly selectedIndex: number;
  readonly filter: string;
  /** Absent: xend's order. */
  readonly sort?: Sort;
  readonly hiddenColumns: readonly string[];
  /** So many columns after the name are left of the screen. */
  readonly pan: number;
  readonly networks: boolean;
  readonly vbds: boolean;
  readonly vcpus: boolean;
  readonly repeatHeader: boolean;
  readonly fullName: boolean;
  readonly graphs: boolean;
  readonly mouse: boolean;
  readonly theme: string;
  readonly delaySeconds: number;
  readonly readOnly: boolean;
  /** Lines scrolled, by place (`placeOf`); of what follows its end: from the end. */
  readonly scroll: Readonly<Record<string, number>>;
  /** Latest last. */
  readonly commands: readonly Command[];
  readonly message?: Message;
}

export function initialState(options: DashboardOptions, theme: string): UiState {
  return {
    view: "domains",
    selectedIndex: 0,
    filter: "",
    hiddenColumns: [],
    pan: 0,
    networks: options.networks,
    vbds: options.vbds,
    vcpus: options.vcpus,
    repeatHeader: options.repeatHeader,
    fullName: options.fullName,
    graphs: true,
    mouse: false,
    theme,
    delaySeconds: options.delaySeconds,
    readOnly: options.readOnly,
    scroll: {},
    commands: [],
  };
}

/** The part of the screen that moving keys scroll. */
export function placeOf(state: UiState): string {
  if (state.overlay?.kind === "help") return "help";
  if (state.detail !== undefined) return `detail:${TABS[state.detail.tab]}`;
  return state.view;
}

/** Shows its last lines unless it is scrolled back. */
export function followsEnd(place: string): boolean {
  return ["events", "commands", "detail:Console", "detail:Log"].includes(place);
}
