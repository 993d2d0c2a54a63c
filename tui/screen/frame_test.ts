import assert from "node:assert/strict";
import { BLANK, FrameParser, parseLine } from "./frame.ts";
import { PLAIN, styleAfter, transition } from "./style.ts";

const texts = (line: string, columns: number) => parseLine(line, columns).map(({ text }) => text);

Deno.test("every grapheme has its cells", () => {
  assert.deepEqual(texts("ab", 4), ["a", "b", " ", " "]);
  assert.deepEqual(texts("漢a", 4), ["漢", "", "a", " "]);
  assert.deepEqual(texts("e\u0301x", 3), ["e\u0301", "x", " "]);
  assert.deepEqual(texts("🇦🇹!", 3), ["🇦🇹", "", "!"]);
  assert.deepEqual(texts("👩‍👩‍👧|", 4), ["👩‍👩‍👧", "", "|", " "]);
  assert.deepEqual(texts("│⣿█", 3), ["│", "⣿", "█"]);
  assert.deepEqual(parseLine("漢", 2).map(({ width }) => width), [2, 0]);
});

Deno.test("a wide character that does not fit is a blank in its style", () => {
  const [, , last] = parseLine("ab\x1b[44m漢\x1b[49m", 3);
  assert.equal(last.text, " ");
  assert.equal(last.style.key, "\x1b[44m");
});

Deno.test("controls become blanks, other sequences nothing", () => {
  assert.deepEqual(texts("a\tb\x07c\x1b[2Jd\x1b]0;title\x07e", 8), ["a", " ", "b", " ", "c", "d", "e", " "]);
  assert.deepEqual(texts("a\u200bb\x9bc", 5), ["a", "b", " ", "c", " "]);
  assert.deepEqual(texts("\u0301a", 2), [" \u0301", "a"]);
});

Deno.test("ink on a blank does not show, paper and lines do", () => {
  assert.equal(parseLine("\x1b[31m \x1b[39m", 1)[0], BLANK);
  assert.equal(parseLine("\x1b[1;31;44m \x1b[0m", 1)[0].style.key, "\x1b[44m");
  assert.equal(parseLine("\x1b[31;4m \x1b[0m", 1)[0].style.key, "\x1b[31m\x1b[4m");
  assert.equal(parseLine("\x1b[31;7m \x1b[0m", 1)[0].style.key, "\x1b[31m\x1b[7m");
});

Deno.test("a line that stays is the same row", () => {
  const parser = new FrameParser();
  const first = parser.parse("one\n漢\nthree", 10, 4);
  const second = parser.parse("zero\none\n漢", 10, 4);
  assert.equal(second.rows[1], first.rows[0]);
  assert.equal(second.rows[2], first.rows[1]);
  assert.equal(second.rows[3], first.rows[3]);
  assert.equal(parser.parse("one", 11, 4).rows[0].length, 11);
});

Deno.test("transitions between styles are short, and right where codes end each other", () => {
  const style = (...codes: string[]) => codes.reduce((before, code) => styleAfter(before, code), PLAIN);
  assert.equal(transition(PLAIN, style("\x1b[31m")), "\x1b[31m");
  assert.equal(transition(style("\x1b[31m"), style("\x1b[32m")), "\x1b[32m");
  assert.equal(transition(style("\x1b[31m", "\x1b[1m"), PLAIN), "\x1b[m");
  assert.equal(transition(style("\x1b[1m"), style("\x1b[2m")), "\x1b[0;2m");
  assert.equal(transition(style("\x1b[1;2;31m"), style("\x1b[31m", "\x1b[2m")), "\x1b[22;2m");
  assert.equal(transition(undefined, PLAIN), "\x1b]8;;\x07\x1b[m");
  // Blinking ends with SGR 0 alone, here as the tokenizer sees it.
  assert.equal(transition(style("\x1b[5m", "\x1b[31m"), style("\x1b[31m")), "\x1b[0;31m");
  assert.equal(style("\x1b[31m", "\x1b[m"), PLAIN);
});
