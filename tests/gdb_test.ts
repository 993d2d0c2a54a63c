/** Real gdb on a stock Debian kernel. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { parseKernel } from "../core/builder/mod.ts";
import { GdbServer } from "../core/toolstack/gdb/server.ts";
import { busyboxInitramfs } from "../core/toolstack/guests/busybox.ts";
import { cacheDirectory } from "../core/toolstack/guests/cache.ts";
import { debianKernel } from "../core/toolstack/guests/debian_kernel.ts";
import { startXenHost } from "../core/toolstack/xen_host.ts";
import { OFFLINE } from "./guests.ts";

const BOOT_SECONDS = 180;
const ANSWER_SECONDS = 30;

function hasGdb(): boolean {
  try {
    return new Deno.Command("gdb", { args: ["--version"], stdout: "null", stderr: "null" }).outputSync()
      .success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** An ELF file with nothing but function symbols, as a vmlinux has them. */
function symbolFile(symbols: ReadonlyMap<string, bigint>): Uint8Array<ArrayBuffer> {
  const names = new TextEncoder().encode("\0" + [...symbols.keys()].map((name) => `${name}\0`).join(""));
  const sections = new TextEncoder().encode("\0.symtab\0.strtab\0.shstrtab\0.text\0");
  const entries = 24 * (symbols.size + 1);
  const at = { symtab: 64, strtab: 64 + entries, shstrtab: 64 + entries + names.length };
  const headers = (at.shstrtab + sections.length + 7) & ~7;
  const file = new Uint8Array(headers + 5 * 64);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  // ET_EXEC for x86-64, five sections of which the third names the others.
  for (const [offset, value] of [[16, 2], [18, 62], [52, 64], [58, 64], [60, 5], [62, 3]]) {
    view.setUint16(offset, value, true);
  }
  view.setUint32(20, 1, true);
  view.setBigUint64(40, BigInt(headers), true);
  let name = 1, entry = at.symtab;
  for (const [text, address] of symbols) {
    entry += 24;
    view.setUint32(entry, name, true);
    // STB_GLOBAL, STT_FUNC; in .text.
    file[entry + 4] = 0x12;
    view.setUint16(entry + 6, 4, true);
    view.setBigUint64(entry + 8, address, true);
    view.setBigUint64(entry + 16, 16n, true);
    name += text.length + 1;
  }
  file.set(names, at.strtab);
  file.set(sections, at.shstrtab);
  const section = (
    index: number,
    nameAt: number,
    type: number,
    offset: number,
    size: number,
    more: { flags?: number; address?: bigint; link?: number; entrySize?: number } = {},
  ) => {
    const header = headers + index * 64;
    view.setUint32(header, nameAt, true);
    view.setUint32(header + 4, type, true);
    view.setBigUint64(header + 8, BigInt(more.flags ?? 0), true);
    view.setBigUint64(header + 16, more.address ?? 0n, true);
    view.setBigUint64(header + 24, BigInt(offset), true);
    view.setBigUint64(header + 32, BigInt(size), true);
    view.setUint32(header + 40, more.link ?? 0, true);
    view.setUint32(header + 44, 1, true);
    view.setBigUint64(header + 56, BigInt(more.entrySize ?? 0), true);
  };
  section(1, 1, 2, at.symtab, entries, { link: 2, entrySize: 24 });
  section(2, 9, 3, at.strtab, names.length);
  section(3, 17, 3, at.shstrtab, sections.length);
  // SHT_NOBITS, allocated and executable: the kernel's text.
  section(4, 27, 8, headers, 0x1000000, { flags: 6, address: 0xffffffff81000000n });
  return file;
}

/** gdb in batch mode; its commands' output. It is killed after a minute. */
class Gdb {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  #output = "";
  #seen = 0;

  constructor() {
    this.#child = new Deno.Command("gdb", {
      args: ["-q", "-nx"],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      env: { DEBUGINFOD_URLS: "", HOME: "/nonexistent", TERM: "dumb" },
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      (async () => {
        for await (const text of stream.pipeThrough(new TextDecoderStream())) this.#output += text;
      })();
    }
    this.type("set pagination off\nset confirm off\nset architecture i386:x86-64\n");
  }

  type(commands: string): void {
    this.#input.write(new TextEncoder().encode(commands + "\n"));
  }

  get output(): string {
    return this.#output;
  }

  async expect(pattern: RegExp): Promise<RegExpExecArray> {
    const deadline = performance.now() + ANSWER_SECONDS * 1000;
    for (;;) {
      const match = pattern.exec(this.#output.slice(this.#seen));
      if (match !== null) {
        this.#seen += match.index + match[0].length;
        return match;
      }
      assert.ok(
        performance.now() < deadline,
        `gdb: no ${pattern} in ${JSON.stringify(this.#output.slice(-2000))}`,
      );
      await sleep(20);
    }
  }

  /** Types commands, waits until they are done. @returns what they printed */
  async run(...commands: string[]): Promise<string> {
    const mark = `done-${this.#seen}-${Math.floor(performance.now())}`;
    const from = this.#seen;
    this.type([...commands, `echo ${mark}\\n`].join("\n"));
    await this.expect(new RegExp(`${mark}\\n`));
    return this.#output.slice(from, this.#seen);
  }

  async quit(): Promise<void> {
    this.type("quit");
    await this.#input.close();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 20_000);
    await this.#child.status;
    clearTimeout(timer);
  }

  interrupt(): void {
    this.#child.kill("SIGINT");
  }
}

Deno.test({
  name:
    "gdb on a Debian kernel: breakpoints, steps, registers, memory, interrupts, detach; the guest goes on",
  ignore: OFFLINE || !hasGdb(),
  async fn(t) {
    const apt = { cache: cacheDirectory(), progress: console.error };
    const kernel = await debianKernel({ flavour: "cloud" }, apt);
    let output = "", seen = 0;
    const decoder = new TextDecoder();
    const host = await startXenHost();
    const domain = await host.createDomain({
      name: "debian",
      memoryMiB: 256,
      maxMemoryMiB: 256,
      vcpus: 2,
      kernel: parseKernel(await Deno.readFile(kernel.path)),
      kernelName: kernel.path,
      ramdisk: await busyboxInitramfs(apt),
      ramdiskName: "busybox",
      cmdline: "console=hvc0 nokaslr",
      consoleOutput: (bytes) => output += decoder.decode(bytes, { stream: true }),
    });
    const real = host.host.domain(domain.domid);
    assert.ok(real);
    let isKilled = false;
    const gdbServer = await GdbServer.listen({
      domain: real,
      kill: async () => {
        isKilled = true;
        await domain.destroy();
      },
      log: (line) => console.error(line),
    });
    const expect = async (pattern: RegExp, seconds = ANSWER_SECONDS) => {
      const deadline = performance.now() + seconds * 1000;
      let match: RegExpExecArray | null;
      while ((match = pattern.exec(output.slice(seen))) === null) {
        assert.ok(performance.now() < deadline, `no ${pattern} in ${JSON.stringify(output.slice(-1000))}`);
        await sleep(30);
      }
      seen += match.index + match[0].length;
      return match;
    };
    const type = (line: string) => domain.consoleInput(new TextEncoder().encode(`${line}\n`));
    const shell = async (command: string) => {
      type(`echo "@<"$(${command})">"`);
      return (await expect(/@<([^"]*?)>/))[1];
    };
    const gdb = new Gdb();
    // What comes after a step that failed would only wait.
    const step = async (name: string, run: () => Promise<void>) => {
      assert.ok(await t.step(name, run), name);
    };
    try {
      domain.unpause();
      await expect(/# /, BOOT_SECONDS);
      const symbols = new Map<string, bigint>();
      const wanted =
        "__do_sys_getppid|__x64_sys_getuid|__x64_sys_sysinfo|linux_banner|linux_proc_banner|__x64_sys_newuname|jiffies_64";
      for (
        const line of (await shell(`grep -wE '${wanted}' /proc/kallsyms | cut -d' ' -f1,3 | tr '\\n' ,`))
          .split(",")
      ) {
        const [address, name] = line.split(" ");
        if (name !== undefined) symbols.set(name, BigInt(`0x${address}`));
      }
      const symbol = (name: string) => {
        const address = symbols.get(name);
        assert.ok(address !== undefined, `${name} of ${[...symbols.keys()]}`);
        return `0x${address.toString(16)}`;
      };

      await step("it attaches and sees vCPUs, registers and memory", async () => {
        const attached = await gdb.run(
          `target remote ${gdbServer.address}`,
          "info threads",
          "info registers rip",
        );
        assert.match(attached, /Thread 1 .*vCPU 0/);
        assert.match(attached, /Thread 2 .*vCPU 1/);
        const file = await Deno.makeTempFile({ suffix: ".elf" });
        await Deno.writeFile(file, symbolFile(symbols));
        await gdb.run(`symbol-file ${file}`);
        await Deno.remove(file);
        assert.match(await gdb.run("info symbol __x64_sys_newuname"), /__x64_sys_newuname in section \.text/);
        const banner = await gdb.run(`x/s ${symbol("linux_banner")}`);
        assert.match(banner, /"Linux version 6\.\d+\.\d+/);
        const all = await gdb.run("p $fs_base", "p $gs_base", "p/x $mxcsr", "p $st0", "p $xmm0", "p $eflags");
        assert.match(all, /0x1f80|\[ IM DM ZM OM UM PM \]/);
      });

      await step("a breakpoint at a system call: registers, stepping, finishing", async () => {
        await gdb.run("break *__x64_sys_newuname");
        gdb.type("continue");
        type("uname -r");
        await gdb.expect(/Thread \d .*hit Breakpoint 1/);
        const there = await gdb.run(
          "p/x $rip",
          "x/i $rip",
          "p/x $rdi",
          "p/x *(unsigned long *)($rdi + 14*8)",
        );
        assert.ok(there.includes(symbol("__x64_sys_newuname")), there);
        assert.match(await gdb.run("bt 1"), /#0 .*__x64_sys_newuname \(\)/);
        // pt_regs->di of uname(2) is a user address: both are reachable now.
        assert.match(there, /0x7f[0-9a-f]+/);
        const stepped = await gdb.run("stepi", "p/x $rip", "stepi", "p/x $rip");
        const rips = [...stepped.matchAll(/= (0x[0-9a-f]+)/g)].map(([, rip]) => BigInt(rip));
        assert.equal(rips.length, 2);
        for (const rip of rips) assert.ok(rip > BigInt(symbol("__x64_sys_newuname")), `${rip.toString(16)}`);
        // Out of the function, to its caller.
        const finished = await gdb.run("delete 1", "tbreak *(*(unsigned long *)$rsp)", "bt 3");
        assert.match(finished, /#0 /);
        gdb.type("continue");
        await gdb.expect(/hit Temporary breakpoint/);
        const back = await gdb.run("p (long)$rax", "info symbol $rip");
        assert.match(back, /= 0\n/);
        gdb.type("continue");
        await expect(/6\.\d+\.\d+\S*cloud-amd64/);
        gdb.interrupt();
        await gdb.expect(/SIGINT/);
      });

      await step("a memory write is what the guest sees", async () => {
        const before = await gdb.run(`x/s ${symbol("linux_proc_banner")}`);
        assert.match(before, /"%s version %s/);
        await gdb.run(`delete`, `set {char}(${symbol("linux_proc_banner")} + 3) = 'V'`);
        gdb.type("continue");
        assert.match(await shell("cat /proc/version"), /^Linux Version 6/);
        gdb.interrupt();
        await gdb.expect(/SIGINT/);
      });

      await step("a hundred conditional stops and many steps on both vCPUs", async () => {
        await gdb.run(`break *${symbol("__x64_sys_sysinfo")}`, "ignore 3 19");
        gdb.type("continue");
        type(
          "for i in $(seq 10); do taskset 1 free >/dev/null 2>&1 || free >/dev/null; free > /dev/null; done; echo over",
        );
        await gdb.expect(/hit Breakpoint 3/);
        const counted = await gdb.run("info breakpoints", "stepi 200", "p/x $rip");
        assert.match(counted, /already hit 20 times/);
        await gdb.run("delete");
      });

      await step("detached, the guest goes on as before", async () => {
        await gdb.run("detach");
        await expect(/over/);
        assert.equal(await shell("echo $((6*7))"), "42");
        assert.equal(host.host.internalErrors, 0);
      });

      await step("it comes again, and sees the guest power off", async () => {
        await gdb.run(`target remote ${gdbServer.address}`);
        gdb.type("continue");
        type("poweroff -f");
        await gdb.expect(/exited normally/);
        assert.equal((await domain.ended).reason, "poweroff");
      });
      assert.equal(isKilled, false);
    } finally {
      await gdb.quit();
      await gdbServer.close();
      await host.stop();
    }
  },
});
