// deno-lint-ignore-file no-control-regex -- control sequences are among what is looked for
/** The whole dashboard on a terminal that is read cell by cell, with a made-up xend. */
import assert from "node:assert/strict";
import { domain, machine, vbd } from "./model/testing.ts";
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

Deno.test("the mouse, once it is on: rows, views and tabs can be clicked, the wheel moves; off again, clicks are nobody's", async () => {
  await withDashboard(async ({ terminal }) => {
    const lines = (await terminal.waitFor(/mail/)).split("\n");
    const click = (column: number, row: number) => terminal.type(`\x1b[<0;${column + 1};${row + 1}M`);
    const row = lines.findIndex((line) => line.startsWith("mail"));
    terminal.type("m");
    await terminal.waitFor(/delay: 60 s +mouse/);
    assert.match(terminal.written.join(""), /\x1b\[\?1006h/);
    click(3, row);
    await terminal.waitFor(/── mail/);
    click(lines[3].indexOf("pCPUs"), 3);
    await terminal.waitFor(/pCPUs busy/);
    click(lines[3].indexOf("Domains"), 3);
    await terminal.waitFor(/^NAME/m);
    click(3, row);
    const detail = (await terminal.waitFor(/Domain mail/)).split("\n");
    click(detail[4].indexOf("Mem"), 4);
    await terminal.waitFor(/Balloon/);
    terminal.type("\x1b");
    await terminal.waitFor(/^NAME/m);
    terminal.type("\x1b[<64;1;1M");
    await terminal.waitFor(/── Domain-0/);
    terminal.take();
    terminal.type("m");
    await terminal.waitFor(/delay: 60 s$/m);
    assert.match(terminal.written.join(""), /\x1b\[\?1006l/);
  });
});

Deno.test("the console tab follows the domain's output", async () => {
  await withDashboard(async ({ terminal, xend }) => {
    await terminal.waitFor(/mail/);
    terminal.type("j9");
    await terminal.waitFor(/Domain web[^]*Linux version 6\.1\n[^]*login:/);
    xend.console.push(new TextEncoder().encode("root\r\n\x1b[31mPassword:\x1b[0m "));
    await terminal.waitFor(/login: root\nPassword:/);
  });
});

Deno.test("a domain that goes while its detail is open", async () => {
  await withDashboard(async ({ terminal, xend }) => {
    await terminal.waitFor(/mail/);
    terminal.type("j1");
    await terminal.waitFor(/Domain web/);
    xend.machine = machine(2000, xend.machine.domains.filter(({ name }) => name !== "web"));
    await terminal.waitFor(/This domain is gone/);
    terminal.type("\x1b");
    await terminal.waitFor(/Domains 2/);
  }, { delaySeconds: 0.1 });
});

Deno.test("the delay changes in place", async () => {
  await withDashboard(async ({ terminal, xend }) => {
    await terminal.waitFor(/mail/);
    const before = xend.asked.filter((call) => call === "figures").length;
    terminal.type("D\x150.1\r");
    await terminal.waitFor(/delay: 0\.1 s/);
    await new Promise((resolve) => setTimeout(resolve, 600));
    assert.ok(xend.asked.filter((call) => call === "figures").length >= before + 3);
  });
});

Deno.test("devices are attached and detached by command lines, which the log shows", async () => {
  await withDashboard(async ({ terminal, xend, ran }) => {
    xend.machine = machine(1000, [domain(0), domain(1, { name: "web", vbds: [vbd(51712)] })]);
    await terminal.waitFor(/Domains 2/);
    terminal.type("jA");
    await terminal.waitFor(/Disk for web/);
    terminal.type("data.img,raw,xvdb,rw\r");
    await terminal.waitFor(/xenolith block-attach web data\.img,raw,xvdb,rw: done/);
    terminal.type("L\r");
    await terminal.waitFor(/xenolith network-attach web: done/);
    terminal.type("J");
    await terminal.waitFor(/Detach a device of web/);
    terminal.type("xvd\r");
    await terminal.waitFor(/xenolith block-detach web xvda: done/);
    terminal.type("l");
    await terminal.waitFor(/done +xenolith network-attach web\n/);
    assert.deepEqual(ran, [
      ["block-attach", "web", "data.img,raw,xvdb,rw"],
      ["network-attach", "web"],
      ["block-detach", "web", "xvda"],
    ]);
  }, { delaySeconds: 0.1 });
});

Deno.test("create and start offer what there is", async () => {
  await withDashboard(async ({ terminal, xend, ran }) => {
    const [summary] = await xend.list();
    assert.equal(summary, undefined);
    await terminal.waitFor(/mail/);
    terminal.type("C");
    await terminal.waitFor(/▸ configs\/grub\.cfg/);
    terminal.type("deb");
    await terminal.waitFor(/▸ configs\/debian-shell\.cfg/);
    terminal.type("\r");
    await terminal.waitFor(/xenolith create configs\/debian-shell\.cfg: done/);
    const { name, domid: _, ...rest } = await xend.detail(1);
    xend.stopped = [{ ...rest, name: "backup" }, { ...rest, name, domid: 1 }];
    terminal.type("T");
    await terminal.waitFor(/▸ backup/);
    terminal.type("\r");
    await terminal.waitFor(/xenolith start backup: done/);
    assert.deepEqual(ran, [["create", "configs/debian-shell.cfg"], ["start", "backup"]]);
  });
});
