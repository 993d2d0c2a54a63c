/** Names of keys, as the key table, the help and the tests write them: "a", "^L", "Enter", "PageUp". */

/** A key as it was pressed. */
export interface KeyPress {
  /** Its name: a printable character stands for itself, a blank is "Space". */
  readonly name: string;
  /** What it types; absent for keys that type nothing. */
  readonly text?: string;
}

/** What a key is called on the screen where its own name is long. */
const SHORT: Readonly<Record<string, string>> = {
  PageUp: "PgUp",
  PageDown: "PgDn",
  Backspace: "Bksp",
  BackTab: "S-Tab",
  Delete: "Del",
};

/** Arrows and the like, where the terminal can show them. */
const GLYPHS: Readonly<Record<string, string>> = {
  Up: "↑",
  Down: "↓",
  Left: "←",
  Right: "→",
  Enter: "⏎",
};

/** What stands on the screen for a key. */
export function keyLabel(name: string, plain: boolean): string {
  return (plain ? undefined : GLYPHS[name]) ?? SHORT[name] ?? name;
}

/** A key that types its character, or one with a name. */
export function keyPress(name: string): KeyPress {
  if (name === "Space") return { name, text: " " };
  return [...name].length === 1 ? { name, text: name } : { name };
}
