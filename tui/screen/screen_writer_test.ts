import assert from "node:assert/strict";
import { FrameParser, parseLine } from "./frame.ts";
import { ScreenWriter } from "./screen_writer.ts";
import { ENTER } from "./terminal_modes.ts";
import { HeadlessTerminal, seededRandom } from "./testing.ts";

type Random = () => number;

const pick = <T>(random: Random, items: readonly T[]): T => items[Math.floor(random() * items.length)];
const below = (random: Random, limit: number) => Math.floor(random() * limit);

const GRAPHEMES = [
  ..."abcxyz0123456789%().-",
  " ",
  " ",
  "é",
  "ß",
  "│",
  "─",
  "█",
  "▂",
  "⣿",
  "⡇",
  "…",
  "漢",
  "字",
  "한",
  "ア",
  "a\u0301",
  "o\u0308",
];
/** As Ink writes them: a code and what ends it. */
const STYLES: readonly (readonly [string, string])[] = [
  ["\x1b[1m", "\x1b[22m"],
  ["\x1b[2m", "\x1b[22m"],
  ["\x1b[3m", "\x1b[23m"],
  ["\x1b[4m", "\x1b[24m"],
  ["\x1b[7m", "\x1b[27m"],
  ["\x1b[9m", "\x1b[29m"],
  ["\x1b[31m", "\x1b[39m"],
  ["\x1b[92m", "\x1b[39m"],
  ["\x1b[38;5;208m", "\x1b[39m"],
  ["\x1b[38;2;230;159;0m", "\x1b[39m"],
  ["\x1b[44m", "\x1b[49m"],
  ["\x1b[48;2;0;114;178m", "\x1b[49m"],
];

function randomLine(random: Random): string {
  const parts: string[] = [];
  const count = below(random, 12);
  for (let part = 0; part < count; part++) {
    const text = Array.from({ length: below(random, 9) }, () => pick(random, GRAPHEMES)).join("");
    const styles = Array.from({ length: below(random, 4) }, () => pick(random, STYLES));
    parts.push(
      styles.map(([begin]) => begin).join("") + text + styles.map(([, end]) => end).reverse().join(""),
    );
  }
  return parts.join("");
}

/** A new frame out of the one before: some lines new, some moved, most the same. */
function changedLines(random: Random, before: readonly string[], rows: number): string[] {
  const lines = Array.from({ length: rows }, (_, index) => before[index] ?? randomLine(random));
  if (random() < 0.1) return lines.map(() => randomLine(random));
  if (random() < 0.1) lines.push(lines.shift()!);
  for (let change = below(random, 4); change > 0; change--) lines[below(random, rows)] = randomLine(random);
  return lines;
}

/** What the frame looks like when a terminal is given it as it is. */
async function paintedPlainly(
  terminal: HeadlessTerminal,
  lines: readonly string[],
  columns: number,
): Promise<string[]> {
  // Cut by the parser, which the frame tests cover: a terminal would go on at the edge.
  const cut = lines.map((line) => {
    let visible = "";
    let style = "";
    for (const { text, style: { key, codes } } of parseLine(line, columns)) {
      if (key !== style) visible += "\x1b[0m" + codes.map(({ code }) => code).join("");
      style = key;
      visible += text;
    }
    return visible + "\x1b[0m";
  });
  const fits = lines.map((line, index) => {
    const isWhole = parseLine(line, columns * 4).slice(columns).every(({ text }) => text === " ");
    return isWhole && parseLine(line, columns)[columns - 1].text === " " ? line : cut[index];
  });
  await terminal.write(
    "\x1b[?7l\x1b[m\x1b[2J" + fits.map((line, index) => `\x1b[${index + 1}H${line}\x1b[0m`).join(""),
  );
  return terminal.picture();
}

Deno.test("a terminal shows exactly each of 1,000 frames, and never scrolls", async () => {
  const random = seededRandom(20260417);
  let [columns, rows] = [60, 12];
  using terminal = new HeadlessTerminal(columns, rows);
  using other = new HeadlessTerminal(columns, rows);
  await terminal.write(ENTER);
  terminal.scrolls = 0;
  const parser = new FrameParser();
  const writer = new ScreenWriter();
  let lines: string[] = [];
  let notWhole = 0;
  for (let index = 0; index < 1000; index++) {
    if (index % 50 === 49) {
      [columns, rows] = [20 + below(random, 70), 5 + below(random, 12)];
      terminal.resize(columns, rows);
      other.resize(columns, rows);
      writer.forget();
    }
    if (index % 97 === 96) writer.forget();
    lines = changedLines(random, lines, rows);
    await terminal.write(writer.update(parser.parse(lines.join("\n"), columns, rows)));
    assert.deepEqual(terminal.picture(), await paintedPlainly(other, lines, columns), `frame ${index}`);
    if (lines.some((line) => parseLine(line, 400).slice(columns).some(({ text }) => text !== " "))) {
      notWhole++;
    }
  }
  assert.equal(terminal.scrolls, 0);
  assert.ok(notWhole > 20, `only ${notWhole} frames had lines that had to be cut`);
});

function written(before: string, after: string, columns = 80, rows = 24): { text: string; cells: number } {
  const writer = new ScreenWriter();
  const parser = new FrameParser();
  writer.update(parser.parse(before, columns, rows));
  const { cells } = writer.counts;
  const text = writer.update(parser.parse(after, columns, rows));
  return { text, cells: writer.counts.cells - cells };
}

const SCREEN = Array.from({ length: 24 }, (_, y) => `\x1b[1mrow ${y}\x1b[22m ` + "0.5 ".repeat(15));

Deno.test("a frame that is shown already costs no byte", () => {
  assert.deepEqual(written(SCREEN.join("\n"), SCREEN.join("\n")), { text: "", cells: 0 });
  // Nor does one that looks the same by other codes.
  const other = SCREEN.map((line) => line.replace("\x1b[1m", "\x1b[1;31m\x1b[39m").trimEnd()).join("\n");
  assert.deepEqual(written(SCREEN.join("\n"), other), { text: "", cells: 0 });
});

Deno.test("one changed cell costs one cell and under 40 bytes, in any colour", () => {
  const change = (value: string) =>
    SCREEN.with(23, `\x1b[1mrow 23\x1b[22m ${value}` + "0.5 ".repeat(15).slice(1));
  const plain = written(SCREEN.join("\n"), change("9").join("\n"));
  assert.deepEqual(plain, { text: "\x1b[59D9", cells: 1 });
  const coloured = written(SCREEN.join("\n"), change("\x1b[38;2;230;159;0m9\x1b[39m").join("\n"));
  assert.equal(coloured.cells, 1);
  assert.ok(coloured.text.length < 40, JSON.stringify(coloured.text));
});

Deno.test("cells between two that changed are not written", () => {
  const { text, cells } = written("CPU  12.5 % of 400", "CPU  13.5 % of 800");
  assert.equal(cells, 2);
  assert.equal(text, "\x1b[?2026h\x1b[;7H3\x1b[8C8\x1b[?2026l");
});

Deno.test("a row that becomes short is erased at its end", () => {
  const { text } = written("guest  running for a long time", "guest");
  assert.equal(text, "\x1b[;8H\x1b[K");
});

Deno.test("the last cell of the screen is written without scrolling", async () => {
  using terminal = new HeadlessTerminal(10, 3);
  const writer = new ScreenWriter();
  const parser = new FrameParser();
  await terminal.write(ENTER);
  terminal.scrolls = 0;
  for (const last of ["c".repeat(10), "d".repeat(10), "dddddddd漢"]) {
    await terminal.write(
      writer.update(parser.parse(["a".repeat(10), "b".repeat(10), last].join("\n"), 10, 3)),
    );
    assert.deepEqual(terminal.lines(), ["aaaaaaaaaa", "bbbbbbbbbb", last]);
  }
  assert.equal(terminal.scrolls, 0);
});

Deno.test("where a terminal finds a character narrower or wider than we do, its neighbours stay right", async () => {
  // This terminal gives an emoji one column.
  using terminal = new HeadlessTerminal(20, 2);
  const writer = new ScreenWriter();
  const parser = new FrameParser();
  const lines = ["xxxxxxxxxx|", "🚀 go 👩‍👩‍👧|", "ab go cd|", "🚀🚀 👍🏽 end|", "xxxxxxxxxx|"];
  for (const line of lines) {
    await terminal.write(writer.update(parser.parse(line, 20, 2)));
    const cells = parseLine(line, 20);
    const shown = terminal.picture()[0].split("\n").map((cell) => cell.split("|")[0]);
    cells.forEach(({ text, disputed }, x) => {
      if (!disputed) assert.equal(shown[x], text === "|" ? "" : text, `${line} column ${x}`);
    });
  }
});

Deno.test("hyperlinks begin and end with their cells", () => {
  const link = (text: string) => `\x1b]8;;http://example.org/\x07${text}\x1b]8;;\x07`;
  const { text } = written("see that", `see ${link("that")}`);
  assert.equal(text, "\x1b[4D\x1b]8;;http://example.org/\x07that");
  assert.equal(written(`see ${link("that")}`, "see that").text.includes("\x1b]8;;\x07"), true);
});
