/** The one table of keys: it handles them, and the help, the hints of the last line and the palette are made from it. */
import { changesSomething, type KeyContext } from "./actions.ts";
import { ACTIONS } from "./entries/actions.ts";
import { DIALOGS } from "./entries/dialogs.ts";
import { TABLE } from "./entries/domain_table.ts";
import { MOVING } from "./entries/moving.ts";
import { PROGRAM } from "./entries/program.ts";
import { VIEWS } from "./entries/views.ts";
import type { KeyEntry, KeyGroup, Row } from "./key_row.ts";

export type { KeyEntry, KeyGroup } from "./key_row.ts";

const finish = (row: Row): KeyEntry => {
  const allowedReadOnly = !changesSomething(row.action);
  return { ...row, allowedReadOnly, inPalette: row.inPalette === true || !allowedReadOnly };
};

export const KEY_TABLE: readonly KeyEntry[] = [
  ...MOVING,
  ...VIEWS,
  ...TABLE,
  ...ACTIONS,
  ...PROGRAM,
  ...DIALOGS,
].map(finish);

const byContext = new Map<KeyContext, Map<string, KeyEntry>>();
for (const entry of KEY_TABLE) {
  for (const context of entry.contexts) {
    let keys = byContext.get(context);
    if (keys === undefined) byContext.set(context, keys = new Map());
    for (const key of entry.keys) keys.set(key, entry);
  }
}

/** What a key does where it is pressed. */
export function lookUp(context: KeyContext, key: string): KeyEntry | undefined {
  return byContext.get(context)?.get(key);
}

/** Which hints come first, where not all have room. */
const HINT_ORDER: readonly string[] = [
  "help",
  "quit",
  "accept",
  "cancel",
  "palette",
  "detail",
  "next-tab",
  "filter",
  "attach",
  "sort",
  "create",
  "destroy",
  "pause",
  "next-view",
];

function hintRank({ id }: KeyEntry): number {
  const at = HINT_ORDER.indexOf(id);
  return at < 0 ? HINT_ORDER.length : at;
}

/** The hints of the last line, the most useful first. */
export function hintsFor(context: KeyContext): readonly KeyEntry[] {
  return KEY_TABLE.filter((entry) => entry.hint !== undefined && entry.contexts.includes(context))
    .sort((a, b) => hintRank(a) - hintRank(b));
}

export const KEY_GROUPS: readonly KeyGroup[] = [
  "Moving",
  "Views",
  "Table",
  "Domain",
  "Host",
  "Program",
  "In dialogs",
];
