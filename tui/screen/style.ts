/**
 * How a cell looks: the SGR codes (and hyperlinks) that are on, as one value that compares by its key. `transition` is the shortest way from one
 * to another.
 */
import {
  type AnsiCode,
  ansiCodesToString,
  diffAnsiCodes,
  reduceAnsiCodesIncremental,
  tokenize,
} from "@alcalzone/ansi-tokenize";

export interface Style {
  /** The same for all styles that look the same. */
  readonly key: string;
  readonly codes: readonly AnsiCode[];
}

export const PLAIN: Style = { key: "", codes: [] };

const RESET = "\x1b[0m";
const LINK_END = "\x1b]8;;\x07";
/** Guests' output may bring any number of colours; what is remembered of them stays small. */
const REMEMBERED = 2048;

const known = new Map<string, Style>([["", PLAIN]]);
const after = new Map<string, Style>();
const transitions = new Map<string, string>();
const blanks = new Map<string, Style>();

function remember<T>(map: Map<string, T>, key: string, value: T): T {
  if (map.size >= REMEMBERED) map.clear();
  map.set(key, value);
  return value;
}

function styleOf(codes: readonly AnsiCode[]): Style {
  if (codes.length === 0) return PLAIN;
  const key = codes.map(({ code }) => code).sort().join("");
  return known.get(key) ?? remember(known, key, { key, codes });
}

/** @param sequence one SGR sequence, or an OSC 8 hyperlink's begin or end */
export function styleAfter(style: Style, sequence: string): Style {
  const key = `${style.key}\0${sequence}`;
  const found = after.get(key);
  if (found !== undefined) return found;
  // The tokenizer does not know that SGR without a number is SGR 0.
  const tokens = tokenize(sequence === "\x1b[m" ? RESET : sequence).filter((token) => token.type === "ansi");
  return remember(after, key, styleOf(reduceAnsiCodesIncremental([...style.codes], tokens)));
}

/** Colours of the ink, bold, dim, italic: nothing of them shows where there is no ink. */
// deno-lint-ignore no-control-regex
const INK = /^\x1b\[(?:1|2|3|3[0-7]|9[0-7]|38;[\d;]+)m$/;
// deno-lint-ignore no-control-regex
const PAPER = /^\x1b\[(?:4[0-7]|10[0-7]|48;[\d;]+)m$/;

/** What shows of a style on a blank. */
export function blankStyle(style: Style): Style {
  if (style === PLAIN) return PLAIN;
  const found = blanks.get(style.key);
  if (found !== undefined) return found;
  const rest = style.codes.filter(({ code }) => !INK.test(code));
  // Inverse makes paper of the ink, lines have its colour.
  const isPaperOnly = rest.every(({ code }) => PAPER.test(code));
  return remember(blanks, style.key, isPaperOnly ? styleOf(rest) : style);
}

const isLink = ({ code }: AnsiCode) => code.startsWith("\x1b]");

/** What to write to go from one style to another. @param from undefined: not known */
export function transition(from: Style | undefined, to: Style): string {
  if (from?.key === to.key) return "";
  const key = `${from?.key ?? "?"}\0${to.key}`;
  const found = transitions.get(key);
  if (found !== undefined) return found;
  // SGR 0 leaves a hyperlink on.
  const link = from === undefined || from.codes.some(isLink) ? LINK_END : "";
  const whole = link + compact(RESET + ansiCodesToString([...to.codes]));
  if (from === undefined) return remember(transitions, key, whole);
  const steps = ansiCodesToString(diffAnsiCodes([...from.codes], [...to.codes]));
  // A code that only SGR 0 ends takes the others with it.
  const isUsable = !steps.includes(RESET) && compact(steps).length < whole.length;
  return remember(transitions, key, isUsable ? compact(steps) : whole);
}

/** Neighbouring SGR sequences as one. */
function compact(sequences: string): string {
  return sequences === RESET ? "\x1b[m" : sequences.replaceAll("m\x1b[", ";");
}
