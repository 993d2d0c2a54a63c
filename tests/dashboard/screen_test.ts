/** The dashboard's screen on a real terminal: what it shows first, at which sizes, in which colours, and how it leaves. */
// deno-lint-ignore-file no-control-regex -- control sequences are what it is about
import assert from "node:assert/strict";
import { TOP_COLUMNS } from "../../core/toolstack/format/top.ts";
import { COMMAND, ROOT, run } from "../session.ts";
import { hasSelected } from "./domain_table.ts";
import { CLEAR_ESCAPE } from "./key_bytes.ts";
import { KEY, type ScreenSession } from "./screen_session.ts";
import { assertGivenBack, XendPlace } from "./xend_place.ts";

const place = new XendPlace();
Deno.test.beforeAll(() => place.start("alpha", "beta"));
Deno.test.afterAll(() => place.stop());

const MOUSE_MODES = /\x1b\[\?(?:9|100\d|101[56])h/;
const WIDE = { rows: 60, columns: 200 };

place.test("header, table, hints; the cursor is hidden on a screen of its own", {}, async (top) => {
  const screen = await top.waitFor(/alpha[^]*beta/);
  const lines = screen.split("\n");
  assert.match(lines[0], /^xentop - \d\d:\d\d:\d\d +Xen 4\.17\.0-xenolith/);
  const states = /^3 domains: (\d) running, (\d) blocked, 0 paused, 0 crashed, 0 dying, 0 shutdown$/.exec(
    lines[1],
  );
  // A guest that ticks may run just then.
  assert.equal(Number(states?.[1]) + Number(states?.[2]), 3, lines[1]);
  assert.match(lines[2], /^Mem: \d+k total, \d+k used, \d+k free +CPUs: \d+ @ \d+MHz/);
  assert.match(lines[3], /Domains 3 +pCPUs +Events +Commands/);
  assert.match(lines[4], /^NAME +STATE +CPU\(%\)/);
  assert.deepEqual(lines.slice(5, 8).map((line) => line.split(" ")[0]), ["Domain-0", "alpha", "beta"]);
  assert.match(lines[23], /^\? help +q quit/);
  assert.equal(top.terminal.buffer.active.type, "alternate");
  assert.match(top.output.slice(0, 80), /\x1b\[\?1049h\x1b\[\?25l/);
  assert.doesNotMatch(top.output, MOUSE_MODES, "the mouse is the terminal's own until m is pressed");
});

place.test("200 columns hold each of xentop's, with its own titles", { size: WIDE }, async (top) => {
  const screen = await top.waitFor(/beta/);
  const heading = screen.split("\n").find((line) => line.startsWith("NAME"));
  assert.ok(heading);
  const titles = heading.split(/\s+/);
  for (const { title } of TOP_COLUMNS) assert.ok(titles.includes(title), `${title} is not in: ${heading}`);
  // Graphs of the host and of the selected domain have lines of their own here.
  assert.match(screen, /── Host/);
  assert.match(screen, /── Domain-0/);
});

place.test("its size changes: 80x24, 200x60, too small, and back", {}, async (top) => {
  await top.press(KEY.down);
  await top.waitFor(hasSelected("alpha"));
  await top.resize(WIDE);
  const wide = await top.waitFor(/VBD_WSECT/);
  assert.match(wide.split("\n")[59], /^\? help/);
  await top.resize({ rows: 10, columns: 40 });
  const small = await top.waitFor(/needs 80x24/);
  assert.match(small.replaceAll("\n", ""), /this terminal has 40x10\. q quits\./);
  assert.doesNotMatch(small, /Domain-0/);
  await top.resize({ rows: 24, columns: 80 });
  const again = await top.waitFor(/^\? help/m);
  // The selection is where it was, and nothing of the larger screen is left.
  assert.ok(hasSelected("alpha")(again));
  assert.equal(again.split("\n").filter((line) => line.startsWith("NAME")).length, 1);
  await top.press("\x0c");
  await top.waitFor((screen) => stable(screen) === stable(again));
});

/** Without what each second changes. */
const stable = (screen: string) =>
  screen.split("\n").slice(3, 8).map((line) => line.slice(0, 18).trimEnd()).join("\n");

Deno.test("the dashboard: -i 3 ends by itself with 0, the terminal given back", async () => {
  await using top = place.top(["-i", "3", "-d", "0.3"]);
  const { code, stdout } = await top.finish();
  assert.equal(code, 0);
  await assertGivenBack(top);
  // Its last frame was the table, not the words before it.
  assert.match(stdout, /alpha/);
});

Deno.test("the dashboard: it ends, and the shell has its lines, echo and signals as before", async () => {
  await using top = place.top();
  await top.waitFor(/beta/);
  const during = await top.settings();
  for (const off of ["icanon", "echo", "isig", "opost"]) {
    assert.match(during, new RegExp(`(^|\\s)-${off}\\b`));
  }
  await top.press("q");
  assert.equal((await top.finish()).code, 0);
  await assertGivenBack(top);
  // The pseudo-terminal goes with its process: a shell that outlives the dashboard tells what it got back.
  const after = await shell("stty -a; XENOLITH top -i 1 -d 0.2; echo; echo ended; stty -a");
  const [before, then] = after.split("ended").map(flags);
  assert.deepEqual(then, before);
});

/** The words of `stty -a` that are on or off. */
const flags = (text: string) => text.match(/(?:^|\s)-?[a-z]+[a-z0-9]*(?=\s|$)/g)?.map((word) => word.trim());

/** A shell's commands on a terminal. @returns what it printed */
async function shell(commands: string): Promise<string> {
  const command = COMMAND.map((word) => `'${word}'`).join(" ");
  const child = new Deno.Command("script", {
    args: ["-qec", `stty rows 24 cols 80; ${commands.replaceAll("XENOLITH", command)}`, "/dev/null"],
    cwd: ROOT,
    env: { ...place.environment, TERM: "xterm" },
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const { code, stdout } = await child.output();
  assert.equal(code, 0);
  return new TextDecoder().decode(stdout);
}

Deno.test("the dashboard: without a terminal it says so and what does without one, and fails", async () => {
  const { code, stdout, stderr } = await run(["top"], "", place.environment);
  assert.equal(code, 2);
  assert.equal(stdout, "");
  assert.match(stderr, /needs a terminal.*top -b/);
});

Deno.test("the dashboard: a theme that there is not is refused by name, the terminal untouched", async () => {
  await using top = place.top(["--theme", "pink"]);
  const { code, stdout } = await top.finish();
  assert.notEqual(code, 0);
  assert.match(stdout, /pink.*dark, light, colour-blind/);
  assert.doesNotMatch(stdout, /\x1b\[\?1049h/);
});

/** Numbers of the control sequences that set styles. */
function styles(output: string): string[] {
  return [...output.matchAll(/\x1b\[([\d;:]*)m/g)].flatMap(([, numbers]) => numbers.split(/[;:]/));
}

const isColour = (number: string) => /^(3[0-9]|4[0-9]|9[0-7]|10[0-7])$/.test(number);

place.test("NO_COLOR: no colours; the selected row still stands out", {
  environment: { NO_COLOR: "1" },
}, async (top) => {
  await top.waitFor(/beta/);
  await top.press("?");
  await top.waitFor(/Help: keys/);
  await top.press("\x1b");
  await top.waitWithout(/Help: keys/);
  assert.deepEqual(styles(top.output).filter(isColour), []);
  assert.equal(await isMarked(top, /^Domain-0/), true);
  assert.equal(await isMarked(top, /^alpha/), false);
});

/** Whether a row is drawn unlike text: reversed, or on another ground. */
async function isMarked(top: ScreenSession, row: RegExp): Promise<boolean> {
  const y = (await top.lines()).findIndex((line) => row.test(line));
  assert.ok(y >= 0);
  const cell = top.terminal.buffer.active.getLine(y)?.getCell(1);
  assert.ok(cell);
  return cell.isInverse() !== 0 || !cell.isBgDefault();
}

place.test("t changes the colours of the same text, theme by theme, round to the first", {}, async (top) => {
  await top.waitFor(/beta/);
  const seen: string[] = [];
  for (;;) {
    await top.press("t");
    const theme = /theme: (\S+)/.exec(
      await top.waitFor((screen) => {
        const shown = /theme: (\S+)/.exec(screen)?.[1];
        return shown !== undefined && shown !== seen.at(-1);
      }),
    )![1];
    if (seen.includes(theme)) break;
    seen.push(theme);
    assert.ok(seen.length < 20);
  }
  assert.ok(seen.includes("light") && seen.includes("none") && seen.includes("dark"), seen.join(" "));
  await top.waitFor(/^alpha/m);
  assert.equal(await isMarked(top, /^Domain-0/), true);
});

place.test("a locale without Unicode gets ASCII alone", {
  environment: { LC_ALL: "C", LANG: "C" },
  size: WIDE,
}, async (top) => {
  await top.waitFor(/beta/);
  for (const [key, title] of [["?", /Help: keys/], [":", /Command palette/], ["c", /Columns/]] as const) {
    await top.press(key);
    await top.waitFor(title);
    await top.press(CLEAR_ESCAPE);
    await top.waitWithout(title);
  }
  await top.press(KEY.down + KEY.enter);
  for (const tab of "1234567890") {
    await top.press(tab);
    await top.waitFor(/Domain alpha/);
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  const other = /[^\x00-\x7f]/.exec(top.output);
  assert.equal(other, null, `${JSON.stringify(other?.[0])} in ${JSON.stringify(top.output.slice(-400))}`);
});

const click = (column: number, row: number) => `\x1b[<0;${column};${row}M\x1b[<0;${column};${row}m`;

place.test(
  "the mouse is the terminal's until m; then clicks select and open, the wheel moves",
  {},
  async (top) => {
    await top.waitFor(/beta/);
    assert.doesNotMatch(top.output, MOUSE_MODES);
    assert.equal(top.terminal.modes.mouseTrackingMode, "none");
    await top.press("m");
    await top.waitFor(/delay: 1 s +mouse/);
    assert.equal(top.terminal.modes.mouseTrackingMode, "vt200");
    const y = (await top.lines()).findIndex((line) => line.startsWith("beta"));
    await top.press(click(3, y + 1));
    await top.waitFor(hasSelected("beta"));
    // The wheel moves three rows at a time.
    await top.press("\x1b[<64;3;8M");
    await top.waitFor(hasSelected("Domain-0"));
    await top.press("\x1b[<65;3;8M");
    await top.waitFor(hasSelected("beta"));
    await top.press(click(3, y + 1));
    const detail = await top.waitFor(/Domain beta +id/);
    const bar = detail.split("\n")[4];
    await top.press(click(bar.indexOf("4 Mem") + 2, 5));
    await top.waitFor(/Balloon/);
    await top.press("m");
    await top.waitWithout(/delay: 1 s +mouse/);
    assert.equal(top.terminal.modes.mouseTrackingMode, "none");
  },
);
