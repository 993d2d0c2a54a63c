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

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** One cell each: ASCII, Latin, and what frames, bars and graphs are made of. */
function isSimple(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const isCell = (code >= 0x20 && code < 0x7f) || (code >= 0xa1 && code < 0x300 && code !== 0xad) ||
      (code >= 0x2190 && code < 0x2194) || (code >= 0x2500 && code < 0x25a0) ||
      (code >= 0x2800 && code < 0x2900);
    if (!isCell) return false;
  }
  return true;
}

export function widthOf(text: string): number {
  return isSimple(text) ? text.length : stringWidth(text);
}

/** What fits into so many columns; a wide character at the edge is left out. */
export function cutText(text: string, width: number): string {
  if (isSimple(text)) return text.length <= width ? text : text.slice(0, Math.max(0, width));
  if (stringWidth(text) <= width) return text;
  let shown = "";
  let used = 0;
  for (const { segment } of segmenter.segment(text)) {
    used += stringWidth(segment);
    if (used > width) break;
    shown += segment;
  }
  return shown;
}

export function padEnd(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - widthOf(text)));
}

export function lineWidth(spans: Line): number {
  return spans.reduce((sum, { text }) => sum + widthOf(text), 0);
}

/** At most so wide. What comes from outside can do no harm from here on. */
export function cut(spans: Line, width: number): Line {
  const shown: Span[] = [];
  let used = 0;
  for (const part of spans) {
    const safe = isSimple(part.text) ? part.text : harmless(part.text);
    const text = cutText(safe, width - used);
    if (text !== "") shown.push(text === part.text ? part : span(text, part.role));
    used += widthOf(text);
    // What follows a wide character that found no room does not move into its place.
    if (text.length < safe.length) break;
  }
  return shown;
}

/** Cut, or filled with blanks: exactly so wide. */
export function fit(spans: Line, width: number, role: Role = "text"): Line {
  const shown = cut(spans, width);
  const missing = width - lineWidth(shown);
  return missing > 0 ? [...shown, span(" ".repeat(missing), role)] : shown;
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
