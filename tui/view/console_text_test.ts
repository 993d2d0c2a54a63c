import assert from "node:assert/strict";
import fc from "fast-check";
import { ConsoleText } from "./console_text.ts";

const encoder = new TextEncoder();

function linesOf(...texts: string[]): readonly string[] {
  const console = new ConsoleText();
  for (const text of texts) console.write(encoder.encode(text));
  return console.lines;
}

Deno.test("lines as a terminal would show them", () => {
  assert.deepEqual(linesOf("one\r\ntwo\r\nthr", "ee"), ["one", "two", "three"]);
  assert.deepEqual(linesOf("10%\r20%\r100%\n"), ["100%"]);
  assert.deepEqual(linesOf("long line\rshort\x1b[K"), ["short"]);
  assert.deepEqual(linesOf("passwd\b\b\b\x1b[Ks\n"), ["pass"]);
  assert.deepEqual(linesOf("a\tb\n"), ["a       b"]);
  assert.deepEqual(linesOf("x\n\n\n"), ["x", "", ""]);
});

Deno.test("escape sequences go, also those that come in pieces", () => {
  assert.deepEqual(linesOf("\x1b[1;32mok\x1b[0m \x1b]0;title\x07done\x1b(B.\n"), ["ok done."]);
  assert.deepEqual(linesOf("\x1b", "[3", "1mred\x1b]8;;http", "://x\x1b\\link\n"), ["redlink"]);
  assert.deepEqual(linesOf("\x1bPq#0;2\x1b\\sixel\x9b31mc1\n"), ["sixelc1"]);
  assert.deepEqual(linesOf("\x1b[?1049h\x1b[2J\x1b[Hscreen\n"), ["screen"]);
});

Deno.test("bytes that are split within a character are one character", () => {
  const console = new ConsoleText();
  const bytes = encoder.encode("grüß\n");
  bytes.forEach((_, index) => console.write(bytes.subarray(index, index + 1)));
  assert.deepEqual(console.lines, ["grüß"]);
});

Deno.test("whatever a guest writes, nothing of it can control the user's terminal, and it stays small", () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), (chunks) => {
    const console = new ConsoleText();
    for (const chunk of chunks) console.write(chunk);
    for (const line of console.lines) assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  }));
  const console = new ConsoleText();
  console.write(encoder.encode("x".repeat(100_000)));
  console.write(encoder.encode("y\n".repeat(5000)));
  assert.ok(console.lines.length <= 2201);
  assert.ok(console.lines.every((line) => line.length <= 1000));
});
