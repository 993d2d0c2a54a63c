/** What lies around the memories of a running xend's domains, as the host's kernel says. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { XendClient } from "../core/toolstack/api/client.ts";
import { CHECKS_VARIABLE } from "../core/toolstack/v8_flags.ts";

const RESERVATION = 2 ** 32;
const UNCHECKED = "--no-wasm-bounds-checks";
const SIZES_MIB = [64, 96, 64];

interface Mapping {
  readonly from: number;
  readonly to: number;
  readonly may: string;
}

/** Neighbours with the same permissions are one. */
function mappings(pid: number): Mapping[] {
  const made: Mapping[] = [];
  for (const line of Deno.readTextFileSync(`/proc/${pid}/maps`).trim().split("\n")) {
    const [, from, to, may] = /^([0-9a-f]+)-([0-9a-f]+) (\S+)/.exec(line)!;
    const mapping = { from: parseInt(from, 16), to: parseInt(to, 16), may };
    const last = made.at(-1);
    if (last?.to === mapping.from && last.may === may) {
      made[made.length - 1] = { ...mapping, from: last.from };
    } else made.push(mapping);
  }
  return made;
}

/** A xend with a domain of each size. */
async function withXend(checks: boolean, look: (pid: number) => void): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "xend-" });
  const paths = { state: join(directory, "state"), log: join(directory, "log"), run: directory };
  const before = Deno.env.get(CHECKS_VARIABLE);
  Deno.env.set(CHECKS_VARIABLE, checks ? "1" : "0");
  try {
    using client = await XendClient.connect({ paths, start: true });
    try {
      for (const [n, memory] of SIZES_MIB.entries()) {
        await client.create({
          fileName: "echo.cfg",
          text: `name = "echo${n}"\nkernel = "builtin:echo"\nmemory = ${memory}\n`,
          overrides: [],
          directory: "/",
          paused: false,
          defineOnly: false,
          environment: {},
        });
      }
      look((await client.status()).pid);
    } finally {
      await client.stop(0);
    }
  } finally {
    if (before === undefined) Deno.env.delete(CHECKS_VARIABLE);
    else Deno.env.set(CHECKS_VARIABLE, before);
    await Deno.remove(directory, { recursive: true });
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
