/** An entry of a log: when, a word of what kind it is, a text that goes on below itself where it is too long. */
import { clock } from "../model/mod.ts";
import { harmless, type Line, line, type Role, span, widthOf, wrapText } from "./line.ts";

/** Time and word. */
const INDENT = 18;

/** @param name stands before the text */
export function logEntry(
  at: number,
  [word, role]: readonly [word: string, role: Role],
  text: string,
  textRole: Role,
  width: number,
  name = "",
): Line[] {
  const indent = INDENT + widthOf(name);
  const [first, ...more] = wrapText(harmless(text), width - indent);
  return [
    line(
      span(clock(at), "dim"),
      "  ",
      span(word.padEnd(8), role),
      span(name, "strong"),
      span(first, textRole),
    ),
    ...more.map((part) => line(" ".repeat(indent), span(part, textRole))),
  ];
}
