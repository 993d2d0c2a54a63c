/** The help: the key table, as it handles the keys. */
import type { ReactElement } from "react";
import { keyLabel } from "../keys/key_names.ts";
import { KEY_GROUPS, KEY_TABLE, type KeyEntry } from "../keys/table.ts";
import type { UiState } from "../keys/ui_state.ts";
import { BLANK_LINE, type Line, line, padEnd, span, widthOf } from "./line.ts";
import { useLook } from "./look.ts";
import { Popup } from "./popup.tsx";
import type { Size } from "./scene.ts";
import type { Viewport } from "./viewport.ts";

const KEYS_WIDTH = 24;
const WIDTH = 74;

function keysOf({ id, keys }: KeyEntry, plainKeys: boolean): string {
  // "1 2 3 ... 0" says less than "1-9 0".
  if (id === "tab") return "1-9 0";
  return keys.map((key) => keyLabel(key, plainKeys)).join(" ");
}

function entryLines(entry: KeyEntry, readOnly: boolean, plainKeys: boolean): Line[] {
  const keys = keysOf(entry, plainKeys);
  const isRefused = readOnly && !entry.allowedReadOnly;
  const title = isRefused ? `refused, read-only: ${entry.title}` : entry.title;
  const roles = isRefused ? ["dim", "dim"] as const : ["key", "text"] as const;
  if (widthOf(keys) >= KEYS_WIDTH) {
    return [line(span(keys, roles[0])), line(" ".repeat(KEYS_WIDTH), span(title, roles[1]))];
  }
  return [line(span(padEnd(keys, KEYS_WIDTH), roles[0]), span(title, roles[1]))];
}

export function helpLines(readOnly: boolean, plainKeys: boolean): Line[] {
  return KEY_GROUPS.flatMap((group) => [
    line(span(group, "title")),
    ...KEY_TABLE.filter((entry) => entry.group === group).flatMap((entry) =>
      entryLines(entry, readOnly, plainKeys)
    ),
    BLANK_LINE,
  ]);
}

interface Props {
  readonly ui: UiState;
  readonly size: Size;
  readonly viewport: Viewport;
}

export function Help({ ui, size, viewport }: Props): ReactElement {
  const { plainKeys } = useLook();
  const all = helpLines(ui.readOnly, plainKeys);
  const height = Math.max(1, size.rows - 4);
  viewport.page = height;
  viewport.scrollLimit = Math.max(0, all.length - height);
  const start = Math.min(ui.scroll.help ?? 0, viewport.scrollLimit);
  const more = viewport.scrollLimit === 0
    ? ""
    : `  ${start + 1}-${Math.min(all.length, start + height)} of ${all.length}`;
  const lines = Array.from(
    { length: Math.min(height, all.length) },
    (_, at) => all[start + at] ?? BLANK_LINE,
  );
  const foot = line(span(`Esc closes, arrows scroll${more}`, "dim"));
  return (
    <Popup
      title="Help: keys"
      lines={[...lines, foot]}
      width={Math.min(WIDTH, size.columns - 4)}
      size={size}
    />
  );
}
