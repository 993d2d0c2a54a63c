/** What an action of the key table or the palette does outside of overlays. */
import type { DomainRow } from "../model/types.ts";
import type { Action, Toggle } from "./actions.ts";
import { open, openConfirm, openCredit, openDetach, openPrompt } from "./dialogs.ts";
import type { Effect, Step, UiWorld } from "./events.ts";
import type { KeyPress } from "./key_names.ts";
import { EMPTY_LINE } from "./line_editor.ts";
import { designation } from "./prompts.ts";
import { move, target } from "./selection.ts";
import type { KeyEntry } from "./table.ts";
import { MAIN_VIEWS, type Message, TABS, type UiState } from "./ui_state.ts";

export function done(state: UiState, ...effects: Effect[]): Step {
  return { state, effects };
}

export function say(state: UiState, world: UiWorld, severity: Message["severity"], text: string): UiState {
  return { ...state, message: { at: world.now, severity, text } };
}

const wrap = (index: number, count: number) => (index + count) % count;

function toggle(state: UiState, what: Toggle): Step {
  const on = !state[what];
  const next = { ...state, [what]: on };
  return what === "mouse" ? done(next, { kind: "mouse", on }) : done(next);
}

function nextSort(state: UiState, world: UiWorld, direction: -1 | 1): UiState {
  const shown = world.columns.filter(({ id }) => !state.hiddenColumns.includes(id));
  const at = shown.findIndex(({ id }) => id === state.sort?.column);
  // -1 stands for xend's order.
  const next = (at + 1 + direction + shown.length + 1) % (shown.length + 1) - 1;
  if (next < 0) return { ...state, sort: undefined };
  return { ...state, sort: { column: shown[next].id, descending: shown[next].descends } };
}

function nextDomain(state: UiState, world: UiWorld, direction: -1 | 1): UiState {
  const rows = world.visible(state);
  if (rows.length === 0 || state.detail === undefined) return state;
  const at = rows.findIndex(({ figures }) => figures.uuid === state.detail?.uuid);
  const index = at < 0 ? 0 : wrap(at + direction, rows.length);
  const { uuid } = rows[index].figures;
  return { ...state, detail: { ...state.detail, uuid }, selected: uuid, selectedIndex: index };
}

export function openDetail(state: UiState, world: UiWorld, tab: number): UiState {
  const row = target(state, world);
  if (row === undefined) return state;
  return { ...state, detail: { uuid: row.figures.uuid, tab } };
}

function goBack(state: UiState): UiState {
  if (state.detail !== undefined) return { ...state, detail: undefined };
  if (state.view !== "domains") return { ...state, view: "domains" };
  return { ...state, filter: "" };
}

function onDomain(state: UiState, world: UiWorld, act: (row: DomainRow) => Step): Step {
  const row = target(state, world);
  return row === undefined ? done(say(state, world, "failed", "no domain is selected")) : act(row);
}

/** @param key that asked for it; of the palette: none */
export function perform(state: UiState, action: Action, world: UiWorld, key?: KeyPress): Step {
  switch (action.do) {
    case "quit":
      return done(state, { kind: "quit" });
    case "repaint":
      return done(state, { kind: "repaint" });
    case "suspend":
      return done(state, { kind: "suspend" });
    case "move":
      return done(move(state, world, action.by, action.direction));
    case "open-detail":
      return done(openDetail(state, world, state.detail?.tab ?? 0));
    case "tab": {
      const number = Number(key?.name);
      return done(openDetail(state, world, number === 0 ? TABS.length - 1 : number - 1));
    }
    case "back":
      return done(goBack(state));
    case "view": {
      const isThere = state.view === action.view && state.detail === undefined;
      return done({ ...state, detail: undefined, view: isThere ? "domains" : action.view });
    }
    case "next-view": {
      const at = MAIN_VIEWS.indexOf(state.view);
      return done({ ...state, view: MAIN_VIEWS[wrap(at + action.direction, MAIN_VIEWS.length)] });
    }
    case "next-tab":
      if (state.detail === undefined) return done(state);
      return done({
        ...state,
        detail: { ...state.detail, tab: wrap(state.detail.tab + action.direction, TABS.length) },
      });
    case "next-domain":
      return done(nextDomain(state, world, action.direction));
    case "toggle":
      return toggle(state, action.what);
    case "next-sort":
      return done(nextSort(state, world, action.direction));
    case "invert-sort": {
      const sort = state.sort ?? { column: world.columns[0].id, descending: false };
      return done({ ...state, sort: { ...sort, descending: state.sort === undefined || !sort.descending } });
    }
    case "next-theme": {
      const { themes } = world;
      const theme = themes[wrap(themes.indexOf(state.theme) + 1, themes.length)];
      return done(say({ ...state, theme }, world, "info", `theme: ${theme}`));
    }
    case "pan": {
      const most = Math.max(0, world.columns.length - state.hiddenColumns.length - 2);
      const { pan } = state;
      const moved = action.direction > 0
        ? Math.max(world.firstPan, pan + 1)
        : pan <= world.firstPan
        ? 0
        : pan - 1;
      return done({ ...state, pan: Math.min(moved, most) });
    }
    case "open":
      return done(open(state, action.overlay));
    case "ask":
      if (action.prompt === "delay") return done(openPrompt(state, action.prompt, undefined));
      return onDomain(state, world, (row) => done(openPrompt(state, action.prompt, row)));
    case "choose":
      if (action.choice === "detach") return onDomain(state, world, (row) => done(openDetach(state, row)));
      return done(
        { ...state, overlay: { kind: "choose", choice: action.choice, line: EMPTY_LINE, index: 0 } },
        { kind: "load", choice: action.choice },
      );
    case "attach":
      return onDomain(state, world, (row) => done(state, { kind: "attach", domain: designation(row) }));
    case "command":
      return onDomain(
        state,
        world,
        (row) => done(state, { kind: "run", words: [action.command, designation(row)] }),
      );
    case "destroy":
      return onDomain(state, world, (row) => done(openConfirm(state, row)));
    case "credit":
      return onDomain(state, world, (row) => done(openCredit(state, row)));
    case "edit":
    case "accept":
    case "cancel":
    case "complete":
    case "mark":
    case "adjust":
      // Of overlays alone: overlays.ts has them.
      return done(state);
  }
}

/** The refusal of `--readonly`. */
export function refusal(state: UiState, entry: KeyEntry): string | undefined {
  return state.readOnly && !entry.allowedReadOnly
    ? `read-only: "${entry.title}" is refused (started with --readonly)`
    : undefined;
}
