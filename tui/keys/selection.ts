/** Where keys go, which domain they are about, and how moving keys move. */
import type { DomainRow } from "../model/types.ts";
import type { KeyContext } from "./actions.ts";
import type { UiWorld } from "./events.ts";
import { followsEnd, placeOf, type UiState } from "./ui_state.ts";

const WHEEL_LINES = 3;

/** The view below what lies over it. */
export function baseContext(state: UiState): KeyContext {
  return state.detail === undefined ? state.view : "detail";
}

export function keyContext(state: UiState): KeyContext {
  return state.overlay?.kind ?? baseContext(state);
}

export function find(rows: readonly DomainRow[], uuid: string | undefined): DomainRow | undefined {
  return uuid === undefined ? undefined : rows.find(({ figures }) => figures.uuid === uuid);
}

/** The domain that actions are about: the detail's, else the selected one. */
export function target(state: UiState, world: UiWorld): DomainRow | undefined {
  if (state.detail !== undefined) return find(world.all, state.detail.uuid);
  return find(world.visible(state), state.selected);
}

/** Keeps a domain selected for as long as there is one. @returns the same object when nothing changes */
export function select(state: UiState, world: UiWorld): UiState {
  const rows = world.visible(state);
  const at = rows.findIndex(({ figures }) => figures.uuid === state.selected);
  if (at >= 0) return at === state.selectedIndex ? state : { ...state, selectedIndex: at };
  if (rows.length === 0) return state;
  const selectedIndex = Math.max(0, Math.min(state.selectedIndex, rows.length - 1));
  return { ...state, selectedIndex, selected: rows[selectedIndex].figures.uuid };
}

type Distance = "line" | "page" | "all" | "wheel";

function steps(by: Distance, page: number): number {
  switch (by) {
    case "line":
      return 1;
    case "wheel":
      return WHEEL_LINES;
    case "page":
      return Math.max(1, page - 1);
    case "all":
      return Infinity;
  }
}

const clamp = (value: number, limit: number) => Math.max(0, Math.min(value, limit));

/** Where an entry of a list stands after a move. */
export function moved(index: number, count: number, by: Distance, direction: -1 | 1, page: number): number {
  return clamp(index + direction * steps(by, page), Math.max(0, count - 1));
}

export function scrolled(state: UiState, world: UiWorld, by: Distance, direction: -1 | 1): UiState {
  const place = placeOf(state);
  const turned = followsEnd(place) ? -direction : direction;
  // The content may have become shorter since.
  const from = clamp(state.scroll[place] ?? 0, world.scrollLimit);
  const to = clamp(from + turned * steps(by, world.page), world.scrollLimit);
  return to === state.scroll[place] ? state : { ...state, scroll: { ...state.scroll, [place]: to } };
}

/** Moves the selection of the table, or scrolls what else is shown. */
export function move(state: UiState, world: UiWorld, by: Distance, direction: -1 | 1): UiState {
  if (state.overlay?.kind === "help" || baseContext(state) !== "domains") {
    return scrolled(state, world, by, direction);
  }
  const rows = world.visible(state);
  if (rows.length === 0) return state;
  const at = rows.findIndex(({ figures }) => figures.uuid === state.selected);
  const index = moved(Math.max(0, at), rows.length, by, direction, world.page);
  return { ...state, selected: rows[index].figures.uuid, selectedIndex: index };
}
