/** What the toolstack asks of a stock Debian kernel through XenStore: memory, vCPUs, SysRq, shutdown. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { parseKernel } from "../core/builder/mod.ts";
import { busyboxInitramfs } from "../core/toolstack/guests/busybox.ts";
import { cacheDirectory } from "../core/toolstack/guests/cache.ts";
import { debianKernel } from "../core/toolstack/guests/debian_kernel.ts";
import { startXenHost } from "../core/toolstack/xen_host.ts";
import { OFFLINE } from "./guests.ts";
import { xenstoreClientEntries } from "./xenstore_clients.ts";

/** The machine may have much else to do. */
const BOOT_SECONDS = 180;
const ANSWER_SECONDS = 60;

Deno.test({
  name: "a Debian guest does what it is asked through XenStore",
  ignore: OFFLINE,
  async fn(t) {
    const apt = { cache: cacheDirectory(), progress: console.error };
    const kernel = await debianKernel({ flavour: "cloud" }, apt);
    let output = "";
    let seen = 0;
    const decoder = new TextDecoder();
    const host = await startXenHost();
    const domain = await host.createDomain({
      name: "debian",
      memoryMiB: 256,
      maxMemoryMiB: 256,
      vcpus: 2,
      kernel: parseKernel(await Deno.readFile(kernel.path)),
      kernelName: kernel.path,
      ramdisk: await busyboxInitramfs(apt, { extra: await xenstoreClientEntries() }),
      ramdiskName: "busybox",
      cmdline: "console=hvc0 sysrq_always_enabled",
      consoleOutput: (bytes) => output += decoder.decode(bytes, { stream: true }),
    });
    const { xenstore } = host;
    const home = `/local/domain/${domain.domid}`;
    const until = async (what: string, seconds: number, found: () => boolean | Promise<boolean>) => {
      const deadline = performance.now() + seconds * 1000;
      while (!await found()) {
        const tail = JSON.stringify(output.slice(-1000));
        assert.ok(performance.now() < deadline, `${what}: not within ${seconds} s; console: ${tail}`);
        await sleep(50);
      }
    };
    const expect = async (pattern: RegExp, seconds = ANSWER_SECONDS) => {
      await until(`${pattern}`, seconds, () => pattern.test(output.slice(seen)));
      const match = pattern.exec(output.slice(seen));
      assert.ok(match);
      seen += match.index + match[0].length;
      return match;
    };
    /** What a command prints, on one line of its own. */
    const shell = async (command: string) => {
      // The echo of what is typed shows the quotes, the output does not.
      domain.consoleInput(new TextEncoder().encode(`echo "@<"$(${command})">"\n`));
      return (await expect(/@<([^"]*?)>/))[1];
    };
    const totalKiB = async () => Number(await shell("awk '/MemTotal/ {print $2}' /proc/meminfo"));
    try {
      domain.unpause();
      await expect(/# /, BOOT_SECONDS);

      await t.step("Debian's clients inside it talk to the store over its ring", async () => {
        assert.equal(await shell("xenstore-read name domid"), `debian ${domain.domid}`);
        assert.equal(
          await shell("xenstore-write data/x hello data/long $(head -c 900 /dev/zero | tr '\\0' v)"),
          "",
        );
        assert.equal(xenstore.read(`${home}/data/x`), "hello");
        assert.equal(await shell("xenstore-read data/long | wc -c"), "901");
        assert.deepEqual(xenstore.permissions(`${home}/data/x`), [`n${domain.domid}`]);
        // The path that is set relative to the domain's home comes back so.
        const watched = shell("xenstore-watch -n 2 data/y");
        const poke = setInterval(() => xenstore.write(`${home}/data/y`, "1"), 200);
        assert.equal(await watched.finally(() => clearInterval(poke)), "data/y data/y");
        const own = Number(await shell(`xenstore-ls -f ${home} | wc -l`));
        assert.ok(own > 40, `${own} nodes of its own`);
        assert.match(await shell("xenstore-list /local/domain 2>&1"), /could not list path/);
        assert.notEqual(await shell("xenstore-write name other 2>&1; echo $?"), "0");
        assert.equal(xenstore.read(`${home}/name`), "debian");
        const { domid } = domain;
        assert.notEqual(await shell("xenstore-chmod data/x b0 2>&1; echo $?"), "0", "it gives no node away");
        await shell(`xenstore-chmod data/x n${domid} r0 && xenstore-rm data/long`);
        assert.deepEqual(xenstore.permissions(`${home}/data/x`), [`n${domid}`, "r0"]);
        assert.equal(xenstore.exists(`${home}/data/long`), false);
      });

      await t.step("memory/target balloons it down and up", async () => {
        await until("feature", ANSWER_SECONDS, () => xenstore.exists(`${home}/control/feature-poweroff`));
        const before = await totalKiB();
        xenstore.setMemoryTarget(domain.domid, 160 * 1024);
        await until("160 MiB", ANSWER_SECONDS, () => domain.info().totPages === 160 * 256);
        const small = await totalKiB();
        assert.equal(before - small, 96 * 1024, `${before} KiB before, ${small} KiB after`);
        xenstore.setMemoryTarget(domain.domid, 256 * 1024);
        await until("256 MiB", ANSWER_SECONDS, () => domain.info().totPages === 256 * 256);
        assert.equal(await totalKiB(), before);
      });

      await t.step("cpu/1/availability takes a vCPU away and gives it back", async () => {
        const online = () => shell("cat /sys/devices/system/cpu/online");
        assert.equal(await online(), "0-1");
        xenstore.setVcpuAvailability(domain.domid, 1, false);
        await until("offline", ANSWER_SECONDS, async () => await online() === "0");
        assert.equal(await shell("nproc"), "1");
        assert.equal(domain.info().vcpus[1].state, "offline");
        xenstore.setVcpuAvailability(domain.domid, 1, true);
        await until("online", ANSWER_SECONDS, async () => await online() === "0-1");
      });

      await t.step("control/sysrq presses a key", async () => {
        xenstore.sysrq(domain.domid, "m");
        await expect(/sysrq: Show Memory[^]*pages RAM/);
        await until("taken", ANSWER_SECONDS, () => xenstore.read(`${home}/control/sysrq`) === "");
      });

      await t.step("control/shutdown=poweroff shuts it down", async () => {
        assert.equal(xenstore.read(`${home}/control/feature-poweroff`), "1");
        const timeoutMs = ANSWER_SECONDS * 1000;
        assert.equal(await xenstore.requestShutdown(domain.domid, "poweroff", { timeoutMs }), true);
        const late = sleep(timeoutMs, undefined, { ref: false }).then(() => ({ reason: "late" }));
        assert.equal((await Promise.race([domain.ended, late])).reason, "poweroff");
      });
    } finally {
      await domain.destroy();
      await host.stop();
    }
  },
});
