/** The last two lines: what happened, and which keys do what here. */
import { Box } from "ink";
import type { ReactElement } from "react";
import { keyLabel } from "../keys/key_names.ts";
import { keyContext } from "../keys/selection.ts";
import { hintsFor } from "../keys/table.ts";
import type { UiState } from "../keys/ui_state.ts";
import type { Connection } from "../model/types.ts";
import { editText } from "./edit_text.ts";
import { harmless, type Line, line, type Role, span, widthOf } from "./line.ts";
import { Lines } from "./lines.tsx";
import { useLook } from "./look.ts";
import { clock } from "../model/mod.ts";

const SEVERITIES: Readonly<Record<"info" | "done" | "failed", Role>> = {
  info: "text",
  done: "good",
  failed: "bad",
};

function status(ui: UiState, connection: Connection, now: number, width: number): Line {
  if (ui.overlay?.kind === "filter") {
    return line(span("/", "key"), ...editText(ui.overlay.line, width - 2));
  }
  if (connection.kind === "lost") {
    const age = Math.max(0, Math.round((now - connection.since) / 1000));
    const seconds = age < 60 ? "" : ` (${Math.floor(age / 60)} min)`;
    return line(
      span(
        ` xend is lost since ${clock(connection.since)}${seconds}: ${
          harmless(connection.message)
        }; the figures are old; connecting again ... `,
        "alert",
      ),
    );
  }
  if (ui.message !== undefined) {
    return line(span(harmless(ui.message.text), SEVERITIES[ui.message.severity]));
  }
  if (connection.kind === "connecting") return line(span("connecting to xend ...", "warning"));
  const parts = [
    ...(ui.readOnly ? [span("read-only", "warning")] : []),
    ...(ui.filter === "" ? [] : [span(`filter: ${harmless(ui.filter)}`, "key")]),
    ...(ui.sort === undefined
      ? []
      : [span(`sort: ${ui.sort.column} ${ui.sort.descending ? "down" : "up"}`, "dim")]),
    span(`delay: ${ui.delaySeconds} s`, "dim"),
    ...(ui.mouse ? [span("mouse", "dim")] : []),
  ];
  return parts.flatMap((part, index) => index === 0 ? [part] : [span("   "), part]);
}

function hints(ui: UiState, width: number, plainKeys: boolean): Line {
  const spans: Line[] = [];
  let used = 0;
  const all = hintsFor(keyContext(ui)).filter((entry) => !ui.readOnly || entry.allowedReadOnly);
  for (const entry of all) {
    const text = [span(keyLabel(entry.keys[0], plainKeys), "key"), span(` ${entry.hint}  `, "dim")];
    const size = text.reduce((sum, part) => sum + widthOf(part.text), 0);
    if (used + size > width) continue;
    used += size;
    spans.push(text);
  }
  return spans.flat();
}

interface Props {
  readonly ui: UiState;
  readonly connection: Connection;
  readonly now: number;
  readonly width: number;
}

export function Footer({ ui, connection, now, width }: Props): ReactElement {
  const { plainKeys } = useLook();
  return (
    <Box flexDirection="column" flexShrink={0}>
      <Lines
        lines={[status(ui, connection, now, width), hints(ui, width, plainKeys)]}
        width={width}
        height={2}
      />
    </Box>
  );
}
