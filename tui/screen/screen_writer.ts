/**
 * Knows what the terminal shows and writes only what differs: a cell that stays the same is never written again. It moves the cursor by the
 * shortest sequence, changes styles by the shortest sequence, and never makes the terminal scroll (no line feed below the last row; automatic
 * wrapping is off, see terminal_modes.ts).
 */
import { BLANK, type Cell, type Frame, isSameCell, type Row } from "./frame.ts";
import { PLAIN, type Style, transition } from "./style.ts";

export interface WriterCounts {
  /** Updates that wrote anything. */
  updates: number;
  bytes: number;
  cells: number;
}

const BEGIN = "\x1b[?2026h";
const END = "\x1b[?2026l";
/** Fewer blanks than these are written, not erased. */
const ERASE_FROM = 4;

const encoder = new TextEncoder();

interface Position {
  readonly row: number;
  readonly column: number;
}

const move = (letter: string, count: number) => `\x1b[${count === 1 ? "" : count}${letter}`;

function motion(from: Position | undefined, to: Position): string {
  if (from?.row === to.row && from.column === to.column) return "";
  const place = to.column === 0
    ? to.row === 0 ? "\x1b[H" : `\x1b[${to.row + 1}H`
    : `\x1b[${to.row === 0 ? "" : to.row + 1};${to.column + 1}H`;
  const ways = [place];
  if (from !== undefined && from.row === to.row) {
    const distance = to.column - from.column;
    if (distance > 0) ways.push(move("C", distance));
    else ways.push(distance >= -3 ? "\b".repeat(-distance) : move("D", -distance));
    if (to.column === 0) ways.push("\r");
  } else if (from !== undefined && to.column === 0 && to.row === from.row + 1) {
    ways.push("\r\n");
  }
  return ways.reduce((best, way) => way.length < best.length ? way : best);
}

/** Where from on a row is blank to its end. */
function blankFrom(row: Row): number {
  let start = row.length;
  while (start > 0 && isSameCell(row[start - 1], BLANK)) start--;
  return start;
}

export class ScreenWriter {
  readonly counts: WriterCounts = { updates: 0, bytes: 0, cells: 0 };
  /** What the terminal shows; undefined: not known. */
  #shown: Row[] | undefined;
  #cursor: Position | undefined;
  #style: Style | undefined;
  #parts: string[] = [];
  /** Moves that the update made: one stretch of cells needs no synchronized output. */
  #stretches = 0;

  /** Nothing is known of the terminal any more (resized, or used by others): the next update paints all of it. */
  forget(): void {
    this.#shown = undefined;
  }

  /** @returns what to write; empty when the terminal shows the frame already */
  update(frame: Frame): string {
    const { columns, rows } = frame;
    if (this.#shown?.length !== rows.length || this.#shown[0]?.length !== columns) {
      this.#begin(columns, rows.length);
    }
    const shown = this.#shown!;
    rows.forEach((row, y) => {
      if (shown[y] !== row) this.#row(y, shown[y], row, columns);
      shown[y] = row;
    });
    const text = this.#parts.join("");
    const isLarge = this.#stretches > 1;
    this.#parts = [];
    this.#stretches = 0;
    if (text === "") return "";
    const update = isLarge ? BEGIN + text + END : text;
    this.counts.updates++;
    this.counts.bytes += encoder.encode(update).length;
    return update;
  }

  #begin(columns: number, rows: number): void {
    this.#parts.push("\x1b]8;;\x07\x1b[m\x1b[H\x1b[2J");
    this.#stretches = 2;
    this.#style = PLAIN;
    this.#cursor = { row: 0, column: 0 };
    const blank: Row = Array.from({ length: columns }, () => BLANK);
    this.#shown = Array.from({ length: rows }, () => blank);
  }

  #row(y: number, shown: Row, next: Row, columns: number): void {
    const blank = blankFrom(next);
    const changed: number[] = [];
    let isDamaged = false;
    for (let x = 0; x < columns; x++) {
      const differs = !isSameCell(shown[x], next[x]);
      if (differs || isDamaged) changed.push(x);
      // A terminal that finds the cell wider than we do has spoilt the one beside it.
      isDamaged = (differs || isDamaged) && (shown[x].disputed || next[x].disputed);
    }
    const erased = changed.filter((x) => x >= blank);
    const doesErase = erased.length >= ERASE_FROM;
    for (const x of changed) {
      if (doesErase && x >= blank) {
        this.#go(y, x);
        this.#restyle(PLAIN);
        this.#parts.push("\x1b[K");
        this.counts.cells += erased.length;
        return;
      }
      // The second half of a wide character comes with the first.
      if (next[x].width === 0) continue;
      this.#go(y, x);
      this.#cell(next[x], y, x, columns);
    }
  }

  #go(row: number, column: number): void {
    const sequence = motion(this.#cursor, { row, column });
    if (sequence !== "") {
      this.#parts.push(sequence);
      this.#stretches++;
    }
    this.#cursor = { row, column };
  }

  #restyle(style: Style): void {
    this.#parts.push(transition(this.#style, style));
    this.#style = style;
  }

  #cell(cell: Cell, row: number, column: number, columns: number): void {
    this.#restyle(cell.style);
    this.counts.cells++;
    const end = column + cell.width;
    if (cell.disputed) {
      // Blanks first: whatever width the terminal gives it, nothing old is left beside it.
      this.#parts.push(" ".repeat(cell.width));
      if (end < columns) this.#parts.push("\b".repeat(cell.width));
      else this.#parts.push(motion(undefined, { row, column }));
    }
    this.#parts.push(cell.text);
    // In the last column terminals differ on where the cursor stands.
    this.#cursor = cell.disputed || end >= columns ? undefined : { row, column: end };
  }
}
