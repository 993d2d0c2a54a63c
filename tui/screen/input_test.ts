import assert from "node:assert/strict";
import fc from "fast-check";
import { InputDecoder, InputReader } from "./input.ts";
import type { InputEvent } from "./input_events.ts";

const encoder = new TextEncoder();

function decode(...chunks: (string | Uint8Array)[]): InputEvent[] {
  const decoder = new InputDecoder();
  const events = chunks.flatMap((chunk) =>
    decoder.push(typeof chunk === "string" ? encoder.encode(chunk) : chunk)
  );
  return [...events, ...decoder.flush()];
}

const names = (...chunks: string[]) =>
  decode(...chunks).map((event) =>
    event.kind === "key" ? event.name : event.kind === "paste" ? `paste ${event.text}` : event.action
  );

Deno.test("characters are their own names and type themselves", () => {
  assert.deepEqual(
    decode("aZ é漢"),
    [..."aZ é漢"].map((text) => ({
      kind: "key",
      name: text === " " ? "Space" : text,
      text,
      ctrl: false,
      meta: false,
      shift: false,
    })),
  );
});

Deno.test("control characters, Alt and the keys with names", () => {
  assert.deepEqual(names("\x01\x0c\x1d\x00\t\r\n\x7f\b"), [
    "^A",
    "^L",
    "^]",
    "^Space",
    "Tab",
    "Enter",
    "^J",
    "Backspace",
    "Backspace",
  ]);
  assert.deepEqual(names("\x1bx\x1bX\x1b\x0c\x1b\x7f\x1bé"), ["M-x", "M-X", "M-^L", "M-Backspace", "M-é"]);
  assert.deepEqual(decode("\x0c")[0], { kind: "key", name: "^L", ctrl: true, meta: false, shift: false });
});

Deno.test("keys as xterm, rxvt, the Linux console and kitty send them", () => {
  const sequences: [string, string][] = [
    ["\x1b[A", "Up"],
    ["\x1bOA", "Up"],
    ["\x1b[1;5A", "^Up"],
    ["\x1b[1;2D", "S-Left"],
    ["\x1b[1;3C", "M-Right"],
    ["\x1b\x1b[B", "M-Down"],
    ["\x1b[H", "Home"],
    ["\x1b[1~", "Home"],
    ["\x1b[7~", "Home"],
    ["\x1b[F", "End"],
    ["\x1b[4~", "End"],
    ["\x1b[5~", "PageUp"],
    ["\x1b[6;5~", "^PageDown"],
    ["\x1b[2~", "Insert"],
    ["\x1b[3~", "Delete"],
    ["\x1b[3$", "S-Delete"],
    ["\x1b[3^", "^Delete"],
    ["\x1b[Z", "BackTab"],
    ["\x1bOP", "F1"],
    ["\x1b[[E", "F5"],
    ["\x1b[15~", "F5"],
    ["\x1b[24;2~", "S-F12"],
    ["\x1b[a", "S-Up"],
    ["\x1bOd", "^Left"],
    ["\x1b[99;5u", "^C"],
    ["\x1b[13;2u", "S-Enter"],
    ["\x1b[27u", "Esc"],
    ["\x1b[97u", "a"],
    ["\x1b[27;5;9~", "^Tab"],
    ["\x1bOM", "Enter"],
  ];
  for (const [sequence, name] of sequences) {
    assert.deepEqual(names(sequence), [name], JSON.stringify(sequence));
    assert.deepEqual(names(sequence + "q"), [name, "q"], JSON.stringify(sequence));
  }
});

Deno.test("a terminal's answers and unknown sequences are no keys", () => {
  assert.deepEqual(
    names("\x1b[?62;c\x1b[I\x1b[12;40R\x1b]11;rgb:00/00/00\x1b\\\x1bP>|term\x1b\\\x1b[97;1:3uq"),
    [
      "q",
    ],
  );
});

Deno.test("the mouse: press, release, wheel", () => {
  const base = { kind: "mouse", shift: false, meta: false, ctrl: false };
  assert.deepEqual(
    decode("\x1b[<0;10;5M\x1b[<0;10;5m\x1b[<64;1;1M\x1b[<65;200;1M\x1b[<18;1;1M\x1b[<35;4;4M"),
    [
      { ...base, action: "press", button: "left", column: 9, row: 4 },
      { ...base, action: "release", button: "left", column: 9, row: 4 },
      { ...base, action: "wheel-up", button: "none", column: 0, row: 0 },
      { ...base, action: "wheel-down", button: "none", column: 199, row: 0 },
      { ...base, action: "press", button: "right", column: 0, row: 0, ctrl: true },
    ],
  );
});

Deno.test("a paste is one event, whatever is in it", () => {
  assert.deepEqual(names("a\x1b[200~x\r\n\x1b[Ay\x1b[201", "~b"), ["a", "paste x\r\n\x1b[Ay", "b"]);
  const parts = decode("\x1b[200~" + "z".repeat(100_000) + "\x1b[201~");
  assert.deepEqual(parts.map((event) => event.kind === "paste" && event.text.length), [65536, 34464]);
});

Deno.test("an ESC alone is the key, once nothing follows", () => {
  assert.deepEqual(names("\x1b"), ["Esc"]);
  assert.deepEqual(names("\x1b\x1b"), ["Esc", "Esc"]);
  assert.deepEqual(names("\x1b\x1ba"), ["Esc", "M-a"]);
  assert.deepEqual(names("\x1b["), ["M-["]);
  assert.deepEqual(names("\x1bO"), ["M-O"]);
  assert.deepEqual(names("\x1b]"), ["M-]"]);
  assert.deepEqual(names("\x1b[1;"), []);
});

const PIECES = [
  "a",
  "é",
  "漢",
  "🚀",
  "\x1b",
  "\x1b[A",
  "\x1b[1;5C",
  "\x1bOP",
  "\x1b[[A",
  "\x1b[200~",
  "\x1b[201~",
  "\x1b[<0;3;4M",
  "\x1b]0;t\x07",
  "\x1bP1\x1b\\",
  "\x1b[3$",
  "\r",
  "\t",
  "\x7f",
  "[",
  "O",
  "~",
  ";",
  "1",
  "\\",
  "$",
  "M",
];

Deno.test("splitting the bytes anywhere gives the same events", () => {
  const pieces = fc.array(fc.oneof(fc.constantFrom(...PIECES), fc.string({ maxLength: 3 })), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(pieces, fc.array(fc.nat(60), { maxLength: 8 }), (parts, cuts) => {
      const bytes = encoder.encode(parts.join(""));
      const places = [...new Set(cuts.map((cut) => Math.min(cut, bytes.length)))].sort((a, b) => a - b);
      const chunks = [...places, bytes.length].map((end, index) =>
        bytes.subarray(places[index - 1] ?? 0, end)
      );
      assert.deepEqual(decode(...chunks), decode(bytes));
    }),
    { numRuns: 3000 },
  );
});

Deno.test("any bytes are decoded to the end", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
    const decoder = new InputDecoder();
    decoder.push(bytes);
    decoder.flush();
    // Only a paste that has not ended keeps anything.
    assert.equal(decoder.waitMs, undefined);
  }));
});

Deno.test("the reader ends an ESC by time and hands bytes on to who has asked for them", async () => {
  const names: string[] = [];
  const diverted: string[] = [];
  let next: (bytes: Uint8Array | undefined) => void = () => {};
  async function* source(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const bytes = await new Promise<Uint8Array | undefined>((resolve) => next = resolve);
      if (bytes === undefined) return;
      yield bytes;
    }
  }
  const send = async (text: string | undefined, isDone: () => boolean) => {
    next(text === undefined ? undefined : encoder.encode(text));
    while (!isDone()) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  const reader = new InputReader(
    source(),
    (event) => names.push(event.kind === "key" ? event.name : event.kind),
  );
  const end = reader.run();
  const start = performance.now();
  await send("\x1b", () => names.length > 0);
  assert.deepEqual(names, ["Esc"]);
  assert.ok(performance.now() - start >= 45);
  const giveBack = reader.divert((bytes) => diverted.push(new TextDecoder().decode(bytes)));
  await send("\x1bx", () => diverted.length > 0);
  giveBack();
  await send("q", () => names.length > 1);
  assert.deepEqual([names, diverted], [["Esc", "q"], ["\x1bx"]]);
  await send(undefined, () => true);
  await end;
});
