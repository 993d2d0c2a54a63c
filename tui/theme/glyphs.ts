/** Which characters the terminal can show, and what lines, bars and pointers are made of. */
import type { Environment } from "./colours.ts";

/** Braille and all of Unicode's blocks; those of the Linux console's font alone; ASCII. */
export type GlyphSet = "unicode" | "console" | "ascii";

export interface Glyphs {
  readonly set: GlyphSet;
  readonly full: string;
  readonly empty: string;
  readonly horizontal: string;
  readonly vertical: string;
  readonly corners: readonly [topLeft: string, topRight: string, bottomLeft: string, bottomRight: string];
  readonly up: string;
  readonly down: string;
  readonly ellipsis: string;
  readonly pointer: string;
}

const UNICODE: Glyphs = {
  set: "unicode",
  full: "█",
  empty: "░",
  horizontal: "─",
  vertical: "│",
  corners: ["╭", "╮", "╰", "╯"],
  up: "↑",
  down: "↓",
  ellipsis: "…",
  pointer: "▸",
};

const CONSOLE: Glyphs = {
  ...UNICODE,
  set: "console",
  corners: ["┌", "┐", "└", "┘"],
  ellipsis: "~",
  pointer: ">",
};

const ASCII: Glyphs = {
  set: "ascii",
  full: "#",
  empty: ".",
  horizontal: "-",
  vertical: "|",
  corners: ["+", "+", "+", "+"],
  up: "^",
  down: "v",
  ellipsis: "~",
  pointer: ">",
};

/** The locale's coding, as POSIX finds it: the first of the three that is set. */
function isUtf8(environment: Environment): boolean {
  const locale = ["LC_ALL", "LC_CTYPE", "LANG"].map((name) => environment.get(name)).find((value) =>
    value !== undefined && value !== ""
  );
  return /utf-?8/i.test(locale ?? "");
}

/** @param ascii the user wants it, whatever the locale says */
export function chooseGlyphs(environment: Environment, ascii = false): Glyphs {
  if (ascii || !isUtf8(environment)) return ASCII;
  return environment.get("TERM") === "linux" ? CONSOLE : UNICODE;
}
