/** No flicker, exactly: what the running dashboard writes is held against the screen, cell by cell. A cell that stays the same is never written. */
// deno-lint-ignore-file no-control-regex -- control sequences are what it takes apart
import assert from "node:assert/strict";
import xterm from "@xterm/headless";
import { describe } from "../../tui/screen/testing.ts";
import { selectDomain } from "./domain_table.ts";
import type { TerminalSize, XtermTerminal } from "./screen_session.ts";
import { XendPlace } from "./xend_place.ts";

const NAMES = Array.from({ length: 10 }, (_, index) => `d${index}`);
const place = new XendPlace();
Deno.test.beforeAll(() => place.start(...NAMES));
Deno.test.afterAll(() => place.stop());

const BEGIN = "\x1b[?2026h";
const END = "\x1b[?2026l";
const ERASE = "\x1b[K";
/** A control sequence, a control character, or a character that takes a cell. */
const TOKEN = /\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07|\x1b[^[\]]|[\x00-\x1f]|[^\x00-\x1f]/gu;
/** Those that move the cursor or set styles. All others (scrolling, inserting, erasing all) have no place in a refresh. */
const HARMLESS = /^(?:\x1b\[[\d;]*[CDHm]|\x1b\[\?2026[hl]|[\r\n\b])$/;

type Cells = readonly (readonly string[])[];

/** What each cell shows. */
function cells(terminal: XtermTerminal): Cells {
  const { active } = terminal.buffer;
  const spare = active.getNullCell();
  return Array.from({ length: terminal.rows }, (_, y) => {
    const line = active.getLine(active.viewportY + y);
    return Array.from({ length: terminal.cols }, (_, x) => describe(line?.getCell(x, spare) ?? spare));
  });
}

const write = (terminal: XtermTerminal, text: string) =>
  new Promise<void>((resolve) => terminal.write(text, resolve));

class Judge {
  readonly #terminal: XtermTerminal;
  #cells: Cells;
  updates = 0;
  printed = 0;
  /** Of the synchronized update that goes on: what was there before, and where it printed. */
  #before: Cells | undefined;
  readonly #written = new Set<string>();

  constructor(terminal: XtermTerminal) {
    this.#terminal = terminal;
    this.#cells = cells(terminal);
  }

  async take(output: string): Promise<void> {
    for (const [token] of output.matchAll(TOKEN)) await this.#token(token);
  }

  async #token(token: string): Promise<void> {
    const { cursorX, cursorY } = this.#terminal.buffer.active;
    await write(this.#terminal, token);
    if (token === BEGIN) {
      this.#before = this.#cells;
      this.#written.clear();
    } else if (token === END) this.#end();
    else if (token === ERASE || token >= " ") this.#changed(token, cursorX, cursorY);
    else assert.match(token, HARMLESS);
  }

  /** Each character has changed the cell that it went to; an erasure has changed at least some. */
  #changed(token: string, x: number, y: number): void {
    const now = cells(this.#terminal);
    const changed = now[y].flatMap((cell, column) => cell === this.#cells[y][column] ? [] : [column]);
    const row = () => `row ${y}: ${this.#terminal.buffer.active.getLine(y)?.translateToString(true)}`;
    assert.ok(changed.length > 0, `${JSON.stringify(token)} at ${x}, ${y} was there already; ${row()}`);
    if (token !== ERASE) assert.deepEqual(changed, [x], `${JSON.stringify(token)}: ${row()}`);
    for (const column of changed) {
      const key = `${column} ${y}`;
      assert.ok(this.#before === undefined || !this.#written.has(key), `${key} twice in an update; ${row()}`);
      this.#written.add(key);
    }
    this.printed += changed.length;
    if (this.#before === undefined) this.updates++;
    this.#cells = now;
  }

  /** A synchronized update has printed as many cells as differ by it. */
  #end(): void {
    const before = this.#before;
    assert.ok(before !== undefined, "an end without a beginning");
    let differ = 0;
    this.#cells.forEach((row, y) => row.forEach((cell, x) => differ += cell === before[y][x] ? 0 : 1));
    assert.equal(this.#written.size, differ, "cells printed, cells that differ");
    this.updates++;
    this.#before = undefined;
  }
}

interface View {
  readonly name: string;
  readonly size: TerminalSize;
  /** To come to it from the table. */
  readonly keys: string;
  readonly marker: RegExp;
}

const VIEWS: readonly View[] = [
  { name: "80x24", size: { rows: 24, columns: 80 }, keys: "", marker: /d9/ },
  { name: "200x60", size: { rows: 60, columns: 200 }, keys: "V", marker: /VCPUs\(sec\)/ },
  {
    name: "a domain's counters",
    size: { rows: 24, columns: 80 },
    keys: "8",
    marker: /Inside the hypervisor/,
  },
];
const SECONDS = 11;

async function judge({ name, size, keys, marker }: View): Promise<void> {
  await using top = place.top(["-d", "1"], size);
  await top.waitFor(/d9/);
  await selectDomain(top, "d3");
  await top.press(keys);
  await top.waitFor(marker);
  // The answer to the keys is over.
  await new Promise((resolve) => setTimeout(resolve, 700));
  const before = top.output;
  await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
  const later = top.output.slice(before.length);
  const terminal = new xterm.Terminal({ rows: size.rows, cols: size.columns, allowProposedApi: true });
  await write(terminal, before);
  const judge = new Judge(terminal);
  // An update that is still being written is not judged.
  await judge.take(later.slice(0, wholeUpdates(later)));
  console.log(`${name}: ${judge.updates} updates, ${judge.printed} cells, ${later.length} characters`);
  assert.ok(judge.updates >= SECONDS - 3, `${judge.updates} updates in ${SECONDS} s`);
  terminal.dispose();
  await top.press("q");
  assert.equal((await top.finish()).code, 0);
}

/** How much of the output is not of an update that was begun and not ended. */
function wholeUpdates(output: string): number {
  const begin = output.lastIndexOf(BEGIN);
  return begin > output.lastIndexOf(END) ? begin : output.length;
}

Deno.test("the dashboard: no cell that stays the same is written", async () => {
  await Promise.all(VIEWS.map(judge));
});
