/** What each key of the table is to do on the screen, in each place where it does something; the walk through all keys is in keys_test.ts. */
// deno-lint-ignore-file no-control-regex -- control sequences are among what is expected
import type { KeyContext } from "../../tui/keys/actions.ts";
import { TABS } from "../../tui/keys/ui_state.ts";
import { selectedDomain } from "./domain_table.ts";
import { keyBytes } from "./key_bytes.ts";
import { KEY } from "./screen_session.ts";

export interface Look {
  readonly screen: string;
  /** Right before the key. */
  readonly before: string;
  /** The key's name. */
  readonly key: string;
  /** What was written since the key was pressed. */
  readonly written: string;
}

export interface Expectation {
  /** Typed before, and what one sees then. */
  readonly first?: { readonly keys: string; readonly ready: (screen: string) => boolean };
  /** Typed right after the key, together with it. */
  readonly then?: string;
  readonly shows: (look: Look) => boolean;
  /** Typed when it was seen, so that what follows finds things as they were. */
  readonly undo?: string;
}

/** By the entry's name in the key table. */
type Expectations = Readonly<Record<string, Expectation>>;

/** How to come to a place from the table of domains, and how one sees that one is there. */
export const PLACES: Readonly<Record<KeyContext, { readonly enter: string; readonly marker: RegExp }>> = {
  domains: { enter: "", marker: /^NAME[^]*\n\? help/m },
  pcpus: { enter: "p", marker: /^Busiest vCPUs/m },
  events: { enter: "e", marker: /^\d\d:\d\d:\d\d {2}info/m },
  commands: { enter: "l", marker: /^ *d\d\d +\d+ +16 [^]*^lines \d/m },
  detail: { enter: "8", marker: /^Domain \S+ +id \d[^]*8 Inside/m },
  help: { enter: "?", marker: /Help: keys/ },
  palette: { enter: ":", marker: /Command palette/ },
  filter: { enter: "/", marker: /^\/.*\n⏎ accept/m },
  columns: { enter: "c", marker: /─ Columns ─/ },
  confirm: { enter: "X", marker: /Destroy \S+\?/ },
  prompt: { enter: "d", marker: /Delay between refreshes/ },
  choose: { enter: "C", marker: /Create a domain from[^]*configs\/builtin\.cfg/ },
  credit: { enter: "W", marker: /Weight and cap of/ },
};

const shows = (pattern: RegExp): Expectation => ({ shows: ({ screen }) => pattern.test(screen) });
const typed = (keys: string, ready: RegExp, pattern: RegExp): Expectation => ({
  ...shows(pattern),
  first: { keys, ready: (screen) => ready.test(screen) },
});
const gone = (marker: RegExp): Expectation => ({ shows: ({ screen }) => !marker.test(screen) });
/** Something that is there before or after, not both. */
const toggles = (pattern: RegExp, undo = ""): Expectation => ({
  shows: ({ screen, before }) => pattern.test(screen) !== pattern.test(before),
  undo,
});
const differs = (part: (screen: string) => unknown, undo = ""): Expectation => ({
  shows: ({ screen, before }) => part(screen) !== part(before),
  undo,
});

/** The first domains, in this order. */
export const LONG_NAME = "gamma-whose-name-is-far-too-long-for-its-column";
const FIRST_DOMAINS = ["Domain-0", "alpha", "beta", LONG_NAME];
export const THIRD_DOMAIN = FIRST_DOMAINS[2];
export const LAST_DOMAIN = "d14";

/** The selection stands on the third domain; where is it then? */
const selects = (name: string | RegExp): Expectation => ({
  first: {
    keys: KEY.home + KEY.down.repeat(2),
    ready: (screen) => selectedDomain(screen) === FIRST_DOMAINS[2],
  },
  shows: ({ screen }) => {
    const selected = selectedDomain(screen);
    return selected !== undefined &&
      (typeof name === "string" ? name.startsWith(selected) : name.test(selected));
  },
});

const SELECTING: Expectations = {
  "up": selects(FIRST_DOMAINS[1]),
  "down": selects(FIRST_DOMAINS[3]),
  "page-up": selects(FIRST_DOMAINS[0]),
  "page-down": selects(/^d1[0-3]/),
  "first": selects(FIRST_DOMAINS[0]),
  "last": selects(LAST_DOMAIN),
};

/** Of what is longer than its place: the first line that shows, the last one, of how many. */
const part = (screen: string) => {
  const [from, last, all] = /(\d+)-(\d+) of (\d+)/.exec(screen)?.slice(1).map(Number) ?? [];
  return { from, last, all };
};
type Part = ReturnType<typeof part>;

const scrolls = (from: "start" | "end", seen: (part: Part) => boolean): Expectation => ({
  first: from === "start" ? { keys: KEY.home, ready: (screen) => part(screen).from === 1 } : {
    keys: KEY.end,
    ready: (screen) => part(screen).all !== undefined && part(screen).last === part(screen).all,
  },
  shows: ({ screen }) => seen(part(screen)),
});

const SCROLLING: Expectations = {
  "up": scrolls("end", ({ last, all }) => last === all - 1),
  "down": scrolls("start", ({ from }) => from === 2),
  "page-up": scrolls("end", ({ last, all }) => last < all - 1),
  "page-down": scrolls("start", ({ from }) => from > 2),
  "first": scrolls("end", ({ from }) => from === 1),
  "last": scrolls("start", ({ last, all }) => all !== undefined && last === all),
};

/** The entry of a list that the pointer is at. */
const entry = (screen: string) => /▸ (.*?) *(?:│|$)/m.exec(screen)?.[1];
const points = (first = ""): Expectation => ({
  ...first === ""
    ? {}
    : { first: { keys: first, ready: (screen: string) => !TOP_ENTRIES.test(entry(screen) ?? "") } },
  shows: ({ screen, before }) => entry(screen) !== undefined && entry(screen) !== entry(before),
});
/** The first entries of the lists. */
const TOP_ENTRIES = /^(?:open the selected domain|\[x\] NAME|configs\/builtin\.cfg)/;

const LISTS: Expectations = {
  "up": points(KEY.down),
  "down": points(),
  "list-up": points(KEY.down),
  "list-down": points(),
  "page-up": points(KEY.down),
  "page-down": points(),
  "first": points(KEY.down),
  "last": points(),
};

/** What a line with "one two" is after each editing key and an X. */
const EDITED: Readonly<Record<string, string>> = {
  "Left": "one twXo",
  "Right": "one twoX",
  "Home": "Xone two",
  "End": "one twoX",
  "Backspace": "one twX",
  "Delete": "one twoX",
  "^A": "Xone two",
  "^E": "one twoX",
  "^U": "X",
  "^K": "one twoX",
  "^W": "one X",
};

/** @param prompt what stands before the line */
const edits = (prompt: string): Expectations => {
  const has = (screen: string, text: string) =>
    screen.split("\n").some((line) => line.split("│").some((part) => part.trim() === prompt + text));
  return {
    "edit": {
      first: { keys: `${keyBytes("^U")}one two`, ready: (screen) => has(screen, "one two") },
      then: "X",
      shows: ({ screen, key }) => has(screen, EDITED[key]),
    },
  };
};

const heading = (screen: string) => screen.split("\n").find((line) => line.startsWith("NAME"));

const REPAINT: Expectation = {
  shows: ({ screen, before, written }) =>
    written.includes("\x1b[2J") && screen.split("\n")[3] === before.split("\n")[3],
};

const EVERYWHERE: Expectations = {
  "back": shows(PLACES.domains.marker),
  "pcpus": shows(PLACES.pcpus.marker),
  "events": shows(PLACES.events.marker),
  "commands": shows(PLACES.commands.marker),
  "palette": shows(PLACES.palette.marker),
  "help": shows(PLACES.help.marker),
  "delay": shows(PLACES.prompt.marker),
  "create": shows(PLACES.choose.marker),
  "start": shows(/Start a managed domain/),
  "theme": shows(/^theme: \S+/m),
  "mouse": { shows: ({ written }) => /\x1b\[\?1000[hl]/.test(written) },
  "repaint": REPAINT,
};

const ON_DOMAIN: Expectations = {
  "tab": {
    shows: ({ screen, key }) =>
      screen.includes(`${key} ${TABS.at(Number(key) - 1)}`) && /^Domain /m.test(screen),
  },
  "destroy": shows(PLACES.confirm.marker),
  "memory": shows(/Memory of \S+/),
  "vcpu-count": shows(/vCPUs of \S+/),
  "credit": shows(PLACES.credit.marker),
  "rename": shows(/New name of \S+/),
  "sysrq": shows(/Magic key for \S+/),
  "dump-core": shows(/Core dump of \S+/),
  "block-attach": shows(/Disk for \S+/),
  "network-attach": shows(/Interface for \S+/),
  "detach": shows(/Detach a device of \S+/),
};

/** These guests have neither networks nor disks: nothing shows, and the next key (?) works. */
const QUIET: Expectation = { then: "?", ...shows(PLACES.help.marker) };

export const EXPECTATIONS: Readonly<Record<KeyContext, Expectations>> = {
  domains: {
    ...EVERYWHERE,
    ...ON_DOMAIN,
    ...SELECTING,
    "back": typed("/bet\r", /Domains 1\/\d+/, /Domains \d\d /),
    "detail": shows(/^Domain \S+ +id \d/m),
    "next-view": shows(PLACES.pcpus.marker),
    "previous-view": shows(PLACES.commands.marker),
    "filter": shows(PLACES.filter.marker),
    "columns": shows(PLACES.columns.marker),
    "sort": { ...shows(/^sort: name up/m), undo: "<" },
    "sort-back": { ...shows(/^sort: ssid down/m), undo: ">" },
    "invert": { ...shows(/^sort: name down/m), undo: "<" },
    "pan-right": differs(heading, KEY.left),
    "pan-left": {
      ...differs(heading, KEY.left),
      first: { keys: KEY.right.repeat(2), ready: (screen) => !/^NAME +STATE/m.test(screen) },
    },
    "networks": QUIET,
    "vbds": QUIET,
    "vcpus": toggles(/^VCPUs\(sec\):/m),
    "repeat-header": toggles(/^NAME[^]*^NAME/m),
    "full-name": toggles(new RegExp(LONG_NAME)),
    "graphs": toggles(/^(?:── )?Host\b/m, "g"),
  },
  pcpus: {
    ...EVERYWHERE,
    ...SCROLLING,
    "pcpus": shows(PLACES.domains.marker),
    "next-view": shows(PLACES.events.marker),
    "previous-view": shows(PLACES.domains.marker),
  },
  events: {
    ...EVERYWHERE,
    ...SCROLLING,
    "events": shows(PLACES.domains.marker),
    "next-view": shows(PLACES.commands.marker),
    "previous-view": shows(PLACES.pcpus.marker),
  },
  commands: {
    ...EVERYWHERE,
    ...SCROLLING,
    "commands": shows(PLACES.domains.marker),
    "next-view": shows(PLACES.domains.marker),
    "previous-view": shows(PLACES.events.marker),
  },
  detail: {
    ...EVERYWHERE,
    ...ON_DOMAIN,
    ...SCROLLING,
    "next-tab": shows(/9 Console/),
    "previous-tab": shows(/7 Grants/),
    "next-domain": differs((screen) => /^Domain (\S+)/m.exec(screen)?.[1]),
    "previous-domain": differs((screen) => /^Domain (\S+)/m.exec(screen)?.[1]),
  },
  help: { ...SCROLLING, "repaint": REPAINT, "close": gone(PLACES.help.marker) },
  palette: {
    ...LISTS,
    ...edits(": "),
    "repaint": REPAINT,
    "accept": typed("next theme", /next theme/, /^theme: \S+/m),
    "cancel": gone(PLACES.palette.marker),
    "complete": typed("vcpu-pin", /xenolith vcpu-pin/, /: vcpu-pin \S+ /),
  },
  filter: {
    ...edits("/"),
    "list-up": { shows: SELECTING.up.shows },
    "list-down": { shows: SELECTING.down.shows },
    "repaint": REPAINT,
    "accept": typed("bet", /^\/bet/m, /^filter: bet/m),
    "cancel": typed("bet", /Domains 1\/\d+/, /Domains \d\d /),
  },
  columns: {
    ...LISTS,
    "repaint": REPAINT,
    "mark": {
      ...toggles(/\[ \]/),
      first: { keys: KEY.down, ready: (screen) => !TOP_ENTRIES.test(entry(screen) ?? "") },
    },
    "close-columns": gone(PLACES.columns.marker),
  },
  confirm: {
    ...edits("Type its name to confirm: "),
    "repaint": REPAINT,
    "accept": typed("wrong", /confirm: wrong/, /nothing was done/),
    "cancel": gone(PLACES.confirm.marker),
  },
  prompt: {
    ...edits("> "),
    "repaint": REPAINT,
    "accept": typed(`${keyBytes("^U")}soon`, /> soon/, /expected seconds/),
    "cancel": gone(PLACES.prompt.marker),
  },
  choose: {
    ...LISTS,
    ...edits("> "),
    "repaint": REPAINT,
    "accept": typed("no-such-file", /> no-such-file/, /^xenolith create no-such-file: /m),
    "cancel": gone(PLACES.choose.marker),
  },
  credit: {
    "repaint": REPAINT,
    "accept": gone(PLACES.credit.marker),
    "cancel": gone(PLACES.credit.marker),
    "weight-up": shows(/Weight +272 /),
    "weight-down": shows(/Weight +240 /),
    "weight-double": shows(/Weight +512 /),
    "weight-halve": shows(/Weight +128 /),
    "cap-up": shows(/Cap +5 %/),
    "cap-down": typed(KEY.right.repeat(2), /Cap +10 %/, /Cap +5 %/),
  },
};
