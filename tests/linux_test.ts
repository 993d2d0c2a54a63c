/** Debian's stock kernels and programs, as unmodified guests. */
import assert from "node:assert/strict";
import { OFFLINE } from "./guests.ts";
import { runPrograms } from "./linux/programs_run.ts";
import { Session } from "./session.ts";

/** The machine may have much else to do. */
const BOOT_SECONDS = 180;
const SHELL = "configs/debian-shell.cfg";

function linuxTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: OFFLINE, fn });
}

/** Sections of the programs' output by title. */
function sections(text: string): Map<string, string> {
  const parts = text.split(/^== (.*)\n/m).slice(1);
  return new Map(parts.flatMap((title, i) => i % 2 === 0 ? [[title, parts[i + 1]] as const] : []));
}

for (const [vcpus, memory] of [[1, 256], [2, 256], [2, 3072]]) {
  linuxTest(
    `the stock cloud kernel boots to a shell with ${vcpus} vCPU, ${memory} MiB and console=hvc0`,
    async () => {
      const settings = [`vcpus=${vcpus}`, `memory=${memory}`];
      await using session = new Session(["create", "-c", "-q", SHELL, ...settings]);
      await session.expect(/Command line: console=hvc0\r?\n/, BOOT_SECONDS);
      await session.expect(/# /, BOOT_SECONDS);
      await session.send(
        "nproc; uname -sm; cat /sys/hypervisor/type; awk '/MemTotal/{print int($2 / 1024)}' /proc/meminfo\n",
      );
      await session.expect(/\n\d\r\nLinux x86_64\r\nxen\r\n\d+\r\n/, BOOT_SECONDS);
      const [cpus, , , mebibytes] = /\n\d\r\nLinux x86_64\r\nxen\r\n\d+\r\n/.exec(session.stdout)![0].trim()
        .split("\r\n");
      assert.equal(Number(cpus), vcpus);
      assert.ok(Number(mebibytes) > memory * 0.8 - 40 && Number(mebibytes) <= memory, `${mebibytes} MiB`);
      await session.send("poweroff\n");
      const { code, stderr } = await session.finish(BOOT_SECONDS);
      assert.equal(code, 0, stderr);
    },
  );
}

linuxTest("the 6.12 kernel of backports boots to a shell with 2 vCPUs", async () => {
  await using session = new Session(["create", "-c", "-q", SHELL, "kernel=debian:6.12-cloud", "vcpus=2"]);
  await session.expect(/# /, BOOT_SECONDS);
  await session.send("nproc; uname -r\n");
  await session.expect(/\n2\r\n6\.12\.\S+-cloud-amd64\r\n/, BOOT_SECONDS);
  await session.send("poweroff\n");
  const { code, stderr } = await session.finish(BOOT_SECONDS);
  assert.equal(code, 0, stderr);
});

linuxTest("Debian's installer asks for the language on its first screen", async () => {
  await using session = new Session(["create", "-c", "-q", "configs/debian-installer.cfg"]);
  await session.expect("Starting system log daemon", 2 * BOOT_SECONDS);
  await session.expect(/Select a language/, BOOT_SECONDS);
  await session.expect(/Language:[^]*English[^]*<Go Back>/, 60);
});

Deno.test({
  name: "programs of Debian's print in the guest what they print natively, byte for byte",
  // Without this architecture there is no native run to compare with.
  ignore: OFFLINE || Deno.build.arch !== "x86_64" || Deno.build.os !== "linux",
  fn: async () => {
    const { native: expected, guest: printed, errors } = await runPrograms();
    const guest = sections(printed), native = sections(expected);
    assert.ok(native.size > 40, "so many programs run");
    const different = [...native].filter(([title, text]) => guest.get(title) !== text);
    const report = different.map(([title, text]) =>
      `${title}:\n--native\n${text}--guest\n${guest.get(title)}`
    );
    assert.equal(different.length, 0, `${report.join("\n")}\nstandard error:${errors}`);
    assert.equal(printed, expected);
  },
});
