/**
 * Debian's stock cloud kernel with a busybox initramfs to the first line of userland: our whole command beside
 * `qemu-system-x86_64 -accel tcg` on the same machine, turn by turn, host time. Then a boot in this process, where our
 * own counters tell the retired instructions a second of wall time, from the guest's first one to userland.
 */
import { parseKernel } from "../core/builder/mod.ts";
import { busyboxInitramfs } from "../core/toolstack/guests/busybox.ts";
import { cacheDirectory } from "../core/toolstack/guests/cache.ts";
import { debianKernel } from "../core/toolstack/guests/debian_kernel.ts";
import { v8Option } from "../core/toolstack/v8_flags.ts";
import { startXenHost } from "../core/toolstack/xen_host.ts";
import { ROOT } from "../tests/session.ts";

const ROUNDS = 3;
const MEMORY_MIB = 256;
const MARKER = "first-line-of-userland";
const DEADLINE_MS = 120_000;
const QEMU = "qemu-system-x86_64";

/** Process 1 says that it runs, and ends the machine. */
const INIT = `#!/bin/sh
export PATH=/bin
echo ${MARKER}
exec poweroff -f
`;

interface Files {
  readonly kernel: string;
  readonly ramdisk: string;
}

/** Milliseconds from a command's start to the marker on its output. */
async function timeToUserland(command: string, args: readonly string[]): Promise<number> {
  const start = performance.now();
  const child = new Deno.Command(command, { args: [...args], stdin: "null", stdout: "piped", stderr: "null" })
    .spawn();
  const late = setTimeout(() => child.kill("SIGKILL"), DEADLINE_MS);
  let text = "", ms = Infinity;
  try {
    for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
      text += part;
      // Behind a newline: the kernel prints its command line too.
      if (ms === Infinity && text.includes(`\n${MARKER}`)) ms = performance.now() - start;
    }
    const { code } = await child.status;
    if (ms === Infinity) {
      throw new Error(`${command} ended with ${code} before userland: ${text.slice(-500)}`);
    }
  } finally {
    clearTimeout(late);
  }
  return ms;
}

function hasQemu(): boolean {
  try {
    return new Deno.Command(QEMU, { args: ["--version"], stdout: "null", stderr: "null" }).outputSync()
      .success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** The whole command, as deno.json's task runs it, without npx before it. */
function ourCommand({ kernel, ramdisk }: Files, config: string): [string, string[]] {
  Deno.writeTextFileSync(
    config,
    [
      `name="boot"`,
      `kernel=${JSON.stringify(kernel)}`,
      `ramdisk=${JSON.stringify(ramdisk)}`,
      `extra="console=hvc0"`,
      `memory=${MEMORY_MIB}`,
      "",
    ].join("\n"),
  );
  const flags = ["run", "-A", "--unstable-worker-options", v8Option(false)];
  return [Deno.execPath(), [...flags, `${ROOT}mod.ts`, "create", "--in-process", "-c", "-q", config]];
}

function qemuCommand({ kernel, ramdisk }: Files): [string, string[]] {
  const machine = ["-accel", "tcg", "-m", String(MEMORY_MIB), "-kernel", kernel, "-initrd", ramdisk];
  const console = ["-append", "console=ttyS0", "-display", "none", "-serial", "stdio", "-monitor", "none"];
  return [QEMU, [...machine, ...console, "-no-reboot"]];
}

interface Counted {
  readonly instructions: number;
  readonly ms: number;
  readonly figures: Readonly<Record<string, number>>;
}

/** One boot in this process, counted. */
async function countedBoot({ kernel, ramdisk }: Files): Promise<Counted> {
  const host = await startXenHost();
  try {
    const marker = Promise.withResolvers<void>();
    let text = "";
    const decoder = new TextDecoder();
    const domain = await host.createDomain({
      name: "boot",
      memoryMiB: MEMORY_MIB,
      maxMemoryMiB: MEMORY_MIB,
      vcpus: 1,
      kernel: parseKernel(await Deno.readFile(kernel)),
      kernelName: kernel,
      ramdisk: await Deno.readFile(ramdisk),
      cmdline: "console=hvc0",
      consoleOutput(bytes) {
        text += decoder.decode(bytes, { stream: true });
        if (text.includes(`\n${MARKER}`)) marker.resolve();
      },
    });
    try {
      const start = performance.now();
      domain.unpause();
      const ended = domain.ended.then(({ reason, registerDump }) => {
        if (!text.includes(`\n${MARKER}`)) {
          throw new Error(`the guest ended (${reason}) before userland\n${registerDump ?? text.slice(-500)}`);
        }
      });
      await Promise.race([marker.promise, ended]);
      const ms = performance.now() - start;
      const { vcpus, counters } = domain.info();
      return { instructions: vcpus.reduce((sum, { retired }) => sum + retired, 0), ms, figures: counters };
    } finally {
      await domain.destroy();
    }
  } finally {
    await host.stop();
  }
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1];

export async function bootFigures(folder: string): Promise<void> {
  const apt = { cache: cacheDirectory(), progress: (line: string) => console.log(line) };
  const { path: kernel, release } = await debianKernel({ flavour: "cloud" }, apt);
  const ramdisk = `${folder}/initramfs`;
  const init = { kind: "file", path: "init", data: INIT, mode: 0o755 } as const;
  await Deno.writeFile(ramdisk, await busyboxInitramfs(apt, { extra: [init] }));
  const files = { kernel, ramdisk };
  console.log(`Linux ${release}, ${MEMORY_MIB} MiB, one vCPU, to the first line of userland`);
  const ours = ourCommand(files, `${folder}/boot.cfg`), theirs = qemuCommand(files);
  const qemu = hasQemu();
  if (!qemu) console.log(`${QEMU} is not installed: nothing to compare with (Debian: qemu-system-x86)`);
  const times: { ours: number[]; qemu: number[] } = { ours: [], qemu: [] };
  for (let round = 0; round < ROUNDS; round++) {
    times.ours.push(await timeToUserland(...ours));
    if (qemu) times.qemu.push(await timeToUserland(...theirs));
  }
  const list = (values: readonly number[]) => values.map(seconds).join(", ");
  console.log(`xenolith create:                 ${seconds(median(times.ours))} (${list(times.ours)})`);
  if (qemu) {
    console.log(`${QEMU} -accel tcg: ${seconds(median(times.qemu))} (${list(times.qemu)})`);
    const ratio = median(times.ours) / median(times.qemu);
    console.log(
      `boot ratio: ${ratio.toFixed(2)} times QEMU's time (goal: at most 3.5 by the interpreter alone)`,
    );
  }
  const { instructions, ms, figures } = await countedBoot(files);
  const mips = instructions / ms / 1000;
  console.log(
    `${(instructions / 1e6).toFixed(0)} million instructions in ${seconds(ms)}: ${mips.toFixed(0)} ` +
      "million a second of wall time (goal: at least 150)",
  );
  const shown = Object.entries(figures).filter(([, count]) => count > 0).sort(([, a], [, b]) => b - a);
  console.log(`counters: ${shown.slice(0, 14).map(([name, count]) => `${name} ${count}`).join(", ")}`);
}

if (import.meta.main) {
  const folder = await Deno.makeTempDir();
  try {
    await bootFigures(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
