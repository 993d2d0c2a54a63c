/** The one table of keys: it handles them, and the help, the hints of the last line and the palette are made from it. */
import { type Action, changesSomething, type KeyContext, type MainView } from "./actions.ts";

export type KeyGroup = "Moving" | "Views" | "Table" | "Domain" | "Host" | "Program" | "In dialogs";

export interface KeyEntry {
  readonly id: string;
  /** Names of keys (key_names.ts); the first is the one that hints show. */
  readonly keys: readonly string[];
  readonly contexts: readonly KeyContext[];
  /** What it does, as help and palette say it. */
  readonly title: string;
  /** A word for the last line; absent: it has no hint. */
  readonly hint?: string;
  readonly group: KeyGroup;
  readonly action: Action;
  readonly allowedReadOnly: boolean;
  /** The palette offers it. */
  readonly inPalette: boolean;
}

const MAIN: readonly KeyContext[] = ["domains", "pcpus", "events", "commands"];
const EVERYWHERE: readonly KeyContext[] = [...MAIN, "detail"];
const ON_DOMAIN: readonly KeyContext[] = ["domains", "detail"];
const TEXT: readonly KeyContext[] = ["palette", "filter", "confirm", "prompt", "choose"];

interface Row extends Omit<KeyEntry, "allowedReadOnly" | "inPalette"> {
  readonly inPalette?: boolean;
}

const move = (by: "line" | "page" | "all", direction: -1 | 1): Action => ({ do: "move", by, direction });
const view = (name: MainView): Action => ({ do: "view", view: name });

const MOVING: readonly Row[] = [
  {
    id: "up",
    keys: ["Up", "k"],
    contexts: [...EVERYWHERE, "help", "columns"],
    title: "one line up",
    group: "Moving",
    action: move("line", -1),
  },
  {
    id: "down",
    keys: ["Down", "j"],
    contexts: [...EVERYWHERE, "help", "columns"],
    title: "one line down",
    group: "Moving",
    action: move("line", 1),
  },
  {
    id: "list-up",
    keys: ["Up", "^P"],
    contexts: ["palette", "choose", "filter"],
    title: "one entry up",
    group: "In dialogs",
    action: move("line", -1),
  },
  {
    id: "list-down",
    keys: ["Down", "^N"],
    contexts: ["palette", "choose", "filter"],
    title: "one entry down",
    group: "In dialogs",
    action: move("line", 1),
  },
  {
    id: "page-up",
    keys: ["PageUp", "^B"],
    contexts: [...EVERYWHERE, "help", "palette", "choose", "columns"],
    title: "one page up",
    group: "Moving",
    action: move("page", -1),
  },
  {
    id: "page-down",
    keys: ["PageDown", "^F"],
    contexts: [...EVERYWHERE, "help", "palette", "choose", "columns"],
    title: "one page down",
    group: "Moving",
    action: move("page", 1),
  },
  {
    id: "first",
    keys: ["Home"],
    contexts: [...EVERYWHERE, "help", "columns"],
    title: "to the first line",
    group: "Moving",
    action: move("all", -1),
  },
  {
    id: "last",
    keys: ["End", "G"],
    contexts: [...EVERYWHERE, "help", "columns"],
    title: "to the last line",
    group: "Moving",
    action: move("all", 1),
  },
];

const VIEWS: readonly Row[] = [
  {
    id: "detail",
    keys: ["Enter"],
    contexts: ["domains"],
    title: "open the selected domain",
    hint: "open",
    group: "Views",
    action: { do: "open-detail" },
    inPalette: true,
  },
  {
    id: "back",
    keys: ["Esc"],
    contexts: EVERYWHERE,
    title: "go back; in the table: forget the filter",
    hint: "back",
    group: "Views",
    action: { do: "back" },
  },
  {
    id: "next-view",
    keys: ["Tab"],
    contexts: MAIN,
    title: "next view: domains, pCPUs, events, commands",
    hint: "views",
    group: "Views",
    action: { do: "next-view", direction: 1 },
  },
  {
    id: "previous-view",
    keys: ["BackTab"],
    contexts: MAIN,
    title: "previous view",
    group: "Views",
    action: { do: "next-view", direction: -1 },
  },
  {
    id: "next-tab",
    keys: ["Tab", "Right"],
    contexts: ["detail"],
    title: "next tab",
    hint: "tabs",
    group: "Views",
    action: { do: "next-tab", direction: 1 },
  },
  {
    id: "previous-tab",
    keys: ["BackTab", "Left"],
    contexts: ["detail"],
    title: "previous tab",
    group: "Views",
    action: { do: "next-tab", direction: -1 },
  },
  {
    id: "tab",
    keys: ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"],
    contexts: ON_DOMAIN,
    title: "that tab of the domain (0: the tenth)",
    group: "Views",
    action: { do: "tab" },
  },
  {
    id: "next-domain",
    keys: ["]"],
    contexts: ["detail"],
    title: "next domain",
    hint: "next domain",
    group: "Views",
    action: { do: "next-domain", direction: 1 },
  },
  {
    id: "previous-domain",
    keys: ["["],
    contexts: ["detail"],
    title: "previous domain",
    group: "Views",
    action: { do: "next-domain", direction: -1 },
  },
  {
    id: "pcpus",
    keys: ["p"],
    contexts: EVERYWHERE,
    title: "pCPUs: who runs where",
    hint: "pCPUs",
    group: "Views",
    action: view("pcpus"),
    inPalette: true,
  },
  {
    id: "events",
    keys: ["e"],
    contexts: EVERYWHERE,
    title: "events and alerts",
    hint: "events",
    group: "Views",
    action: view("events"),
    inPalette: true,
  },
  {
    id: "commands",
    keys: ["l"],
    contexts: EVERYWHERE,
    title: "log of the command lines that actions ran",
    hint: "log",
    group: "Views",
    action: view("commands"),
    inPalette: true,
  },
];

const TABLE: readonly Row[] = [
  {
    id: "filter",
    keys: ["/"],
    contexts: ["domains"],
    title: "filter by name (letters in order are enough)",
    hint: "filter",
    group: "Table",
    action: { do: "open", overlay: "filter" },
    inPalette: true,
  },
  {
    id: "columns",
    keys: ["c"],
    contexts: ["domains"],
    title: "choose columns",
    hint: "columns",
    group: "Table",
    action: { do: "open", overlay: "columns" },
    inPalette: true,
  },
  {
    id: "sort",
    keys: ["S", "s", ">"],
    contexts: ["domains"],
    title: "sort by the next column",
    hint: "sort",
    group: "Table",
    action: { do: "next-sort", direction: 1 },
    inPalette: true,
  },
  {
    id: "sort-back",
    keys: ["<"],
    contexts: ["domains"],
    title: "sort by the column before",
    group: "Table",
    action: { do: "next-sort", direction: -1 },
  },
  {
    id: "invert",
    keys: ["i", "I"],
    contexts: ["domains"],
    title: "turn the order round",
    group: "Table",
    action: { do: "invert-sort" },
    inPalette: true,
  },
  {
    id: "pan-left",
    keys: ["Left"],
    contexts: ["domains"],
    title: "columns further left",
    group: "Table",
    action: { do: "pan", direction: -1 },
  },
  {
    id: "pan-right",
    keys: ["Right"],
    contexts: ["domains"],
    title: "columns further right",
    group: "Table",
    action: { do: "pan", direction: 1 },
  },
  {
    id: "networks",
    keys: ["N", "n"],
    contexts: ["domains"],
    title: "networks below each domain",
    group: "Table",
    action: { do: "toggle", what: "networks" },
    inPalette: true,
  },
  {
    id: "vbds",
    keys: ["B", "b"],
    contexts: ["domains"],
    title: "block devices below each domain",
    group: "Table",
    action: { do: "toggle", what: "vbds" },
    inPalette: true,
  },
  {
    id: "vcpus",
    keys: ["V", "v"],
    contexts: ["domains"],
    title: "vCPUs below each domain",
    group: "Table",
    action: { do: "toggle", what: "vcpus" },
    inPalette: true,
  },
  {
    id: "repeat-header",
    keys: ["R", "r"],
    contexts: ["domains"],
    title: "repeat the header before each domain",
    group: "Table",
    action: { do: "toggle", what: "repeatHeader" },
    inPalette: true,
  },
  {
    id: "full-name",
    keys: ["F", "f"],
    contexts: ["domains"],
    title: "names in full",
    group: "Table",
    action: { do: "toggle", what: "fullName" },
    inPalette: true,
  },
  {
    id: "graphs",
    keys: ["g"],
    contexts: ["domains"],
    title: "history graphs of host and selected domain",
    hint: "graphs",
    group: "Table",
    action: { do: "toggle", what: "graphs" },
    inPalette: true,
  },
];

const ACTIONS: readonly Row[] = [
  {
    id: "attach",
    keys: ["a"],
    contexts: ON_DOMAIN,
    title: "attach to the console (^] leaves it)",
    hint: "console",
    group: "Domain",
    action: { do: "attach" },
  },
  {
    id: "pause",
    keys: ["P"],
    contexts: ON_DOMAIN,
    title: "pause",
    hint: "pause",
    group: "Domain",
    action: { do: "command", command: "pause" },
  },
  {
    id: "unpause",
    keys: ["U"],
    contexts: ON_DOMAIN,
    title: "unpause",
    group: "Domain",
    action: { do: "command", command: "unpause" },
  },
  {
    id: "shutdown",
    keys: ["H"],
    contexts: ON_DOMAIN,
    title: "shutdown: ask the guest to power off",
    hint: "shutdown",
    group: "Domain",
    action: { do: "command", command: "shutdown" },
  },
  {
    id: "reboot",
    keys: ["O"],
    contexts: ON_DOMAIN,
    title: "reboot: ask the guest to start again",
    group: "Domain",
    action: { do: "command", command: "reboot" },
  },
  {
    id: "destroy",
    keys: ["X"],
    contexts: ON_DOMAIN,
    title: "destroy at once (asks for the name)",
    hint: "destroy",
    group: "Domain",
    action: { do: "destroy" },
  },
  {
    id: "memory",
    keys: ["M"],
    contexts: ON_DOMAIN,
    title: "mem-set: how much memory it uses",
    group: "Domain",
    action: { do: "ask", prompt: "memory" },
  },
  {
    id: "vcpu-count",
    keys: ["Y"],
    contexts: ON_DOMAIN,
    title: "vcpu-set: how many vCPUs are online",
    group: "Domain",
    action: { do: "ask", prompt: "vcpus" },
  },
  {
    id: "credit",
    keys: ["W"],
    contexts: ON_DOMAIN,
    title: "sched-credit: weight and cap by arrows",
    group: "Domain",
    action: { do: "credit" },
  },
  {
    id: "rename",
    keys: ["E"],
    contexts: ON_DOMAIN,
    title: "rename",
    group: "Domain",
    action: { do: "ask", prompt: "rename" },
  },
  {
    id: "sysrq",
    keys: ["Z"],
    contexts: ON_DOMAIN,
    title: "sysrq: send a magic key",
    group: "Domain",
    action: { do: "ask", prompt: "sysrq" },
  },
  {
    id: "dump-core",
    keys: ["K"],
    contexts: ON_DOMAIN,
    title: "dump-core: write its memory to a file",
    group: "Domain",
    action: { do: "ask", prompt: "dump-core" },
  },
  {
    id: "create",
    keys: ["C"],
    contexts: EVERYWHERE,
    title: "create a domain from a configuration",
    hint: "create",
    group: "Host",
    action: { do: "choose", choice: "create" },
  },
  {
    id: "start",
    keys: ["T"],
    contexts: EVERYWHERE,
    title: "start a managed domain",
    group: "Host",
    action: { do: "choose", choice: "start" },
  },
];

const PROGRAM: readonly Row[] = [
  {
    id: "palette",
    keys: [":", "^P"],
    contexts: EVERYWHERE,
    title: "command palette; takes any xenolith command line",
    hint: "palette",
    group: "Program",
    action: { do: "open", overlay: "palette" },
  },
  {
    id: "help",
    keys: ["?", "F1"],
    contexts: EVERYWHERE,
    title: "help: all keys",
    hint: "help",
    group: "Program",
    action: { do: "open", overlay: "help" },
    inPalette: true,
  },
  {
    id: "delay",
    keys: ["D", "d"],
    contexts: EVERYWHERE,
    title: "delay between refreshes",
    group: "Program",
    action: { do: "ask", prompt: "delay" },
    inPalette: true,
  },
  {
    id: "theme",
    keys: ["t"],
    contexts: EVERYWHERE,
    title: "next theme",
    group: "Program",
    action: { do: "next-theme" },
    inPalette: true,
  },
  {
    id: "mouse",
    keys: ["m"],
    contexts: EVERYWHERE,
    title: "mouse on or off (off: the terminal selects text)",
    group: "Program",
    action: { do: "toggle", what: "mouse" },
    inPalette: true,
  },
  {
    id: "repaint",
    keys: ["^L"],
    contexts: [...EVERYWHERE, "help", "columns", "credit", ...TEXT],
    title: "paint the screen anew",
    group: "Program",
    action: { do: "repaint" },
    inPalette: true,
  },
  {
    id: "quit",
    keys: ["q", "Q"],
    contexts: EVERYWHERE,
    title: "quit",
    hint: "quit",
    group: "Program",
    action: { do: "quit" },
    inPalette: true,
  },
  {
    id: "interrupt",
    keys: ["^C"],
    contexts: [...EVERYWHERE, "help", "columns", "credit", ...TEXT],
    title: "quit from anywhere",
    group: "Program",
    action: { do: "quit" },
  },
];

const DIALOGS: readonly Row[] = [
  {
    id: "accept",
    keys: ["Enter"],
    contexts: [...TEXT, "credit"],
    title: "do it",
    hint: "accept",
    group: "In dialogs",
    action: { do: "accept" },
  },
  {
    id: "cancel",
    keys: ["Esc"],
    contexts: [...TEXT, "credit"],
    title: "leave it as it was",
    hint: "cancel",
    group: "In dialogs",
    action: { do: "cancel" },
  },
  {
    id: "close",
    keys: ["Esc", "q", "?", "F1", "Enter"],
    contexts: ["help"],
    title: "close the help",
    hint: "close",
    group: "In dialogs",
    action: { do: "cancel" },
  },
  {
    id: "close-columns",
    keys: ["Enter", "Esc", "c", "q"],
    contexts: ["columns"],
    title: "close the list of columns",
    hint: "close",
    group: "In dialogs",
    action: { do: "cancel" },
  },
  {
    id: "mark",
    keys: ["Space", "x"],
    contexts: ["columns"],
    title: "show or hide the column",
    hint: "show or hide",
    group: "In dialogs",
    action: { do: "mark" },
  },
  {
    id: "complete",
    keys: ["Tab"],
    contexts: ["palette"],
    title: "complete the line from the entry",
    hint: "complete",
    group: "In dialogs",
    action: { do: "complete" },
  },
  {
    id: "edit",
    keys: ["Left", "Right", "Home", "End", "Backspace", "Delete", "^A", "^E", "^U", "^K", "^W"],
    contexts: TEXT,
    title: "edit the line",
    group: "In dialogs",
    action: { do: "edit" },
  },
  {
    id: "weight-up",
    keys: ["Up", "k"],
    contexts: ["credit"],
    title: "more weight",
    hint: "weight",
    group: "In dialogs",
    action: { do: "adjust", what: "weight", by: 1 },
  },
  {
    id: "weight-down",
    keys: ["Down", "j"],
    contexts: ["credit"],
    title: "less weight",
    group: "In dialogs",
    action: { do: "adjust", what: "weight", by: -1 },
  },
  {
    id: "weight-double",
    keys: ["PageUp"],
    contexts: ["credit"],
    title: "twice the weight",
    group: "In dialogs",
    action: { do: "adjust", what: "weight", by: 1, coarse: true },
  },
  {
    id: "weight-halve",
    keys: ["PageDown"],
    contexts: ["credit"],
    title: "half the weight",
    group: "In dialogs",
    action: { do: "adjust", what: "weight", by: -1, coarse: true },
  },
  {
    id: "cap-up",
    keys: ["Right"],
    contexts: ["credit"],
    title: "a higher cap",
    hint: "cap",
    group: "In dialogs",
    action: { do: "adjust", what: "cap", by: 1 },
  },
  {
    id: "cap-down",
    keys: ["Left"],
    contexts: ["credit"],
    title: "a lower cap",
    group: "In dialogs",
    action: { do: "adjust", what: "cap", by: -1 },
  },
];

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
