/** What a user does at the terminal. */

export interface Modifiers {
  readonly ctrl: boolean;
  readonly meta: boolean;
  /** Told only of keys that type nothing: a capital letter is its own name. */
  readonly shift: boolean;
}

export interface KeyEvent extends Modifiers {
  readonly kind: "key";
  /**
   * As the key table writes it: a printable character stands for itself, "Space", "Enter", "Esc", "Tab", "BackTab", "Up", "PageDown", "F5";
   * with modifiers "^L", "M-x", "M-^X", "^Up", "S-Up".
   */
  readonly name: string;
  /** What it types; absent for keys that type nothing. */
  readonly text?: string;
}

export interface MouseEvent extends Modifiers {
  readonly kind: "mouse";
  readonly action: "press" | "release" | "wheel-up" | "wheel-down";
  readonly button: "left" | "middle" | "right" | "none";
  /** From 0. */
  readonly column: number;
  readonly row: number;
}

export interface PasteEvent {
  readonly kind: "paste";
  readonly text: string;
}

export type InputEvent = KeyEvent | MouseEvent | PasteEvent;

const NO_MODIFIERS: Modifiers = { ctrl: false, meta: false, shift: false };

/** @param key as "Up", "a" or "Space", without modifiers */
export function keyEvent(key: string, modifiers: Partial<Modifiers> = {}): KeyEvent {
  const { ctrl, meta, shift } = { ...NO_MODIFIERS, ...modifiers };
  const isPrintable = [...key].length === 1;
  const text = key === "Space" ? " " : isPrintable ? key : undefined;
  if (!ctrl && !meta && text !== undefined) {
    return { kind: "key", name: key, text, ctrl, meta, shift: false };
  }
  if (key === "Tab" && shift && !ctrl && !meta) {
    return { kind: "key", name: "BackTab", ctrl, meta, shift };
  }
  const hasShift = shift && text === undefined;
  const base = ctrl && isPrintable ? key.toUpperCase() : key;
  const name = `${meta ? "M-" : ""}${hasShift ? "S-" : ""}${ctrl ? "^" : ""}${base}`;
  return { kind: "key", name, ctrl, meta, shift: hasShift };
}
