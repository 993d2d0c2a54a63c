/** How what lies over a view begins. */
import type { DomainRow } from "../model/types.ts";
import type { PromptKind } from "./actions.ts";
import { deviceNames } from "./devices.ts";
import { EMPTY_LINE, lineOf } from "./line_editor.ts";
import { PROMPTS } from "./prompts.ts";
import type { Overlay, UiState } from "./ui_state.ts";

const show = (state: UiState, overlay: Overlay): UiState => ({ ...state, overlay });

export function openPrompt(state: UiState, prompt: PromptKind, row: DomainRow | undefined): UiState {
  const line = lineOf(PROMPTS[prompt].initial(row, state.delaySeconds));
  const uuid = row === undefined ? {} : { uuid: row.figures.uuid };
  return show(state, { kind: "prompt", prompt, line, ...uuid });
}

/** The figures have a domain's devices: nothing is to be loaded. */
export function openDetach(state: UiState, row: DomainRow): UiState {
  const { uuid } = row.figures;
  return show(state, {
    kind: "choose",
    choice: "detach",
    uuid,
    line: EMPTY_LINE,
    index: 0,
    items: deviceNames(row),
  });
}

export function openConfirm(state: UiState, { figures }: DomainRow): UiState {
  return show(state, { kind: "confirm", uuid: figures.uuid, name: figures.name, line: EMPTY_LINE });
}

export function openCredit(state: UiState, { figures }: DomainRow): UiState {
  return show(state, { kind: "credit", uuid: figures.uuid, weight: figures.weight, cap: figures.cap });
}

export function open(state: UiState, overlay: "help" | "palette" | "filter" | "columns"): UiState {
  switch (overlay) {
    case "help":
      return { ...state, overlay: { kind: "help" }, scroll: { ...state.scroll, help: 0 } };
    case "palette":
      return show(state, { kind: "palette", line: EMPTY_LINE, index: 0 });
    case "columns":
      return show(state, { kind: "columns", index: 0 });
    case "filter":
      return show(state, { kind: "filter", line: lineOf(state.filter), before: state.filter });
  }
}
