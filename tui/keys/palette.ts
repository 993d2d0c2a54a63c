/** What the command palette offers: entries of the key table, the program's command lines, and the line as it is typed. */
import type { DomainRow } from "../model/types.ts";
import type { KeyContext } from "./actions.ts";
import { isCommandName, KNOWN_COMMANDS, UNAVAILABLE_COMMANDS } from "./commands.ts";
import { designation } from "./prompts.ts";
import { KEY_TABLE, type KeyEntry } from "./table.ts";
import { quoteWord } from "./words.ts";

/** Which of the candidates match, best first, by index. */
export type Matcher = (pattern: string, candidates: readonly string[]) => readonly number[];

export type PaletteItem =
  & {
    readonly title: string;
    /** Why it cannot be chosen. */
    readonly refused?: string;
  }
  & (
    | { readonly kind: "entry"; readonly entry: KeyEntry }
    /** A command line to complete; `isComplete`: it can run as it stands. */
    | { readonly kind: "line"; readonly line: string; readonly isComplete: boolean; readonly summary: string }
    /** The text as a command line. */
    | { readonly kind: "typed"; readonly line: string }
    | { readonly kind: "unavailable" }
  );

export interface PaletteScene {
  /** The view that the palette lies over. */
  readonly context: KeyContext;
  /** What domain actions are about. */
  readonly target?: DomainRow;
  readonly readOnly: boolean;
  readonly match: Matcher;
}

const READ_ONLY = "read-only";

function entryItem(entry: KeyEntry, { readOnly, target }: PaletteScene): PaletteItem {
  const isAboutDomain = entry.group === "Domain";
  const title = isAboutDomain && target !== undefined
    ? `${target.figures.name}: ${entry.title}`
    : entry.title;
  if (readOnly && !entry.allowedReadOnly) return { kind: "entry", entry, title, refused: READ_ONLY };
  if (isAboutDomain && target === undefined) return { kind: "entry", entry, title, refused: "no domain" };
  return { kind: "entry", entry, title };
}

function allItems(scene: PaletteScene): PaletteItem[] {
  const { context, target, readOnly } = scene;
  const entries = KEY_TABLE
    .filter((entry) => entry.inPalette && (entry.contexts.includes(context) || entry.group === "Domain"))
    .map((entry) => entryItem(entry, scene));
  const lines = KNOWN_COMMANDS.map((command): PaletteItem => {
    const takesDomain = command.takes === "domain" || command.takes === "domain and more";
    const domain = takesDomain && target !== undefined ? ` ${quoteWord(designation(target))}` : "";
    const isComplete = command.takes === "nothing" || (command.takes === "domain" && domain !== "");
    const line = `${command.name}${domain}${isComplete ? "" : " "}`;
    const refused = readOnly && !command.reads([]) ? { refused: READ_ONLY } : {};
    return {
      kind: "line",
      line,
      isComplete,
      summary: command.summary,
      title: `xenolith ${line.trimEnd()}`,
      ...refused,
    };
  });
  const unavailable = UNAVAILABLE_COMMANDS.map((name): PaletteItem => ({
    kind: "unavailable",
    title: `xenolith ${name}`,
    refused: "not available in this version",
  }));
  return [...entries, ...lines, ...unavailable];
}

/** What the entry is found by, beside its title. */
function searched(item: PaletteItem): string {
  switch (item.kind) {
    case "entry":
      return `${item.title} ${item.entry.id}`;
    case "line":
      return `${item.line} ${item.summary}`;
    default:
      return item.title;
  }
}

export function paletteItems(text: string, scene: PaletteScene): readonly PaletteItem[] {
  const all = allItems(scene);
  const typed = text.trim();
  if (typed === "") return all;
  const found = scene.match(typed, all.map(searched)).map((index) => all[index]);
  const [first, ...rest] = typed.split(/\s+/);
  const own = (item: PaletteItem) =>
    (item.kind === "line" && item.line.split(" ")[0] === first) ||
    (item.kind === "unavailable" && item.title === `xenolith ${first}`);
  const named = all.filter(own);
  // A command's name alone: its line with the domain; with more behind it: that line.
  if (rest.length === 0 && named.length > 0) return [...named, ...found.filter((item) => !own(item))];
  const isCommand = named.length > 0 || isCommandName(first);
  if (!isCommand && found.length > 0) return found;
  return [{ kind: "typed", line: typed, title: `run: xenolith ${typed}` }, ...found];
}
