/** What lies around the memories of a running xend's domains, as the host's kernel says. */
import assert from "node:assert/strict";
import { XendClient } from "../core/toolstack/api/client.ts";
import { mappings } from "../core/hypervisor/testing/mappings.ts";
import { CHECKS_VARIABLE } from "../core/toolstack/v8_flags.ts";
import { echo, inPlace } from "./xend_in_place.ts";

const RESERVATION = 2 ** 32;
const UNCHECKED = "--no-wasm-bounds-checks";
const SIZES_MIB = [64, 96, 64];

/** A xend with a domain of each size. */
async function withXend(checks: boolean, look: (pid: number) => void): Promise<void> {
  const before = Deno.env.get(CHECKS_VARIABLE);
  Deno.env.set(CHECKS_VARIABLE, checks ? "1" : "0");
  try {
    await inPlace(async (paths) => {
      using client = await XendClient.connect({ paths, start: true });
      for (const [n, memory] of SIZES_MIB.entries()) {
        await client.create(echo(`echo${n}`, { overrides: [`memory=${memory}`] }));
      }
      look((await client.status()).pid);
    });
  } finally {
    if (before === undefined) Deno.env.delete(CHECKS_VARIABLE);
    else Deno.env.set(CHECKS_VARIABLE, before);
  }
}

const commandLine = (pid: number) => Deno.readTextFileSync(`/proc/${pid}/cmdline`).replaceAll("\0", " ");

Deno.test({
  name: "every domain of xend has 4 GiB of address space to itself, and nothing can be accessed just behind",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withXend(false, (pid) => {
      assert.ok(commandLine(pid).includes(UNCHECKED), commandLine(pid));
      const all = mappings(pid);
      // Nothing else of a xend is one piece of 64 MiB that can be written.
      const memories = all.filter(({ from, to, may }) => may.startsWith("rw-p") && to - from >= 64 << 20);
      assert.equal(memories.length, SIZES_MIB.length, JSON.stringify(memories));
      for (const { from, to } of memories) {
        const behind = all.find((mapping) => mapping.from === to);
        assert.equal(behind?.may, "---p");
        assert.ok(behind.to >= from + RESERVATION + 0x10000, `${behind.to - from} bytes`);
      }
    }),
});

Deno.test({
  name: `with ${CHECKS_VARIABLE}=1 xend's V8 checks bounds`,
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withXend(true, (pid) => {
      assert.ok(commandLine(pid).includes("--v8-flags="), commandLine(pid));
      assert.ok(!commandLine(pid).includes(UNCHECKED), commandLine(pid));
    }),
});
