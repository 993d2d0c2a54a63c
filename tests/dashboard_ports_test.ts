/** The dashboard's ports over a real xend of its own: command lines in this process, configurations, a connection that is lost. */
import assert from "node:assert/strict";
import { dashboardPorts } from "../dashboard.ts";
import { COMMANDS } from "../core/toolstack/commands/table/mod.ts";
import { THEME_NAMES } from "../tui/theme/mod.ts";
import { ROOT } from "./session.ts";

Deno.test("the command line knows the dashboard's themes", () => {
  const { options = [] } = COMMANDS.find(({ name }) => name === "top") ?? {};
  assert.deepEqual(options.find(({ long }) => long === "theme")?.choices, THEME_NAMES);
});

Deno.test("command lines run here and are kept, exit codes and faults included; xend is started once and not again", async () => {
  const folder = await Deno.makeTempDir();
  const before = Deno.cwd();
  for (const name of ["STATE", "LOG", "RUN"]) Deno.env.set(`XENOLITH_${name}_DIR`, `${folder}/${name}`);
  Deno.chdir(ROOT);
  const ports = dashboardPorts();
  try {
    const xend = await ports.connect();
    assert.ok((await ports.configurations()).includes("configs/builtin.cfg"));
    const created = await ports.run(["create", "configs/builtin.cfg"]);
    assert.equal(created.code, 0, created.output);
    assert.deepEqual((await xend.figures()).domains.map(({ name }) => name), ["Domain-0", "builtin"]);
    const { channels } = await xend.inspect("builtin");
    assert.ok(channels.filter(({ remoteDomid }) => remoteDomid === 0).length >= 2, "console and XenStore");
    const listed = await ports.run(["list", "builtin"]);
    assert.match(listed.output, /^Name .*\nbuiltin +1 /);
    const refused = await ports.run(["pause", "nobody"]);
    assert.deepEqual([refused.code, refused.output.split("\n")[0]], [
      1,
      "Error: Domain 'nobody' does not exist.",
    ]);
    assert.equal((await ports.run(["frobnicate"])).code, 2);
    // Nothing here is a terminal.
    assert.match((await ports.run(["top"])).output, /top -b/);

    assert.equal((await ports.run(["xend", "stop"])).code, 0);
    const lost = { code: "not-running" };
    await assert.rejects(xend.figures(), lost);
    await assert.rejects(xend.attachConsole("builtin"), lost);
    await assert.rejects(ports.connect(), lost);
  } finally {
    await ports.run(["xend", "stop"]);
    Deno.chdir(before);
    for (const name of ["STATE", "LOG", "RUN"]) Deno.env.delete(`XENOLITH_${name}_DIR`);
    await Deno.remove(folder, { recursive: true });
  }
});
