/** A frame of Ink's, one string of lines with SGR codes, as a grid of cells. Every line begins and ends without style. */
import stringWidth from "string-width";
import { blankStyle, PLAIN, type Style, styleAfter } from "./style.ts";

export interface Cell {
  /** One grapheme; empty in the second cell of a wide one. */
  readonly text: string;
  readonly width: 0 | 1 | 2;
  readonly style: Style;
  /** Terminals do not agree on the width: emoji, sequences of several characters. */
  readonly disputed: boolean;
}

export type Row = readonly Cell[];

export interface Frame {
  readonly columns: number;
  /** As many as the screen has rows, each as long as the screen is wide. */
  readonly rows: readonly Row[];
}

export const BLANK: Cell = { text: " ", width: 1, style: PLAIN, disputed: false };

export function isSameCell(a: Cell, b: Cell): boolean {
  return a === b || (a.text === b.text && a.width === b.width && a.style.key === b.style.key);
}

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });
/** SGR; a hyperlink's begin or end; any other control sequence or string. */
const SEQUENCE =
  // deno-lint-ignore no-control-regex
  /(\x1b\[[\d;]*m|\x1b\]8;[^;\x07\x1b]*;[^\x07\x1b]*(?:\x07|\x1b\\))|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]P_^X][^\x07\x1b]*(?:\x07|\x1b\\)/y;
const CONTROL = /\p{Cc}|\p{Zl}|\p{Zp}|\p{Cs}/u;
const IGNORABLE = /^\p{Default_Ignorable_Code_Point}+$/u;
const EMOJI = /\p{Extended_Pictographic}|\p{Regional_Indicator}/u;

/** Characters of one column that combine with nothing before them: ASCII, Latin, arrows, box lines and blocks, braille. */
function isSimple(code: number): boolean {
  return (code >= 0x20 && code < 0x7f) ||
    (code >= 0xa1 && code < 0x300 && code !== 0xad && code !== 0xa9 && code !== 0xae) ||
    (code >= 0x2500 && code < 0x25a0) || (code >= 0x2800 && code < 0x2900);
}

function endsHere(line: string, at: number): boolean {
  if (at >= line.length) return true;
  const code = line.charCodeAt(at);
  return isSimple(code) || code === 0x1b;
}

/** Cells of simple characters, by style: most cells of most frames. */
const simpleCells = new Map<string, Map<number, Cell>>();

function simpleCell(code: number, style: Style): Cell {
  let cells = simpleCells.get(style.key);
  if (cells === undefined) {
    if (simpleCells.size >= 512) simpleCells.clear();
    simpleCells.set(style.key, cells = new Map());
  }
  let cell = cells.get(code);
  if (cell === undefined) {
    const shown = code === 0x20 ? blankStyle(style) : style;
    cell = code === 0x20 && shown === PLAIN
      ? BLANK
      : { text: String.fromCharCode(code), width: 1, style: shown, disputed: false };
    cells.set(code, cell);
  }
  return cell;
}

/** A grapheme's cells; none for what takes no room. */
function graphemeCells(text: string, style: Style): Cell[] {
  if (IGNORABLE.test(text)) return [];
  if (CONTROL.test(text)) return [simpleCell(0x20, style)];
  const columns = stringWidth(text);
  // A mark without a letter stands on a blank: Ink gives it a cell, too.
  if (columns === 0) return [{ text: ` ${text}`, width: 1, style, disputed: true }];
  const disputed = EMOJI.test(text) || text.length > (text.codePointAt(0)! > 0xffff ? 2 : 1);
  if (columns === 1) return [{ text, width: 1, style, disputed }];
  // Jamo and the like may take more than two: shown as far as two cells show them, then blanks.
  const filler = Array.from({ length: columns - 2 }, () => simpleCell(0x20, style));
  return [{ text, width: 2, style, disputed }, { text: "", width: 0, style, disputed }, ...filler];
}

/** @returns as many cells as the screen is wide; what is longer is cut, a wide character at the edge becomes a blank */
export function parseLine(line: string, columns: number): Row {
  const cells: Cell[] = [];
  let style = PLAIN;
  for (let at = 0; at < line.length && cells.length < columns;) {
    const code = line.charCodeAt(at);
    if (code === 0x1b) {
      SEQUENCE.lastIndex = at;
      const match = SEQUENCE.exec(line);
      if (match !== null) {
        if (match[1] !== undefined) style = styleAfter(style, match[1]);
        at += match[0].length;
        continue;
      }
    } else if (isSimple(code) && endsHere(line, at + 1)) {
      cells.push(simpleCell(code, style));
      at++;
      continue;
    }
    const next = line.indexOf("\x1b", at + 1);
    const end = next < 0 ? line.length : next;
    for (const { segment } of segmenter.segment(line.slice(at, end))) {
      cells.push(...graphemeCells(segment, style));
    }
    at = end;
  }
  if (cells.length > columns) {
    cells.length = columns;
    const last = cells[columns - 1];
    if (last.width === 2) cells[columns - 1] = simpleCell(0x20, last.style);
  }
  while (cells.length < columns) cells.push(BLANK);
  return cells;
}

/** Parses frames; a line that the frame before had is the same row, not only an equal one. */
export class FrameParser {
  #columns = 0;
  #lines = new Map<string, Row>();

  parse(text: string, columns: number, rowCount: number): Frame {
    const before = this.#columns === columns ? this.#lines : new Map<string, Row>();
    const lines = new Map<string, Row>();
    const texts = text.split("\n", rowCount);
    const rows = Array.from({ length: rowCount }, (_, index) => {
      const line = texts[index] ?? "";
      const row = lines.get(line) ?? before.get(line) ?? parseLine(line, columns);
      lines.set(line, row);
      return row;
    });
    this.#columns = columns;
    this.#lines = lines;
    return { columns, rows };
  }
}
