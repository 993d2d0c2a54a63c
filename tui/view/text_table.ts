/** Small tables of the detail's tabs: columns as wide as their widest cell, headings in their own role. */
import { type Line, padEnd, type Role, type Span, span, widthOf } from "./line.ts";

export interface TextColumn {
  readonly title: string;
  readonly align?: "left" | "right";
}

export type TextCell = string | number | Span;

const cellText = (cell: TextCell) => typeof cell === "object" ? cell.text : String(cell);
const cellRole = (cell: TextCell): Role => typeof cell === "object" ? cell.role : "text";

export function textTable(
  columns: readonly TextColumn[],
  rows: readonly (readonly TextCell[])[],
): Line[] {
  const widths = columns.map(({ title }, index) =>
    Math.max(widthOf(title), ...rows.map((row) => widthOf(cellText(row[index]))))
  );
  const place = (text: string, index: number) => {
    const isLast = index === columns.length - 1;
    if (columns[index].align !== "right") return isLast ? text : padEnd(text, widths[index]);
    return " ".repeat(Math.max(0, widths[index] - widthOf(text))) + text;
  };
  const build = (cells: readonly TextCell[], role: (cell: TextCell) => Role): Line =>
    cells.flatMap((cell, index) => [
      ...(index === 0 ? [] : [span("  ")]),
      span(place(cellText(cell), index), role(cell)),
    ]);
  return [
    build(columns.map(({ title }) => title), () => "header"),
    ...rows.map((row) => build(row, cellRole)),
  ];
}

/** `name   value` lines, the names in one column. */
export function facts(pairs: readonly (readonly [name: string, value: TextCell])[]): Line[] {
  const width = Math.max(...pairs.map(([name]) => widthOf(name)));
  return pairs.map(([name, value]) => [
    span(padEnd(name, width + 2), "dim"),
    span(cellText(value), cellRole(value)),
  ]);
}

export function heading(text: string): Line {
  return [span(text, "title")];
}
