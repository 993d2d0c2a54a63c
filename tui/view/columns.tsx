/** The choice of columns. */
import type { ReactElement } from "react";
import type { UiWorld } from "../keys/events.ts";
import type { UiState } from "../keys/ui_state.ts";
import { BLANK_LINE, line, padEnd, span } from "./line.ts";
import { listStart } from "./list_window.ts";
import { useLook } from "./look.ts";
import { Popup } from "./popup.tsx";
import type { Size } from "./scene.ts";

const WIDTH = 44;

interface Props {
  readonly index: number;
  readonly ui: UiState;
  readonly world: UiWorld;
  readonly size: Size;
}

export function Columns({ index, ui, world, size }: Props): ReactElement {
  const { glyphs } = useLook();
  const { columns } = world;
  const height = Math.max(3, Math.min(columns.length, size.rows - 6));
  const start = listStart(index, columns.length, height);
  const lines = columns.slice(start, start + height).map(({ id, title }, at) => {
    const isShown = !ui.hiddenColumns.includes(id);
    const isChosen = start + at === index;
    const text = `${isChosen ? glyphs.pointer : " "} [${isShown ? "x" : " "}] ${title}`;
    return line(
      span(isChosen ? padEnd(text, WIDTH) : text, isChosen ? "selected" : isShown ? "text" : "dim"),
    );
  });
  const foot = line(
    span("Space", "key"),
    span(" show or hide   ", "dim"),
    span("Esc", "key"),
    span(" close", "dim"),
  );
  return <Popup title="Columns" lines={[...lines, BLANK_LINE, foot]} width={WIDTH} size={size} />;
}
