/** Guests that go wrong in one way each: the domain ends as Xen would end it, the command tells, everybody else goes on. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseKernel } from "../../core/builder/mod.ts";
import { builtinGuest } from "../../core/toolstack/guests/builtin.ts";
import { startXenHost } from "../../core/toolstack/xen_host.ts";
import { run } from "../session.ts";
import { type BadGuest, badGuest } from "./bad_guests.ts";

async function create(name: BadGuest): Promise<{ code: number; stdout: string; stderr: string }> {
  const folder = await Deno.makeTempDir();
  try {
    const kernel = join(folder, "kernel"), config = join(folder, "guest.cfg");
    await Deno.writeFile(kernel, badGuest(name));
    await Deno.writeTextFile(
      config,
      `name = "bad"\nkernel = "${kernel}"\nmemory = 16\non_crash = "destroy"\n`,
    );
    return await run(["create", "-cq", config]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const REGISTERS = /RIP: +[0-9a-f]{4}:\[<[0-9a-f]{16}>\]/;

for (
  const [name, why] of [
    ["no handler", /Unhandled: vec 6, #UD/],
    ["no stack", /kernel stack cannot be written/],
    ["faulting handler", /kernel stack cannot be written/],
    ["asks for a crash", /asked for SHUTDOWN_crash/],
    ["balloons away", /domain_crash|Unhandled/],
  ] as const
) {
  Deno.test(`a guest with "${name}" crashes: exit code 3 and a register dump`, async () => {
    const { code, stderr } = await create(name);
    assert.equal(code, 3, stderr);
    assert.match(stderr, why);
    assert.match(stderr, REGISTERS);
    assert.doesNotMatch(stderr, /internal error|\n\s+at .*\.ts/);
  });
}

Deno.test("a guest that breaks its rings ends as it asked", async () => {
  const { code, stderr } = await create("broken rings");
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /internal error|\n\s+at .*\.ts/);
});

/** Milliseconds until the built-in guest answers. */
const ANSWER_MS = 5000;

for (
  const name of [
    "endless loop",
    "endless hypercalls",
    "event storm",
    "broken rings",
    "balloons away",
  ] as const
) {
  Deno.test(`beside "${name}", on the same pCPU, another domain goes on`, async () => {
    const log: string[] = [];
    const host = await startXenHost({ pcpus: 1, log: (line) => log.push(line) });
    try {
      let text = "";
      const echo = builtinGuest("echo");
      assert.ok(echo);
      const domain = (title: string, image: Uint8Array, output: (bytes: Uint8Array) => void) =>
        host.createDomain({
          name: title,
          memoryMiB: 16,
          maxMemoryMiB: 16,
          vcpus: 1,
          kernel: parseKernel(image),
          kernelName: title,
          cmdline: "",
          consoleOutput: output,
        });
      const good = await domain("good", echo, (bytes) => text += new TextDecoder().decode(bytes));
      const bad = await domain("bad", badGuest(name), () => {});
      bad.unpause();
      good.unpause();
      const uptime = async () => {
        const from = text.length, asked = performance.now();
        good.consoleInput(new TextEncoder().encode("time\n"));
        for (;;) {
          const match = /uptime (\d+) ms/.exec(text.slice(from));
          if (match !== null) return { uptime: Number(match[1]), asked, answered: performance.now() };
          assert.ok(
            performance.now() - asked < ANSWER_MS,
            `no answer: ${JSON.stringify(text)} ${log.join("\n")}`,
          );
          await sleep(5);
        }
      };
      const first = await uptime();
      await sleep(1500);
      const last = await uptime();
      const elapsed = last.uptime - first.uptime;
      assert.ok(
        elapsed > last.asked - first.answered - 5 && elapsed < last.answered - first.asked + 5,
        `${elapsed} ms in the guest, ${last.asked - first.answered} to ${
          last.answered - first.asked
        } on the host`,
      );
      await bad.destroy();
      await uptime();
      assert.doesNotMatch(log.join("\n"), /internal error/);
    } finally {
      await host.stop();
    }
  });
}
