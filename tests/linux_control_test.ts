/** A stock Linux under its owner's hands: ballooning, vCPU hotplug, NMIs, and a core dump in which its own symbols are found. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { parseKernel } from "../core/builder/mod.ts";
import type { HostDomain } from "../core/hypervisor/host_domain.ts";
import { busyboxInitramfs } from "../core/toolstack/guests/busybox.ts";
import { cacheDirectory } from "../core/toolstack/guests/cache.ts";
import { debianKernel } from "../core/toolstack/guests/debian_kernel.ts";
import { startXenHost } from "../core/toolstack/xen_host.ts";
import { OFFLINE } from "./guests.ts";

/** The machine may have much else to do. */
const PATIENCE_SECONDS = 180;
const PAGE = 4096n;

async function until(done: () => boolean, what: () => string, seconds = PATIENCE_SECONDS): Promise<void> {
  for (const end = performance.now() + seconds * 1000; !done();) {
    assert.ok(performance.now() < end, what());
    await sleep(20);
  }
}

/** What an ELF core of Xen's holds, by section. */
class Core {
  readonly #view: DataView;
  readonly sections = new Map<string, { readonly offset: number; readonly size: number }>();
  readonly #fileOffsets = new Map<bigint, number>();

  constructor(private readonly bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const headers = Number(this.#u64(40));
    const count = this.#view.getUint16(60, true), strings = this.#view.getUint16(62, true);
    const header = (index: number) => headers + index * 64;
    const names = Number(this.#u64(header(strings) + 24));
    for (let index = 1; index < count; index++) {
      const at = header(index);
      this.sections.set(this.text(names + this.#view.getUint32(at, true)), {
        offset: Number(this.#u64(at + 24)),
        size: Number(this.#u64(at + 32)),
      });
    }
    const p2m = this.section(".xen_p2m"), pages = this.section(".xen_pages");
    for (let at = 0; at < p2m.size; at += 16) {
      this.#fileOffsets.set(this.#u64(p2m.offset + at + 8), pages.offset + at / 16 * Number(PAGE));
    }
  }

  section(name: string): { readonly offset: number; readonly size: number } {
    const found = this.sections.get(name);
    assert.ok(found, `${name} of ${[...this.sections.keys()]}`);
    return found;
  }

  #u64(offset: number): bigint {
    return this.#view.getBigUint64(offset, true);
  }

  /** A string that ends with a zero byte. */
  text(offset: number): string {
    return new TextDecoder().decode(this.bytes.subarray(offset, this.bytes.indexOf(0, offset)));
  }

  /** Of the first vCPU's context: user_regs.rip and ctrlreg[3]. */
  get registers(): { rip: bigint; cr3: bigint } {
    const { offset } = this.section(".xen_prstatus");
    return { rip: this.#u64(offset + 648), cr3: this.#u64(offset + 4984 + 3 * 8) };
  }

  /** File offset of a linear address, by the guest's own page tables, whose entries name machine frames. */
  find(linear: bigint): number {
    let mfn = this.registers.cr3 / PAGE;
    for (const shift of [39n, 30n, 21n, 12n]) {
      const table = this.#fileOffsets.get(mfn);
      assert.ok(table !== undefined, `machine frame ${mfn} is in the dump`);
      const entry = this.#u64(table + Number((linear >> shift) & 511n) * 8);
      assert.ok((entry & 1n) !== 0n, `0x${linear.toString(16)} is mapped`);
      mfn = (entry >> 12n) & 0xffffffffffn;
    }
    const page = this.#fileOffsets.get(mfn);
    assert.ok(page !== undefined);
    return page + Number(linear & (PAGE - 1n));
  }
}

function hasGdb(): boolean {
  try {
    return new Deno.Command("gdb", { args: ["--version"], stdout: "null", stderr: "null" }).outputSync()
      .success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Chunks in one piece. */
async function dump(domain: HostDomain): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  await domain.control.coreDump((chunk) => void chunks.push(chunk.slice()));
  const all = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

Deno.test({
  name: "Linux balloons, takes vCPUs away and back, gets NMIs, and its core can be read",
  ignore: OFFLINE,
  fn: run,
});

async function run(): Promise<void> {
  const apt = { cache: cacheDirectory(), progress: console.error };
  const kernel = parseKernel(await Deno.readFile((await debianKernel({ flavour: "cloud" }, apt)).path));
  const ramdisk = await busyboxInitramfs(apt);
  const xen = await startXenHost({ pcpus: 2 });
  try {
    let text = "";
    const decoder = new TextDecoder();
    const running = await xen.createDomain({
      name: "linux",
      memoryMiB: 256,
      maxMemoryMiB: 256,
      vcpus: 2,
      kernel,
      kernelName: "linux",
      ramdisk,
      cmdline: "console=hvc0",
      consoleOutput: (bytes) => text += decoder.decode(bytes, { stream: true }),
    });
    const domain = xen.host.domain(running.domid);
    assert.ok(domain);
    const shell = async (command: string): Promise<string> => {
      text = "";
      running.consoleInput(new TextEncoder().encode(`${command}; echo EN''D\n`));
      await until(() => /END\r\n/.test(text), () => `${command}: ${text.slice(-500)}`);
      return text;
    };
    running.unpause();
    await until(() => /# /.test(text), () => text.slice(-500));

    // Memory that was used goes to the host, and comes back.
    const pages = (mebibytes: number) => mebibytes * 256;
    await shell("mkdir /t; mount -t tmpfs none /t; dd if=/dev/urandom of=/t/x bs=1M count=80; rm /t/x");
    const before = Deno.memoryUsage().rss;
    running.write("memory/target", String(128 * 1024));
    await until(() => domain.info().totPages === pages(128), () => `${domain.info().totPages} pages`);
    await until(
      () => Deno.memoryUsage().rss < before - 40e6,
      () => `RSS ${before / 1e6} MB, then ${Deno.memoryUsage().rss / 1e6} MB`,
      30,
    );
    running.write("memory/target", String(256 * 1024));
    await until(() => domain.info().totPages === pages(256), () => `${domain.info().totPages} pages`);
    assert.match(await shell("grep MemTotal /proc/meminfo"), /MemTotal: +2[12]\d{4} kB/);

    running.write("cpu/1/availability", "offline");
    await until(() => !domain.control.vcpuOnline(1), () => "vCPU 1 stays up");
    assert.match(await shell("cat /sys/devices/system/cpu/online"), /\n0\r\n/);
    assert.equal(domain.info().vcpus[1].state, "offline");
    running.write("cpu/1/availability", "online");
    await until(() => domain.control.vcpuOnline(1), () => "vCPU 1 stays down");
    assert.match(await shell("sleep 1; cat /sys/devices/system/cpu/online"), /\n0-1\r\n/);

    for (const vcpu of [0, 1, 1]) {
      domain.control.trigger("nmi", vcpu);
      await sleep(300);
    }
    assert.match(await shell("grep NMI: /proc/interrupts"), /NMI: +1 +2 /);

    const symbol = await shell("grep -w linux_banner /proc/kallsyms; uname -r");
    const address = BigInt(`0x${/([0-9a-f]{16}) \S linux_banner/.exec(symbol)?.[1]}`);
    running.pause();
    const bytes = await dump(domain);
    running.unpause();
    const core = new Core(bytes);
    assert.deepEqual([...core.sections.keys()], [
      ".note.Xen",
      ".xen_prstatus",
      ".xen_shared_info",
      ".xen_p2m",
      ".xen_pages",
      ".shstrtab",
    ]);
    assert.equal(core.section(".xen_pages").size, pages(256) * Number(PAGE));
    assert.equal(core.section(".xen_prstatus").size, 2 * 5168);
    assert.match(core.text(core.find(address)), /^Linux version \d+\.\d+\S* .*Debian/);
    assert.ok(core.registers.rip > 0xffff800000000000n, "it waits in the kernel");
    if (hasGdb()) {
      const file = await Deno.makeTempFile();
      try {
        await Deno.writeFile(file, bytes);
        const { stdout } = await new Deno.Command("gdb", {
          args: ["-nx", "-batch", "-ex", `x/s 0x${address.toString(16)}`, "-ex", "info threads", "-c", file],
          stdin: "null",
        }).output();
        assert.match(new TextDecoder().decode(stdout), /"Linux version \d[^]*\* 1 /);
      } finally {
        await Deno.remove(file);
      }
    }
    // It goes on after the dump.
    assert.match(await shell("uname -m"), /x86_64/);
  } finally {
    await xen.stop();
  }
}
