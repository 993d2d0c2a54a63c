/** The built-in guest through the command, in a pipeline. */
import assert from "node:assert/strict";
import { run, Session } from "./session.ts";

Deno.test("the built-in guest greets, echoes, ticks and halts", async () => {
  await using session = new Session(["demo", "--guest", "builtin"]);
  await session.expect(/Type help/);
  await session.send("ticks\n");
  await session.expect(/> ticks\r\n/);
  const tick = async () => {
    const text = await session.expect(/tick \d+\r\n/);
    return { number: Number(/\d+/.exec(text)?.[0]), at: performance.now() };
  };
  const first = await tick();
  const second = await tick();
  assert.equal(second.number, first.number + 1);
  const apart = second.at - first.at;
  assert.ok(Math.abs(apart - 1000) < 300, `${apart} ms between two ticks`);
  await session.send("halt\n");
  await session.expect(/Goodbye/);
  const { code } = await session.finish();
  assert.equal(code, 0);
});

Deno.test("a pipeline: all of the input arrives, the last output comes out, the exit code tells the end", async () => {
  const lines = Array.from({ length: 200 }, (_, i) => `line ${i}`);
  const { code, stdout } = await run(["create", "-cq", "configs/builtin.cfg"], `${lines.join("\n")}\nhalt\n`);
  assert.equal(code, 0);
  for (const line of lines) assert.ok(stdout.includes(`> ${line}\r\n`), line);
  assert.match(stdout, /Goodbye\.\r\n$/);
});

Deno.test("a crash ends with 3 and a register dump on standard error, a reboot at once with 4", async () => {
  const crash = await run(["create", "-cq", "configs/builtin.cfg"], "fault\n");
  assert.equal(crash.code, 3);
  assert.match(crash.stderr, /RIP: +[0-9a-f]{4}:\[<[0-9a-f]{16}>\]/);
  assert.doesNotMatch(crash.stderr, /internal error/);
  const reboot = await run(["create", "-cq", "configs/builtin.cfg", "on_reboot=destroy"], "reboot\n");
  assert.equal(reboot.code, 4);
});

Deno.test("a domain of 3 GiB, the hypervisor's part of it above that", async () => {
  const { code, stdout } = await run(["create", "-c", "-q", "configs/builtin.cfg", "memory=3072"], "halt\n");
  assert.equal(code, 0);
  assert.match(stdout, /3072 MiB/);
});
