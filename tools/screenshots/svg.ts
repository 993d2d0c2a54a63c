/**
 * A terminal's screen as an SVG picture: each run of cells of one style is a piece of text at its place in the grid, so that it looks the same
 * wherever a monospaced font is. Colours are xterm's palette (the 256 of `xterm-256color`) or as the program gave them.
 */
import type { IBufferCell, Terminal } from "@xterm/headless";

const CELL_WIDTH = 8.4;
const LINE_HEIGHT = 17;
const FONT_SIZE = 14;
const MARGIN = 12;
const FOREGROUND = "#d8dee9";
const BACKGROUND = "#14181f";

/** The 16 of xterm's palette, a little softer than its own. */
const BASIC = [
  ["#14181f", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#c8ccd4"],
  ["#5c6370", "#ff7b86", "#b5e890", "#ffd68a", "#7cc4ff", "#e096f5", "#70d5e0", "#ffffff"],
].flat();

const hex = (value: number) => value.toString(16).padStart(2, "0");

/** Of the 6x6x6 cube and the greys behind the first 16 (xterm's 256 colours). */
function paletteColour(index: number): string {
  if (index < 16) return BASIC[index];
  if (index >= 232) return `#${hex(8 + (index - 232) * 10).repeat(3)}`;
  const level = (step: number) => hex(step === 0 ? 0 : 55 + step * 40);
  const cube = index - 16;
  return `#${level(Math.floor(cube / 36))}${level(Math.floor(cube / 6) % 6)}${level(cube % 6)}`;
}

function colour(isRgb: boolean, isPalette: boolean, value: number, otherwise: string): string {
  if (isRgb) return `#${value.toString(16).padStart(6, "0")}`;
  return isPalette ? paletteColour(value) : otherwise;
}

interface Style {
  readonly foreground: string;
  readonly background: string;
  readonly bold: boolean;
  readonly italic: boolean;
  readonly underline: boolean;
  readonly dim: boolean;
}

function styleOf(cell: IBufferCell): Style {
  let foreground = colour(cell.isFgRGB(), cell.isFgPalette(), cell.getFgColor(), FOREGROUND);
  let background = colour(cell.isBgRGB(), cell.isBgPalette(), cell.getBgColor(), BACKGROUND);
  if (cell.isInverse() !== 0) [foreground, background] = [background, foreground];
  return {
    foreground,
    background,
    bold: cell.isBold() !== 0,
    italic: cell.isItalic() !== 0,
    underline: cell.isUnderline() !== 0,
    dim: cell.isDim() !== 0,
  };
}

interface Run {
  readonly column: number;
  readonly style: Style;
  text: string;
  cells: number;
}

/** Fonts do not give all signs one width: those that are not ASCII stand apart from those that are, and blanks are only places. */
const kindOf = (text: string) => text === " " ? "blank" : /^[!-~]+$/.test(text) ? "ascii" : "other";

function runsOf(terminal: Terminal, line: number): Run[] {
  const { active } = terminal.buffer;
  const buffer = active.getLine(active.viewportY + line);
  const runs: Run[] = [];
  let last = "";
  for (let column = 0; column < terminal.cols; column++) {
    const cell = buffer?.getCell(column);
    // The second half of a wide character has no width of its own.
    if (cell === undefined || cell.getWidth() === 0) continue;
    const style = styleOf(cell);
    const text = cell.getChars() || " ";
    const key = JSON.stringify([style, kindOf(text)]);
    const run = runs.at(-1);
    if (run !== undefined && key === last) {
      run.text += text;
      run.cells += cell.getWidth();
    } else runs.push({ column, style, text, cells: cell.getWidth() });
    last = key;
  }
  return runs;
}

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
const escaped = (text: string) => text.replace(/[&<>]/g, (sign) => ESCAPES[sign]);
const number = (value: number) => String(Math.round(value * 100) / 100);

/** @param title what a reader who does not see the picture is told */
export function screenSvg(terminal: Terminal, title: string): string {
  const width = terminal.cols * CELL_WIDTH + 2 * MARGIN;
  const height = terminal.rows * LINE_HEIGHT + 2 * MARGIN;
  const parts: string[] = [];
  for (let line = 0; line < terminal.rows; line++) {
    const top = MARGIN + line * LINE_HEIGHT;
    for (const { column, style, text, cells } of runsOf(terminal, line)) {
      const x = number(MARGIN + column * CELL_WIDTH), length = number(cells * CELL_WIDTH);
      if (style.background !== BACKGROUND) {
        parts.push(
          `<rect x="${x}" y="${top}" width="${length}" height="${LINE_HEIGHT}" fill="${style.background}"/>`,
        );
      }
      if (text.trim() === "") continue;
      const more = (style.bold ? ` font-weight="bold"` : "") + (style.italic ? ` font-style="italic"` : "") +
        (style.underline ? ` text-decoration="underline"` : "") + (style.dim ? ` opacity="0.6"` : "");
      parts.push(
        `<text x="${x}" y="${
          top + 13
        }" textLength="${length}" fill="${style.foreground}"${more} xml:space="preserve">${
          escaped(text)
        }</text>`,
      );
    }
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${number(width)}" height="${
    number(height)
  }" viewBox="0 0 ${number(width)} ${number(height)}" role="img">\n<title>${escaped(title)}</title>\n` +
    `<rect width="100%" height="100%" rx="8" fill="${BACKGROUND}"/>\n` +
    `<g font-family="ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace" font-size="${FONT_SIZE}">\n${
      parts.join("\n")
    }\n</g>\n</svg>\n`;
}
