/** The whole dashboard on a terminal that is read cell by cell, with a made-up xend. */
import assert from "node:assert/strict";
import { domain, machine } from "./model/testing.ts";
import { runDashboard } from "./mod.ts";
import type { DashboardOptions } from "./ports.ts";
import { FakeXend, OPTIONS, type PortsOptions, testPorts, TestTerminal } from "./view/testing.ts";

interface Stage {
  readonly xend: FakeXend;
  readonly terminal: TestTerminal;
  readonly ran: string[][];
  readonly code: Promise<number>;
}

/** Runs it until the test is done, then quits. */
async function withDashboard(
  test: (stage: Stage) => Promise<void>,
  options: Partial<DashboardOptions> = {},
  ports: PortsOptions = {},
): Promise<{ code: number; terminal: TestTerminal }> {
  const xend = new FakeXend();
  const terminal = ports.terminal ?? new TestTerminal();
  const made = testPorts(() => xend, { ...ports, terminal });
  const code = runDashboard(made, { ...OPTIONS, ...options });
  try {
    await test({ xend, terminal, ran: made.ran, code });
  } finally {
    terminal.type("\x03");
  }
  const ended = { code: await code, terminal };
  await terminal.lines();
  assert.equal(terminal.isRaw, false);
  assert.equal(terminal.screen.isAlternate, false);
  terminal.close();
  return ended;
}

Deno.test("the first frame comes at once, the table follows, q gives the terminal back", async () => {
  const { code } = await withDashboard(async ({ terminal, code }) => {
    await terminal.waitFor(/3 domains: 0 running, 3 blocked[^]*Domain-0[^]*web[^]*mail/);
    assert.ok(terminal.screen.isAlternate && terminal.isRaw);
    terminal.type("q");
    assert.equal(await code, 0);
  });
  assert.equal(code, 0);
});

Deno.test("before xend answers the screen says that it connects", async () => {
  const terminal = new TestTerminal();
  const waiting = Promise.withResolvers<FakeXend>();
  const ports = { ...testPorts(() => new FakeXend(), { terminal }), connect: () => waiting.promise };
  const code = runDashboard(ports, OPTIONS);
  await terminal.waitFor(/connecting to xend/);
  // Ink's own first frame says so, too, and keys work.
  await terminal.waitFor(/q quit/);
  waiting.resolve(new FakeXend());
  await terminal.waitFor(/mail/);
  terminal.type("q");
  assert.equal(await code, 0);
  terminal.close();
});

Deno.test("-i N ends by itself after N refreshes, with 0", async () => {
  const terminal = new TestTerminal();
  const xend = new FakeXend();
  const code = await runDashboard(testPorts(() => xend, { terminal }), {
    ...OPTIONS,
    delaySeconds: 0.05,
    iterations: 3,
  });
  assert.equal(code, 0);
  assert.equal(xend.asked.filter((call) => call === "figures").length, 3);
  terminal.close();
});

Deno.test("keys select, filter, open; the screen is small or changes its size", async () => {
  await withDashboard(async ({ terminal }) => {
    await terminal.waitFor(/mail/);
    terminal.type("/ml");
    await terminal.waitFor(/Domains 1\/3/);
    terminal.type("\r\r");
    await terminal.waitFor(/Domain mail +id 2/);
    terminal.resize(70, 20);
    await terminal.waitFor(/needs 80x24; this terminal has 70x20/);
    terminal.resize(200, 60);
    await terminal.waitFor(/Domain mail +id 2[^]*1 Overview +2 Configuration/);
    terminal.type("\x1b");
    await terminal.waitFor(/NAME[^]*VBD_RD/);
  });
});

Deno.test("an action is a command line, logged with what came of it", async () => {
  const run = (words: readonly string[]) =>
    Promise.resolve(
      words[0] === "pause" ? { code: 0, output: "" } : { code: 1, output: "mail: it refuses\n" },
    );
  await withDashboard(
    async ({ terminal, ran }) => {
      await terminal.waitFor(/mail/);
      terminal.type("jP");
      await terminal.waitFor(/xenolith pause web: done/);
      terminal.type("jX");
      await terminal.waitFor(/Destroy mail\?/);
      terminal.type("web\r");
      await terminal.waitFor(/that is not "mail": nothing was done/);
      assert.deepEqual(ran, [["pause", "web"]]);
      terminal.type("\x15mail\r");
      await terminal.waitFor(/xenolith destroy mail: mail: it refuses/);
      assert.deepEqual(ran[1], ["destroy", "mail"]);
      terminal.type("l");
      await terminal.waitFor(/done +xenolith pause web[^]*FAILED +xenolith destroy mail\n +mail: it refuses/);
    },
    {},
    { run },
  );
});

Deno.test("--readonly says so and runs nothing", async () => {
  await withDashboard(async ({ terminal, ran }) => {
    await terminal.waitFor(/read-only +delay/);
    terminal.type("jX");
    await terminal.waitFor(/read-only: "destroy at once/);
    terminal.type("a");
    await terminal.waitFor(/read-only: "attach/);
    assert.deepEqual(ran, []);
  }, { readOnly: true });
});

Deno.test("a console takes the whole terminal until ^], and the dashboard comes back as it was", async () => {
  await withDashboard(async ({ terminal, xend }) => {
    await terminal.waitFor(/mail/);
    terminal.type("ja");
    await terminal.waitFor(/console of web: \^\] comes back[^]*login:/);
    assert.equal(terminal.screen.isAlternate, false);
    assert.equal(terminal.isRaw, true);
    terminal.type("root\rq\x03");
    terminal.type("\x1b[A\x1dq");
    await terminal.waitFor(/xenolith console web: done/);
    const typed = xend.typed.map((bytes) => new TextDecoder().decode(bytes)).join("");
    assert.equal(typed, "root\rq\x03\x1b[A");
    assert.ok(terminal.screen.isAlternate);
    // What came after ^] in the same piece was not the dashboard's.
    await terminal.waitFor(/Domains 3/);
  });
});

Deno.test("a console that cannot be had is told of in the log", async () => {
  await withDashboard(async ({ terminal, xend }) => {
    await terminal.waitFor(/mail/);
    xend.attachConsole = () => Promise.reject(new Error("the domain has no console"));
    terminal.type("ja");
    await terminal.waitFor(/console web: the domain has no console/);
  });
});

Deno.test("a lost xend is shown, its figures stay, and it is found again", async () => {
  const xends = [new FakeXend(["web", "mail"]), new FakeXend(["web", "news"])];
  const terminal = new TestTerminal();
  let current = xends[0];
  const code = runDashboard(testPorts(() => current, { terminal }), { ...OPTIONS, delaySeconds: 0.1 });
  await terminal.waitFor(/mail/);
  xends[0].isGone = true;
  xends[0].events.end();
  const lost = await terminal.waitFor(/xend is lost since \d\d:\d\d:\d\d/);
  assert.match(lost, /mail/);
  current = xends[1];
  await terminal.waitFor(/news/);
  await terminal.waitFor(/xend is back/);
  assert.doesNotMatch((await terminal.lines()).join("\n"), /xend is lost/);
  terminal.type("q");
  assert.equal(await code, 0);
  terminal.close();
});

Deno.test("^L paints everything, a key that changes little writes little", async () => {
  await withDashboard(async ({ terminal }) => {
    await terminal.waitFor(/mail/);
    await new Promise((resolve) => setTimeout(resolve, 100));
    terminal.take();
    terminal.type("\x0c");
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.ok(terminal.take().length > 500, "^L paints everything");
    terminal.type("F\x1b");
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.ok(terminal.take().length < 300);
  });
});

Deno.test("an error in a view ends the dashboard with it, the terminal given back", async () => {
  const terminal = new TestTerminal();
  const xend = new FakeXend();
  const figures = domain(1, { name: "web" });
  // What no xend gives: it breaks where it is drawn.
  Reflect.set(figures, "name", undefined);
  xend.machine = machine(1000, [domain(0), figures]);
  await assert.rejects(runDashboard(testPorts(() => xend, { terminal }), OPTIONS), TypeError);
  await terminal.lines();
  assert.equal(terminal.screen.isAlternate, false);
  assert.equal(terminal.isRaw, false);
  terminal.close();
});

Deno.test("a theme that there is not is refused before the terminal is touched", async () => {
  const terminal = new TestTerminal();
  await assert.rejects(
    runDashboard(testPorts(() => new FakeXend(), { terminal }), { ...OPTIONS, theme: "pink" }),
    /no theme "pink"; there are dark, light/,
  );
  assert.deepEqual(terminal.written, []);
  terminal.close();
});
