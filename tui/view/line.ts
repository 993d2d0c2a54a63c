/** A line of the screen as text with roles: what it means; the theme knows how that looks. */
import stringWidth from "string-width";
import type { Role } from "../theme/mod.ts";

export type { Role };

export interface Span {
  readonly text: string;
  readonly role: Role;
}

export type Line = readonly Span[];

export const BLANK_LINE: Line = [];

export function span(text: string, role: Role = "text"): Span {
  return { text, role };
}

export function line(...parts: readonly (Span | string)[]): Line {
  return parts.map((part) => typeof part === "string" ? span(part) : part);
}

export function plain(spans: Line): string {
  return spans.map(({ text }) => text).join("");
}

const ASCII = /^[\x20-\x7e]*$/;
const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });

export function widthOf(text: string): number {
  return ASCII.test(text) ? text.length : stringWidth(text);
}

/** What fits into so many columns; a wide character at the edge is left out. */
export function cutText(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  if (ASCII.test(text)) return text.slice(0, Math.max(0, width));
  let cut = "";
  let used = 0;
  for (const { segment } of segmenter.segment(text)) {
    used += stringWidth(segment);
    if (used > width) break;
    cut += segment;
  }
  return cut;
}

export function padEnd(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - widthOf(text)));
}

/** Cut, or filled with blanks: exactly so wide. */
export function fit(spans: Line, width: number): Line {
  const fitted: Span[] = [];
  let used = 0;
  for (const { text, role } of spans) {
    const room = width - used;
    if (room <= 0) break;
    const cut = cutText(text, room);
    used += widthOf(cut);
    fitted.push({ text: cut, role });
    // What follows a wide character that found no room does not move into its place.
    if (cut.length < text.length) break;
  }
  if (used < width) fitted.push(span(" ".repeat(width - used)));
  return fitted;
}

/** Text that came from outside as what can stand in a cell. */
export function harmless(text: string): string {
  return text.replace(/\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}|\p{Cs}/gu, "?");
}

/** Broken at blanks where there are some. */
export function wrapText(text: string, width: number): string[] {
  if (width < 1) return [text];
  const lines: string[] = [];
  for (const paragraph of text.split("\n")) {
    let rest = paragraph;
    while (widthOf(rest) > width) {
      const head = cutText(rest, width) || [...rest][0];
      const blank = head.lastIndexOf(" ");
      const end = blank > width / 3 ? blank + 1 : head.length;
      lines.push(rest.slice(0, end).trimEnd());
      rest = rest.slice(end);
    }
    lines.push(rest);
  }
  return lines;
}
