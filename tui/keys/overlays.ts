/** What keys do in what lies over a view: filter, palette, columns, confirmation, prompts, lists, weight and cap. */
import type { Action } from "./actions.ts";
import { judge } from "./commands.ts";
import { detachWords } from "./devices.ts";
import type { Effect, Step, UiWorld } from "./events.ts";
import { edit, lineOf } from "./line_editor.ts";
import type { KeyPress } from "./key_names.ts";
import { type PaletteItem, paletteItems } from "./palette.ts";
import { designation, PROMPTS } from "./prompts.ts";
import { perform, refusal } from "./performance.ts";
import { baseContext, find, moved, scrolled, target } from "./selection.ts";
import type { Overlay, UiState } from "./ui_state.ts";
import { splitWords } from "./words.ts";

const WEIGHT = { least: 1, most: 65_535, step: 16 };
const CAP_STEP = 5;

type OverlayOf<K extends Overlay["kind"]> = Extract<Overlay, { kind: K }>;

const step = (state: UiState, ...effects: Effect[]): Step => ({ state, effects });
const close = (state: UiState): UiState => ({ ...state, overlay: undefined });
const show = (state: UiState, overlay: Overlay): UiState => ({ ...state, overlay });

/** What follows from a text that changed: the filter filters as it is typed, lists begin anew, complaints are over. */
export function afterEdit(state: UiState): UiState {
  const { overlay } = state;
  switch (overlay?.kind) {
    case "filter":
      return { ...state, filter: overlay.line.text };
    case "palette":
    case "choose":
      return show(state, { ...overlay, index: 0, error: undefined });
    case "confirm":
    case "prompt":
      return show(state, { ...overlay, error: undefined });
    default:
      return state;
  }
}

/** What the palette shows now. */
export function itemsOf(state: UiState, text: string, world: UiWorld): readonly PaletteItem[] {
  const row = target(state, world);
  return paletteItems(text, {
    context: baseContext(state),
    readOnly: state.readOnly,
    match: world.match,
    ...(row === undefined ? {} : { target: row }),
  });
}

/** What a list shows of its items now. */
export function choicesOf({ items, line }: OverlayOf<"choose">, world: UiWorld): readonly string[] {
  if (items === undefined || line.text.trim() === "") return items ?? [];
  return world.match(line.text.trim(), items).map((index) => items[index]);
}

function runLine(state: UiState, overlay: OverlayOf<"palette">, text: string): Step {
  let words: string[];
  try {
    words = splitWords(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return step(show(state, { ...overlay, error: error.message }));
  }
  if (words[0] === "xenolith") words.shift();
  if (words.length === 0) return step(close(state));
  const verdict = judge(words, state.readOnly);
  switch (verdict.kind) {
    case "refused":
      return step(show(state, { ...overlay, error: verdict.reason }));
    case "attach":
      return step(close(state), { kind: "attach", domain: verdict.domain });
    case "run":
      // Its output is what one wants to see.
      return step({ ...close(state), detail: undefined, view: "commands" }, { kind: "run", words });
  }
}

function acceptPalette(state: UiState, overlay: OverlayOf<"palette">, world: UiWorld): Step {
  const items = itemsOf(state, overlay.line.text, world);
  const item = items[overlay.index];
  if (item === undefined) return step(state);
  if (item.refused !== undefined) return step(show(state, { ...overlay, error: item.refused }));
  switch (item.kind) {
    case "entry": {
      const refused = refusal(state, item.entry);
      if (refused !== undefined) return step(show(state, { ...overlay, error: refused }));
      return perform(close(state), item.entry.action, world);
    }
    case "line":
      if (!item.isComplete) return step(show(state, { ...overlay, line: lineOf(item.line), index: 0 }));
      return runLine(state, overlay, item.line);
    case "typed":
      return runLine(state, overlay, item.line);
    case "unavailable":
      return step(state);
  }
}

function complete(state: UiState, overlay: OverlayOf<"palette">, world: UiWorld): UiState {
  const item = itemsOf(state, overlay.line.text, world)[overlay.index];
  return item?.kind === "line"
    ? show(state, { ...overlay, line: lineOf(item.line.trimEnd() + " "), index: 0, error: undefined })
    : state;
}

function acceptPrompt(state: UiState, overlay: OverlayOf<"prompt">, world: UiWorld): Step {
  const prompt = PROMPTS[overlay.prompt];
  const row = find(world.all, overlay.uuid);
  const answer = overlay.line.text.trim();
  if (prompt.words === undefined) {
    const error = prompt.check(answer, undefined);
    if (error !== undefined) return step(show(state, { ...overlay, error }));
    const seconds = Number(answer);
    return step({ ...close(state), delaySeconds: seconds }, { kind: "delay", seconds });
  }
  if (row === undefined) return step(show(state, { ...overlay, error: "the domain is gone" }));
  const error = prompt.check(answer, row);
  if (error !== undefined) return step(show(state, { ...overlay, error }));
  return step(close(state), { kind: "run", words: prompt.words(answer, row) });
}

function acceptConfirm(state: UiState, overlay: OverlayOf<"confirm">, world: UiWorld): Step {
  const row = find(world.all, overlay.uuid);
  if (row === undefined) return step(show(state, { ...overlay, error: "the domain is gone already" }));
  if (overlay.line.text.trim() !== overlay.name) {
    return step(show(state, { ...overlay, error: `that is not "${overlay.name}": nothing was done` }));
  }
  return step(close(state), { kind: "run", words: ["destroy", designation(row)] });
}

function acceptDetach(state: UiState, overlay: OverlayOf<"choose">, world: UiWorld): Step {
  const row = find(world.all, overlay.uuid);
  if (row === undefined) return step(show(state, { ...overlay, error: "the domain is gone" }));
  const device = choicesOf(overlay, world)[overlay.index];
  return device === undefined
    ? step(state)
    : step(close(state), { kind: "run", words: detachWords(device, row) });
}

function acceptChoice(state: UiState, overlay: OverlayOf<"choose">, world: UiWorld): Step {
  if (overlay.choice === "detach") return acceptDetach(state, overlay, world);
  const choices = choicesOf(overlay, world);
  const typed = overlay.line.text.trim();
  // A file that is not among the offered ones can be typed.
  const chosen = choices[overlay.index] ?? (overlay.choice === "create" ? typed : "");
  if (chosen === "") return step(state);
  if (chosen.startsWith("-")) return step(show(state, { ...overlay, error: "a name begins with no -" }));
  return step(close(state), { kind: "run", words: [overlay.choice, chosen] });
}

function acceptCredit(state: UiState, overlay: OverlayOf<"credit">, world: UiWorld): Step {
  const row = find(world.all, overlay.uuid);
  if (row === undefined) return step(close(state));
  const { weight, cap } = row.figures;
  const words = ["sched-credit", "-d", designation(row)];
  if (overlay.weight !== weight) words.push("-w", String(overlay.weight));
  if (overlay.cap !== cap) words.push("-c", String(overlay.cap));
  return words.length === 3 ? step(close(state)) : step(close(state), { kind: "run", words });
}

function accept(state: UiState, overlay: Overlay, world: UiWorld): Step {
  switch (overlay.kind) {
    case "palette":
      return acceptPalette(state, overlay, world);
    case "prompt":
      return acceptPrompt(state, overlay, world);
    case "confirm":
      return acceptConfirm(state, overlay, world);
    case "choose":
      return acceptChoice(state, overlay, world);
    case "credit":
      return acceptCredit(state, overlay, world);
    case "filter":
    case "help":
    case "columns":
      return step(close(state));
  }
}

function adjust(
  state: UiState,
  overlay: OverlayOf<"credit">,
  action: Extract<Action, { do: "adjust" }>,
  world: UiWorld,
): UiState {
  const { by } = action;
  if (action.what === "weight") {
    const { least, most } = WEIGHT;
    const wanted = action.coarse === true
      ? Math.round(overlay.weight * (by > 0 ? 2 : 0.5))
      // To the next multiple, so that it comes back to round numbers.
      : (by > 0 ? Math.floor : Math.ceil)(overlay.weight / WEIGHT.step) * WEIGHT.step + by * WEIGHT.step;
    return show(state, { ...overlay, weight: Math.max(least, Math.min(wanted, most)) });
  }
  const vcpus = find(world.all, overlay.uuid)?.figures.vcpus.length ?? 1;
  const cap = (by > 0 ? Math.floor : Math.ceil)(overlay.cap / CAP_STEP) * CAP_STEP + by * CAP_STEP;
  return show(state, { ...overlay, cap: Math.max(0, Math.min(cap, 100 * vcpus)) });
}

/** Hides or shows a column; the first, the name, stays. */
function mark(state: UiState, overlay: OverlayOf<"columns">, world: UiWorld): UiState {
  const column = world.columns[overlay.index];
  if (overlay.index === 0 || column === undefined) return state;
  const isHidden = state.hiddenColumns.includes(column.id);
  return {
    ...state,
    hiddenColumns: isHidden
      ? state.hiddenColumns.filter((id) => id !== column.id)
      : [...state.hiddenColumns, column.id],
  };
}

function moveIn(
  state: UiState,
  overlay: Overlay,
  action: Extract<Action, { do: "move" }>,
  world: UiWorld,
): UiState {
  const at = (index: number, count: number) =>
    moved(index, count, action.by, action.direction, Math.min(world.page, 10));
  switch (overlay.kind) {
    case "help":
      return scrolled(state, world, action.by, action.direction);
    case "columns":
      return show(state, { ...overlay, index: at(overlay.index, world.columns.length) });
    case "palette":
      return show(state, {
        ...overlay,
        index: at(overlay.index, itemsOf(state, overlay.line.text, world).length),
      });
    case "choose":
      return show(state, { ...overlay, index: at(overlay.index, choicesOf(overlay, world).length) });
    case "filter": {
      const rows = world.visible(state);
      if (rows.length === 0) return state;
      const from = Math.max(0, rows.findIndex(({ figures }) => figures.uuid === state.selected));
      const index = at(from, rows.length);
      return { ...state, selected: rows[index].figures.uuid, selectedIndex: index };
    }
    default:
      return state;
  }
}

export function reduceOverlay(state: UiState, action: Action, world: UiWorld, key: KeyPress): Step {
  const { overlay } = state;
  if (overlay === undefined) return step(state);
  switch (action.do) {
    case "accept":
      return accept(state, overlay, world);
    case "cancel":
      return step(
        overlay.kind === "filter" ? { ...close(state), filter: overlay.before } : close(state),
      );
    case "move":
      return step(moveIn(state, overlay, action, world));
    case "complete":
      return step(overlay.kind === "palette" ? complete(state, overlay, world) : state);
    case "mark":
      return step(overlay.kind === "columns" ? mark(state, overlay, world) : state);
    case "adjust":
      return step(overlay.kind === "credit" ? adjust(state, overlay, action, world) : state);
    case "edit": {
      if (!("line" in overlay)) return step(state);
      const line = edit(overlay.line, key);
      return step(line === overlay.line ? state : afterEdit(show(state, { ...overlay, line })));
    }
    default:
      return step(state);
  }
}
