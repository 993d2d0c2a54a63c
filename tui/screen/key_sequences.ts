/** The control sequences that terminals send for keys and the mouse (xterm, rxvt, the Linux console, CSI u of kitty and others). */
import { type InputEvent, keyEvent, type Modifiers } from "./input_events.ts";

/** After CSI or SS3. */
const LETTERS: Readonly<Record<string, string>> = {
  A: "Up",
  B: "Down",
  C: "Right",
  D: "Left",
  E: "Begin",
  F: "End",
  H: "Home",
  M: "Enter",
  P: "F1",
  Q: "F2",
  R: "F3",
  S: "F4",
};

/** rxvt's with shift. */
const SHIFTED: Readonly<Record<string, string>> = { a: "Up", b: "Down", c: "Right", d: "Left" };

/** `CSI number ~` */
const NUMBERS: Readonly<Record<number, string>> = {
  1: "Home",
  2: "Insert",
  3: "Delete",
  4: "End",
  5: "PageUp",
  6: "PageDown",
  7: "Home",
  8: "End",
  11: "F1",
  12: "F2",
  13: "F3",
  14: "F4",
  15: "F5",
  17: "F6",
  18: "F7",
  19: "F8",
  20: "F9",
  21: "F10",
  23: "F11",
  24: "F12",
};

/** `CSI [ letter` of the Linux console. */
const CONSOLE_KEYS: Readonly<Record<string, string>> = { A: "F1", B: "F2", C: "F3", D: "F4", E: "F5" };

const CODES: Readonly<Record<number, string>> = {
  8: "Backspace",
  9: "Tab",
  13: "Enter",
  27: "Esc",
  32: "Space",
  127: "Backspace",
};

/** @param parameter 1 + the sum of 1 shift, 2 alt, 4 ctrl */
function modifiersOf(parameter: string | undefined, meta: boolean): Modifiers {
  const bits = Math.max(0, (Number.parseInt(parameter ?? "1") || 1) - 1);
  return { shift: (bits & 1) !== 0, meta: meta || (bits & 2) !== 0, ctrl: (bits & 4) !== 0 };
}

/** A key that comes as its code point. */
function codedKey(code: number, modifiers: Modifiers): InputEvent[] {
  const named = CODES[code];
  if (named !== undefined) return [keyEvent(named, modifiers)];
  // Kitty's private area has keys that no view knows.
  const isKnown = code > 32 && code <= 0x10ffff && !(code >= 0xd800 && code < 0xf900);
  return isKnown ? [keyEvent(String.fromCodePoint(code), modifiers)] : [];
}

function mouseEvent(parameters: readonly string[], isRelease: boolean): InputEvent[] {
  const [code, x, y] = parameters.map(Number);
  if (!Number.isInteger(code) || !(x >= 1) || !(y >= 1)) return [];
  // Motion, and buttons beyond the wheel.
  if ((code & 32) !== 0 || code >= 128) return [];
  const base = {
    kind: "mouse",
    column: x - 1,
    row: y - 1,
    shift: (code & 4) !== 0,
    meta: (code & 8) !== 0,
    ctrl: (code & 16) !== 0,
  } as const;
  const which = code & 3;
  if ((code & 64) !== 0) {
    // 2 and 3: sideways.
    if (which > 1 || isRelease) return [];
    return [{ ...base, action: which === 0 ? "wheel-up" : "wheel-down", button: "none" }];
  }
  const button = (["left", "middle", "right", "none"] as const)[which];
  return [{ ...base, action: isRelease ? "release" : "press", button }];
}

/** @param sequence a whole control sequence, `ESC [ ... letter`. @param meta an ESC came before it. @returns nothing for what is no key */
export function decodeSequence(sequence: string, meta: boolean): InputEvent[] {
  const final = sequence.at(-1)!;
  const body = sequence.slice(2, -1);
  if (body === "[") return named(CONSOLE_KEYS[final], { ...modifiersOf(undefined, meta) });
  if (body.startsWith("<") && (final === "M" || final === "m")) {
    return mouseEvent(body.slice(1).split(";"), final === "m");
  }
  const parameters = body.split(";");
  // A terminal's answers: `CSI ? ...`.
  if (/[^\d:;$^@]/.test(body)) return [];
  const modifiers = modifiersOf(parameters[1], meta);
  switch (final) {
    case "~":
      if (parameters[0] === "27") return codedKey(Number(parameters[2]), modifiers);
      return named(NUMBERS[Number(parameters[0])], modifiers);
    // rxvt: ^ for ctrl, $ for shift, @ for both.
    case "^":
      return named(NUMBERS[Number(parameters[0])], { ...modifiers, ctrl: true });
    case "$":
      return named(NUMBERS[Number(parameters[0])], { ...modifiers, shift: true });
    case "@":
      return named(NUMBERS[Number(parameters[0])], { ...modifiers, ctrl: true, shift: true });
    case "u": {
      const isRelease = parameters[1]?.split(":")[1] === "3";
      return isRelease ? [] : codedKey(Number.parseInt(parameters[0]), modifiers);
    }
    case "Z":
      return named("Tab", { ...modifiers, shift: true });
    case "a":
    case "b":
    case "c":
    case "d":
      return named(SHIFTED[final], { ...modifiers, shift: true });
    // Keys have 1 or nothing before their modifiers; a report of the cursor's place (R) has a row.
    default:
      return parameters[0] === "" || parameters[0] === "1" ? named(LETTERS[final], modifiers) : [];
  }
}

/** @param letter after `ESC O`. @param parameter digits before it */
export function decodeSs3(letter: string, parameter: string, meta: boolean): InputEvent[] {
  const shifted = SHIFTED[letter];
  if (shifted !== undefined) return named(shifted, { ctrl: true, meta, shift: false });
  return named(LETTERS[letter], modifiersOf(parameter === "" ? undefined : parameter, meta));
}

function named(name: string | undefined, modifiers: Modifiers): InputEvent[] {
  return name === undefined ? [] : [keyEvent(name, modifiers)];
}

/** A character that came alone, control characters included. */
export function decodeCharacter(character: string, meta: boolean): InputEvent {
  const code = character.codePointAt(0)!;
  switch (code) {
    case 0:
      return keyEvent("Space", { ctrl: true, meta });
    case 8:
    case 127:
      return keyEvent("Backspace", { meta });
    case 9:
      return keyEvent("Tab", { meta });
    case 13:
      return keyEvent("Enter", { meta });
    case 27:
      return keyEvent("Esc", { meta });
    case 32:
      return keyEvent("Space", { meta });
  }
  return code < 32
    ? keyEvent(String.fromCharCode(code + 64), { ctrl: true, meta })
    : keyEvent(character, { meta });
}
