/** What an event makes of the state, and what is to be done: the dashboard's behaviour, without terminal and xend. */
import type { Action } from "./actions.ts";
import type { Step, UiEvent, UiWorld } from "./events.ts";
import type { KeyPress } from "./key_names.ts";
import { insert } from "./line_editor.ts";
import { afterEdit, reduceOverlay } from "./overlays.ts";
import { done, openDetail, perform, refusal, say } from "./performance.ts";
import { keyContext, move, select } from "./selection.ts";
import { hintsFor, lookUp } from "./table.ts";
import type { UiState } from "./ui_state.ts";

/** How long what happened stays in the last line. */
const MESSAGE_MS = 8000;
const COMMANDS_KEPT = 200;

function press(state: UiState, key: KeyPress, world: UiWorld): Step {
  const context = keyContext(state);
  const entry = lookUp(context, key.name);
  if (entry === undefined) {
    if (state.overlay !== undefined) return reduceOverlay(state, { do: "edit" }, world, key);
    if (key.text === undefined) return done(state);
    const help = hintsFor(context).find(({ id }) => id === "help")?.keys[0];
    return done(say(state, world, "info", `nothing is on the key ${key.name} here; ${help} lists all keys`));
  }
  const refused = refusal(state, entry);
  if (refused !== undefined) return done(say(state, world, "failed", refused));
  const { action } = entry;
  if (action.do === "quit" || action.do === "repaint" || action.do === "suspend") {
    return perform(state, action, world, key);
  }
  if (state.overlay !== undefined) return reduceOverlay(state, action, world, key);
  return perform(state, action, world, key);
}

function logged(state: UiState, event: Extract<UiEvent, { type: "command" }>, world: UiWorld): UiState {
  const { type: _, ...command } = event;
  const commands = [...state.commands.filter(({ id }) => id !== command.id), command].sort((a, b) =>
    a.id - b.id
  );
  const next = { ...state, commands: commands.slice(-COMMANDS_KEPT) };
  const lines = command.output.trim().split("\n");
  // The whole of it stands in the log of commands.
  const more = lines.length > 1 ? ` (${lines.length} lines: l shows them)` : "";
  const told = more !== "" && command.state === "done" ? `done${more}` : `${lines[0]}${more}`;
  const text = told === "" ? command.line : `${command.line}: ${told}`;
  switch (command.state) {
    case "running":
      return say(next, world, "info", `${command.line} ...`);
    case "done":
      return say(next, world, "done", told === "" ? `${command.line}: done` : text);
    case "failed":
      return say(next, world, "failed", told === "" ? `${command.line}: failed` : text);
  }
}

function refreshed(state: UiState, world: UiWorld): UiState {
  const isOld = state.message !== undefined && world.now - state.message.at >= MESSAGE_MS;
  const next = isOld ? { ...state, message: undefined } : state;
  return select(next, world);
}

export function reduce(state: UiState, event: UiEvent, world: UiWorld): Step {
  switch (event.type) {
    case "key": {
      // What a key says replaces what was said before.
      const step = press({ ...state, message: undefined }, event.key, world);
      return { ...step, state: select(step.state, world) };
    }
    case "paste": {
      const { overlay } = state;
      if (overlay === undefined || !("line" in overlay)) return done(state);
      const next = { ...state, overlay: { ...overlay, line: insert(overlay.line, event.text) } };
      return done(select(afterEdit(next), world));
    }
    case "wheel":
      if (state.overlay !== undefined) {
        const action: Action = { do: "move", by: "line", direction: event.direction };
        return reduceOverlay(state, action, world, { name: event.direction < 0 ? "Up" : "Down" });
      }
      return done(select(move(state, world, "wheel", event.direction), world));
    case "click": {
      if (state.overlay !== undefined || state.detail !== undefined) return done(state);
      const isSelected = state.selected === event.uuid;
      const next = select({ ...state, selected: event.uuid }, world);
      return done(isSelected ? openDetail(next, world, 0) : next);
    }
    case "click-tab":
      if (state.overlay !== undefined || state.detail === undefined) return done(state);
      return done({ ...state, detail: { ...state.detail, tab: event.tab } });
    case "click-view":
      if (state.overlay !== undefined) return done(state);
      return done({ ...state, detail: undefined, view: event.view });
    case "refreshed":
      return done(refreshed(state, world));
    case "choices":
    case "choices-failed": {
      const { overlay } = state;
      if (overlay?.kind !== "choose" || overlay.choice !== event.choice) return done(state);
      const found = event.type === "choices" ? { items: event.items } : { items: [], error: event.message };
      return done({ ...state, overlay: { ...overlay, ...found } });
    }
    case "command":
      return done(logged(state, event, world));
    case "message":
      return done(say(state, world, event.severity, event.text));
  }
}
