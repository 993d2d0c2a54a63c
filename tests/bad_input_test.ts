/** What a user gets wrong: a clear sentence, the right exit code, no stack trace, nothing left behind. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { makeElf, XEN_ELFNOTE } from "../core/builder/mod.ts";
import { guestTest } from "./guests.ts";
import { run } from "./session.ts";

const notes = [
  { type: XEN_ELFNOTE.LOADER, desc: "generic" },
  { type: XEN_ELFNOTE.XEN_VERSION, desc: "xen-3.0" },
];
const kernel = makeElf({ segments: [{ paddr: 0n, data: new Uint8Array(9000) }], notes });

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs create on a configuration; its only output is the fault. */
async function refused(folder: string, config: string, message: RegExp, exitCode = 1): Promise<void> {
  const path = join(folder, "guest.cfg");
  await Deno.writeTextFile(path, config);
  const before = [...Deno.readDirSync(folder)].length;
  const { code, stdout, stderr } = await run(["create", "-c", "--strict", path]);
  assert.match(stderr, message);
  assert.equal(code, exitCode);
  assert.equal(stdout, "");
  assert.doesNotMatch(stderr, /\n\s+at |Error:|internal error/);
  assert.equal([...Deno.readDirSync(folder)].length, before);
}

Deno.test("kernels that are none, truncated, or for other modes", () =>
  inFolder(async (folder) => {
    const write = (name: string, content: Uint8Array | string) => {
      const path = join(folder, name);
      Deno.writeFileSync(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
      return `name = "guest"\nkernel = "${path}"\n`;
    };
    await refused(
      folder,
      write("text", "no kernel\n"),
      /kernel .*text: this is a text file, not a kernel image/,
    );
    await refused(folder, write("empty", ""), /an empty file/);
    await refused(folder, write("cut", kernel.slice(0, 3000)), /truncated/);
    const plain = makeElf({ segments: [{ paddr: 0n, data: new Uint8Array(9) }] });
    await refused(folder, write("plain", plain), /not built for Xen/);
    await refused(
      folder,
      `${write("good", kernel)}memory = 1\n`,
      /too little memory: this kernel needs at least 4 MiB/,
    );
  }));

guestTest(
  "GRUB's images for other modes are refused with the modes they support",
  ["grubPvh", "grubPae"],
  ([pvh, pae]) =>
    inFolder(async (folder) => {
      await refused(folder, `name="g"\nkernel="${pvh}"\n`, /does not support PV: it supports PVH only/);
      await refused(folder, `name="g"\nkernel="${pae}"\n`, /32-bit PV \(PAE\)/);
    }),
);

Deno.test("wrong keys, values and command lines", () =>
  inFolder(async (folder) => {
    const good = `name = "guest"\nkernel = "builtin:echo"\n`;
    await refused(
      folder,
      `${good}memroy = 64\n`,
      /guest\.cfg:3:1: unknown key memroy; did you mean memory\?/,
    );
    await refused(folder, `${good}memory = "a lot"\n`, /guest\.cfg:3:10: memory: expected a number of MiB/);
    await refused(
      folder,
      `${good}memory = [ 64 ]\n`,
      /guest\.cfg:3:10: memory: expected a number of MiB.*found a list/,
    );
    await refused(folder, `${good}memory 64\n`, /guest\.cfg:3:8: expected = or \+= after memory/);
    await refused(folder, `${good}type = "hvm"\n`, /hvm domains are not supported yet/);
    for (
      const [args, code] of [[["create"], 2], [["frobnicate"], 2], [["create", "/no/file.cfg"], 1]] as const
    ) {
      const result = await run(args);
      assert.equal(result.code, code, args.join(" "));
      assert.doesNotMatch(result.stderr, /\n\s+at /);
    }
  }));
