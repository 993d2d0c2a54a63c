import assert from "node:assert/strict";
import { Screen } from "./screen.ts";
import { FakeTerminal, HeadlessTerminal } from "./testing.ts";
import { ENTER, LEAVE, MOUSE_OFF, MOUSE_ON } from "./terminal_modes.ts";

const turn = (milliseconds = 5) => new Promise((resolve) => setTimeout(resolve, milliseconds));

Deno.test("frames of one turn are one update, and the last of them wins", async () => {
  const terminal = new FakeTerminal(20, 3);
  const screen = new Screen(terminal);
  screen.enter();
  for (const text of ["one", "two", "three"]) screen.stdout.write(text);
  await turn();
  const written = terminal.take();
  assert.ok(written.startsWith(ENTER) && written.includes("three") && !written.includes("two"));
  assert.deepEqual({ frames: screen.counts.frames, dropped: screen.counts.dropped }, {
    frames: 3,
    dropped: 2,
  });
  screen.stdout.write("three\n\n");
  await turn();
  assert.equal(terminal.take(), "");
  screen.leave();
  assert.equal(terminal.take(), LEAVE);
  assert.equal(terminal.isRaw, false);
});

Deno.test("a slow terminal is given as long a pause as its write took; frames until then are dropped", async () => {
  const terminal = new FakeTerminal(20, 3);
  let clock = 0;
  const screen = new Screen(terminal, { now: () => clock });
  screen.enter();
  const times: number[] = [];
  terminal.onWrite = () => {
    clock += 60;
    times.push(performance.now());
  };
  screen.stdout.write("frame 0");
  while (times.length < 1) await turn(1);
  // Each is a frame of its own, as the turns pass; the pause is over by this machine's clock alone.
  let frame = 0;
  while (times.length < 2) {
    screen.stdout.write(`frame ${++frame}`);
    await turn(1);
  }
  assert.ok(times[1] - times[0] > 50, `${times[1] - times[0]} ms between two writes`);
  screen.stdout.write("last frame");
  while (times.length < 3) await turn(1);
  assert.match(terminal.written.at(-1)!, /last/);
  assert.equal(screen.counts.dropped, screen.counts.frames - times.length);
  screen.leave();
});

Deno.test("lent to a console and taken back, the screen is painted anew", async () => {
  const terminal = new FakeTerminal(20, 3);
  const screen = new Screen(terminal);
  using headless = new HeadlessTerminal(20, 3);
  await headless.write("$ xenolith top");
  screen.setMouse(true);
  screen.enter();
  screen.stdout.write("first\nsame");
  await turn();
  await headless.write(terminal.take());
  assert.deepEqual([headless.isAlternate, headless.lines()], [true, ["first", "same", ""]]);
  screen.suspend();
  const lent = terminal.take();
  assert.ok(lent.includes(MOUSE_OFF));
  assert.equal(terminal.isRaw, true);
  await headless.write(lent);
  assert.deepEqual([headless.isAlternate, headless.lines()[0]], [false, "$ xenolith top"]);
  screen.stdout.write("second\nsame");
  await turn();
  assert.equal(terminal.take(), "");
  screen.resume();
  await turn();
  const taken = terminal.take();
  assert.ok(taken.includes(MOUSE_ON));
  await headless.write(taken);
  assert.deepEqual([headless.isAlternate, headless.lines()], [true, ["second", "same", ""]]);
  screen.leave();
  await headless.write(terminal.take());
  assert.equal(headless.lines()[0], "$ xenolith top");
});

Deno.test("resized, Ink is told and all is painted anew; ^L paints anew, too", async () => {
  const terminal = new FakeTerminal(20, 3);
  const screen = new Screen(terminal);
  screen.enter();
  const sizes: number[][] = [];
  screen.stdout.on("resize", () => {
    sizes.push([screen.stdout.columns, screen.stdout.rows]);
    screen.stdout.write("wide");
  });
  screen.stdout.write("narrow");
  await turn();
  terminal.take();
  terminal.resize(30, 5);
  await turn();
  assert.deepEqual(sizes, [[30, 5]]);
  assert.match(terminal.take(), /\[2J.*wide/);
  screen.repaint();
  await turn();
  assert.match(terminal.take(), /\[2J.*wide/);
  screen.leave();
  terminal.resize(10, 5);
  assert.equal(sizes.length, 1);
});

Deno.test("Ink's empty writes are answered and not shown", async () => {
  const terminal = new FakeTerminal(20, 3);
  const screen = new Screen(terminal);
  screen.enter();
  screen.stdout.write("frame");
  await turn();
  terminal.take();
  await new Promise<void>((resolve) => screen.stdout.write("", resolve));
  screen.stdout.write("\x1b[?25h");
  await turn();
  assert.equal(terminal.take(), "");
  screen.leave();
});
