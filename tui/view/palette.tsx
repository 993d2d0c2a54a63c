/** The command palette. */
import type { ReactElement } from "react";
import type { UiWorld } from "../keys/events.ts";
import { keyLabel } from "../keys/key_names.ts";
import { itemsOf } from "../keys/overlays.ts";
import type { PaletteItem } from "../keys/palette.ts";
import type { Overlay, UiState } from "../keys/ui_state.ts";
import { errorLines } from "./dialogs.tsx";
import { editText } from "./edit_text.ts";
import { BLANK_LINE, cutText, harmless, type Line, line, padEnd, span } from "./line.ts";
import { listStart } from "./list_window.ts";
import { useLook } from "./look.ts";
import { Popup } from "./popup.tsx";
import type { Size } from "./scene.ts";

const WIDTH = 74;

interface Props {
  readonly overlay: Extract<Overlay, { kind: "palette" }>;
  readonly ui: UiState;
  readonly world: UiWorld;
  readonly size: Size;
}

/** What stands at the right: the key, what the command does, why it is refused. */
function aside(item: PaletteItem, plainKeys: boolean): string {
  if (item.refused !== undefined) return item.refused;
  switch (item.kind) {
    case "entry":
      return item.entry.keys.slice(0, 2).map((key) => keyLabel(key, plainKeys)).join(" ");
    case "line":
      return item.summary;
    default:
      return "";
  }
}

export function Palette({ overlay, ui, world, size }: Props): ReactElement {
  const { plainKeys, glyphs } = useLook();
  const width = Math.min(WIDTH, size.columns - 4);
  const items = itemsOf(ui, overlay.line.text, world);
  const height = Math.max(3, Math.min(16, size.rows - 9));
  const start = listStart(overlay.index, items.length, height);
  const show = (item: PaletteItem, isChosen: boolean): Line => {
    const right = cutText(aside(item, plainKeys), 30);
    const room = width - right.length - 3;
    const title = padEnd(cutText(harmless(item.title), room), room);
    const text = `${isChosen ? glyphs.pointer : " "} ${title}`;
    if (isChosen) return line(span(`${text} ${right}`, "selected"));
    return line(span(text, item.refused === undefined ? "text" : "dim"), " ", span(right, "dim"));
  };
  const lines = [
    line(span(": ", "key"), ...editText(overlay.line, width - 4)),
    BLANK_LINE,
    ...items.slice(start, start + height).map((item, at) => show(item, start + at === overlay.index)),
    ...errorLines(overlay.error, width),
    BLANK_LINE,
    line(
      span(keyLabel("Enter", plainKeys), "key"),
      span(" run   ", "dim"),
      span("Tab", "key"),
      span(" complete   ", "dim"),
      span("Esc", "key"),
      span(` close   ${items.length} entries; or type a command line`, "dim"),
    ),
  ];
  return <Popup title="Command palette" lines={lines} width={width} size={size} />;
}
