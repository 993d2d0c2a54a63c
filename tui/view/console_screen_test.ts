import assert from "node:assert/strict";
import fc from "fast-check";
import { ConsoleScreen } from "./console_screen.ts";

const encoder = new TextEncoder();
const SIZE = { columns: 40, rows: 6 };

async function shown(...texts: string[]): Promise<readonly string[]> {
  const console = new ConsoleScreen(SIZE);
  for (const text of texts) await console.write(encoder.encode(text));
  const { lines } = console;
  console.close();
  return lines;
}

Deno.test("lines as a terminal shows them", async () => {
  assert.deepEqual(await shown("one\r\ntwo\r\nthr", "ee"), ["one", "two", "three"]);
  assert.deepEqual(await shown("10%\r20%\r100%\r\n"), ["100%"]);
  assert.deepEqual(await shown("long line\rshort\x1b[K"), ["short"]);
  assert.deepEqual(await shown("passwd\b\b\b\x1b[Ks\r\n"), ["pass"]);
  assert.deepEqual(await shown("a\tb\r\n"), ["a       b"]);
  assert.deepEqual(await shown("x\r\n\r\n\r\ny"), ["x", "", "", "y"]);
  assert.deepEqual(await shown("\x1b[1;32mok\x1b[0m \x1b]0;title\x07done\x1b(B.\r\n"), ["ok done."]);
  assert.deepEqual(await shown("\x1b", "[3", "1mred\x1b]8;;http", "://x\x1b\\link\r\n"), ["redlink"]);
});

Deno.test("more lines than the screen has are kept, long ones in one piece", async () => {
  const many = Array.from({ length: 3000 }, (_, index) => `line ${index}`);
  const lines = await shown(many.join("\r\n"));
  assert.equal(lines.length, 2006);
  assert.deepEqual([lines[0], lines.at(-1)], ["line 994", "line 2999"]);
  const long = "word ".repeat(30).trimEnd();
  assert.deepEqual(await shown(`${long}\r\nnext`), [long, "next"]);
});

Deno.test("a program that has the whole screen is seen as it looks, and what was before it comes back", async () => {
  const console = new ConsoleScreen(SIZE);
  const write = (text: string) => console.write(encoder.encode(text));
  await write("# vi file\r\n\x1b[?1049h\x1b[2J\x1b[H");
  await write("first\x1b[2;1H~\x1b[3;1H~\x1b[6;1H- file 1/1\x1b[1;3H");
  assert.deepEqual(console.lines, ["first", "~", "~", "", "", "- file 1/1"]);
  await write("\x1b[1;1Hbirst");
  assert.equal(console.lines[0], "birst");
  console.resize({ columns: 60, rows: 6 });
  assert.equal(console.lines[0], "birst");
  await write("\x1b[?1049l# ");
  assert.deepEqual(console.lines, ["# vi file", "#"]);
  console.close();
});

Deno.test("bytes that are split within a character are one character", async () => {
  const console = new ConsoleScreen(SIZE);
  for (const byte of encoder.encode("grüß 日本\r\n")) await console.write(Uint8Array.of(byte));
  assert.deepEqual(console.lines, ["grüß 日本"]);
});

Deno.test("whatever a guest writes, nothing of it can control the user's terminal, and it stays small", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), async (chunks) => {
      const console = new ConsoleScreen(SIZE);
      for (const chunk of chunks) await console.write(chunk);
      for (const line of console.lines) assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      console.close();
    }),
  );
  assert.deepEqual(await shown("a\u202eb\u200bc\r\n"), ["abc"]);
  const lines = await shown("x".repeat(100_000), "\r\n", "y\r\n".repeat(5000));
  assert.equal(lines.length, 2005);
});
