/** A domain's line of the table, and the one of headings. */
import type { DomainState } from "../../core/toolstack/api/types.ts";
import { cell, type Column, type ColumnContext, type DomainRow, headerCell } from "../model/mod.ts";
import type { Sort } from "../keys/ui_state.ts";
import { harmless, type Line, type Role, type Span, span } from "./line.ts";

function stateRole(state: DomainState): Role {
  if (state.crashed || state.dying) return "bad";
  if (state.paused || state.shutdown) return "warning";
  return state.running ? "good" : "dim";
}

function roleOf({ id }: Column, { figures }: DomainRow): Role {
  switch (id) {
    case "name":
      return "strong";
    case "state":
      return stateRole(figures.state);
    case "cpu":
    case "cpu-history":
      return "cpu";
    case "memory":
    case "memory-percent":
      return "memory";
    case "net-tx":
    case "net-rx":
    case "net-tx-rate":
    case "net-rx-rate":
      return "network";
    case "vbd-rd":
    case "vbd-wr":
    case "vbd-rd-rate":
    case "vbd-wr-rate":
    case "read-rate":
    case "write-rate":
      return "disk";
    default:
      return "text";
  }
}

/** The letters that the filter found stand out. */
function marked(text: string, positions: readonly number[], role: Role): Span[] {
  if (positions.length === 0) return [span(text, role)];
  return [...text].map((letter, index) => span(letter, positions.includes(index) ? "match" : role));
}

export function headingLine(columns: readonly Column[], sort: Sort | undefined): Line {
  return columns.flatMap((column, index): Line => [
    span(index === 0 ? "" : " ", "header"),
    span(headerCell(column), column.id === sort?.column ? "match" : "header"),
  ]);
}

export function domainLine(
  row: DomainRow,
  columns: readonly Column[],
  context: ColumnContext,
  positions: readonly number[],
  isSelected: boolean,
): Line {
  const role = (column: Column) => isSelected ? "selected" : roleOf(column, row);
  return columns.flatMap((column, index): Line => {
    const text = harmless(cell(column, row, context));
    const shown = role(column);
    if (column.id === "name") return marked(text, positions, shown);
    // Blanks have no ink: in the cell's own role there is nothing to switch.
    return [span(index === 0 ? text : ` ${text}`, shown)];
  });
}
