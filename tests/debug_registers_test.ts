/** A stock kernel's hardware breakpoints: a process of the guest counts its own accesses with the processor's debug registers. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { makeBusyboxInitramfs } from "../core/toolstack/guests/busybox.ts";
import { userland, userlandEntries } from "./linux/userland.ts";
import { OFFLINE } from "./guests.ts";
import { ROOT, Session } from "./session.ts";

const SECONDS = 240;
/** What the program prints on a physical processor (AMD EPYC, Linux 6.1). */
const ON_HARDWARE = "10 writes, 17 accesses, 21";

Deno.test({
  name: "a guest's process counts its accesses with hardware breakpoints as on a physical processor",
  ignore: OFFLINE,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const programs = await userland();
      const script = await Deno.readFile(join(ROOT, "tests/linux/breakpoints.pl"));
      const extra = userlandEntries(programs).filter(({ path }) => path !== "init");
      const ramdisk = join(folder, "initramfs");
      const entry = { kind: "file", path: "breakpoints.pl", data: script, mode: 0o644 } as const;
      await Deno.writeFile(ramdisk, makeBusyboxInitramfs(programs.busybox, { extra: [...extra, entry] }));
      await using session = new Session(
        ["create", "-c", "-q", "configs/debian-shell.cfg", `ramdisk=${ramdisk}`, "vcpus=2"],
      );
      await session.expect(/# /, SECONDS);
      const perl =
        "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 --library-path /lib/x86_64-linux-gnu /usr/bin/perl";
      // Beside a process that is not watched.
      await session.send(`(while :; do :; done) & ${perl} /breakpoints.pl; echo perl ended with $?\n`);
      await session.expect(/perl ended with \d+/, SECONDS);
      assert.match(session.stdout.slice(-400), new RegExp(`\\n${ON_HARDWARE}\\r\\nperl ended with 0`));
      await session.send("poweroff -f\n");
      assert.equal((await session.finish(SECONDS)).code, 0);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
