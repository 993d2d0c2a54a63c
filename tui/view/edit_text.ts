/** A line that is typed, with its cursor. */
import type { EditLine } from "../keys/line_editor.ts";
import { type Line, type Span, span, widthOf } from "./line.ts";

/** @param width of the part that shows: the cursor stays in it */
export function editText({ text, cursor }: EditLine, width: number): Line {
  const points = [...text, " "];
  let from = 0;
  while (from < cursor && widthOf(points.slice(from, cursor + 1).join("")) > width) from++;
  const spans: Span[] = [];
  const before = points.slice(from, cursor).join("");
  if (before !== "") spans.push(span(before, "strong"));
  spans.push(span(points[cursor] ?? " ", "selected"));
  const after = points.slice(cursor + 1, -1).join("");
  if (after !== "") spans.push(span(after, "strong"));
  return spans;
}
