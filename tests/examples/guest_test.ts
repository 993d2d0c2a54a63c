/** How a guest's own test suite boots it. A program of one's own imports the same names from Xenolith's mod.ts. */
import assert from "node:assert/strict";
import { ConsoleTimeout, Xen } from "../../mod.ts";
import { guestTest } from "../guests.ts";

Deno.test("a guest boots and answers, in five lines", async () => {
  await using xen = await Xen.launch();
  await using domain = await xen.domains.create({ name: "echo", kernel: "builtin:echo", memory: 16 });
  await domain.console.waitFor(/Type help for the commands/);
  await domain.console.write("ping\n");
  await domain.console.waitFor("ping");
});

Deno.test("how a guest ends, and what it did not print", async () => {
  await using xen = await Xen.launch({ pcpus: 1 });
  await using domain = await xen.domains.create({ name: "echo", kernel: "builtin:echo", memory: 16 });
  await assert.rejects(domain.console.waitFor(/login:/, { timeoutMs: 500 }), ConsoleTimeout);
  await domain.console.waitFor("> ");
  await domain.console.write("crash\n");
  const { reason, registers } = await domain.ended;
  assert.equal(reason, "crash");
  assert.match(registers ?? "", /rip/i);
});

guestTest("GRUB is a guest as any other", ["grub"], async ([kernel]) => {
  await using xen = await Xen.launch();
  await using domain = await xen.domains.create({ name: "grub", kernel, memory: 128 });
  await domain.console.waitFor(/grub> /);
  await domain.console.write("echo $grub_cpu-$grub_platform\r");
  await domain.console.waitFor("x86_64-xen");
  await domain.console.write("halt\r");
  assert.deepEqual(await domain.ended, { reason: "poweroff" });
});
