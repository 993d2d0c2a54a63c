/** A line of text being typed: what each editing key does to it. */
import type { KeyPress } from "./key_names.ts";

export interface EditLine {
  readonly text: string;
  /** In code points, 0 before the first. */
  readonly cursor: number;
}

export const EMPTY_LINE: EditLine = { text: "", cursor: 0 };

export function lineOf(text: string): EditLine {
  return { text, cursor: [...text].length };
}

/** Only what can stand on one line. */
const printable = (text: string) => text.replace(/\p{Cc}/gu, "");

export function insert(line: EditLine, text: string): EditLine {
  const added = printable(text);
  const points = [...line.text];
  points.splice(line.cursor, 0, ...added);
  return { text: points.join(""), cursor: line.cursor + [...added].length };
}

function remove(line: EditLine, from: number, to: number): EditLine {
  const points = [...line.text];
  points.splice(from, to - from);
  return { text: points.join(""), cursor: from };
}

/** Where the word before the cursor begins. */
function wordStart({ text, cursor }: EditLine): number {
  const points = [...text];
  let at = cursor;
  while (at > 0 && points[at - 1] === " ") at--;
  while (at > 0 && points[at - 1] !== " ") at--;
  return at;
}

/** @returns the same object where the key edits nothing */
export function edit(line: EditLine, key: KeyPress): EditLine {
  const length = [...line.text].length;
  const { cursor } = line;
  switch (key.name) {
    case "Left":
      return cursor === 0 ? line : { ...line, cursor: cursor - 1 };
    case "Right":
      return cursor === length ? line : { ...line, cursor: cursor + 1 };
    case "Home":
    case "^A":
      return { ...line, cursor: 0 };
    case "End":
    case "^E":
      return { ...line, cursor: length };
    case "Backspace":
      return cursor === 0 ? line : remove(line, cursor - 1, cursor);
    case "Delete":
      return cursor === length ? line : { ...remove(line, cursor, cursor + 1) };
    case "^U":
      return remove(line, 0, cursor);
    case "^K":
      return remove(line, cursor, length);
    case "^W":
      return remove(line, wordStart(line), cursor);
    default:
      return key.text === undefined ? line : insert(line, key.text);
  }
}
