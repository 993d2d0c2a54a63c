/**
 * Prints which handlers run most, for core/cpu/hot_handlers.ts, and which follow each other most, for core/cpu/hot_sequences.ts: boots a Debian kernel
 * under a profiling interpreter, runs programs of busybox in it, and adds up each handler's share of both parts.
 *
 * deno run -A --unstable-worker-options tools/hot_handlers/mod.ts [KERNEL] [HANDLERS] [SEQUENCES]
 *
 * KERNEL is what a configuration's `kernel=` takes (debian:cloud by default), the others how many to print. For handlers a conditional jump inside a
 * block is taken as not taken, so the ends of long blocks count too much; the order of the lists does not matter, only what is in them.
 */
import { parseKernel } from "../../core/builder/mod.ts";
import { buildInterpreter, Special, VARIANTS } from "../../core/cpu/interpreter.ts";
import { HOT_HANDLERS } from "../../core/cpu/hot_handlers.ts";
import { hotBlocks } from "../../core/cpu/profile.ts";
import { REC_SLOT, RECORD_BYTES } from "../../core/cpu/record.ts";
import type { Domain } from "../../core/hypervisor/domain.ts";
import { makeXenEngine, xenParts } from "../../core/hypervisor/parts.ts";
import { forms } from "../../core/isa/mod.ts";
import { builtinGuest } from "../../core/toolstack/guests/builtin.ts";
import { cacheDirectory } from "../../core/toolstack/guests/cache.ts";
import { parseKernelSource, readSource } from "../../core/toolstack/guests/kernel_source.ts";
import { startXenHost } from "../../core/toolstack/xen_host.ts";
import { chooseSequences, type CountedBlock } from "./sequences.ts";

const PROGRAMS = `
cd /tmp 2>/dev/null || cd /
cp /bin/busybox f; sha256sum f; md5sum f; sha1sum f; cksum f
gzip -c f >f.gz; gunzip -c f.gz | md5sum; bzip2 -c f >f.bz2; bunzip2 -c f.bz2 | cksum
strings f | sort | uniq -c | sort -rn | head -3
seq 1 20000 | awk '{s += $1 * 1.5; t = t sprintf("%x", $1 % 16)} END {print s, length(t)}'
seq 1 3000 | sed s/1/x/g | grep -c x
i=0; while [ $i -lt 300 ]; do i=$((i+1)); /bin/busybox true; done
find /proc -name stat 2>/dev/null | wc -l; tar cf - /bin | md5sum; od -x f | tail -1
echo all''done
`;

/** Names of handlers by slot, as hot_handlers.ts has them. */
function handlerNames(slots: Uint16Array, fused: Uint16Array): Map<number, string> {
  const names = new Map<number, string>();
  const all = forms();
  for (const form of all) {
    for (let variant = 0; variant < VARIANTS; variant++) {
      names.set(slots[form.number * VARIANTS + variant], `${form.id} /${variant}`);
    }
    for (let condition = 0; condition < 16; condition++) {
      names.set(fused[form.number * 16 + condition], `${form.id} j${condition}`);
    }
  }
  names.set(slots[all.length * VARIANTS + Special.LINK], "link");
  names.set(slots[all.length * VARIANTS + Special.LINK_OUT], "link out");
  names.delete(0);
  return names;
}

/** Counts of a domain's handlers; blocks come and go, so they are read many times. */
class HandlerCounts {
  readonly #entries = new Map<string, { entries: number; names: string[] }>();
  constructor(readonly domain: Domain, readonly names: ReadonlyMap<number, string>) {}

  read(): void {
    const { buffer } = this.domain.memory;
    const i32 = new Int32Array(buffer);
    for (const { record, frame, offset, length, entries } of hotBlocks(buffer, this.domain.layout, 300_000)) {
      if (entries === 0) continue;
      let key = `${record}:${frame}:${offset}`;
      const known = this.#entries.get(key);
      if (known !== undefined && known.entries <= entries) {
        known.entries = entries;
        continue;
      }
      // Another block has taken the place of the one that was counted.
      if (known !== undefined) key += `:${this.#entries.size}`;
      const names: string[] = [];
      for (let i = 0; i < length;) {
        const name = this.names.get(i32[(record + i * RECORD_BYTES + REC_SLOT) >>> 2]);
        if (name !== undefined) names.push(name);
        i += / j\d+$/.test(name ?? "") ? 2 : 1;
      }
      this.#entries.set(key, { entries, names });
    }
  }

  /** The blocks that ran since the last call. */
  take(): CountedBlock[] {
    const blocks = [...this.#entries.values()];
    this.#entries.clear();
    return blocks;
  }
}

/** Each handler's share of what ran. */
function sharesOf(blocks: readonly CountedBlock[]): Map<string, number> {
  const shares = new Map<string, number>();
  let total = 0;
  for (const { entries, names } of blocks) {
    for (const name of names) shares.set(name, (shares.get(name) ?? 0) + entries);
    total += entries * names.length;
  }
  for (const [name, count] of shares) shares.set(name, count / total);
  return shares;
}

const flows = new Map(forms().map(({ id, instruction }) => [id, instruction.flow]));

/** Whether a handler may go elsewhere than to the next record. */
const leaves = (name: string) =>
  name.startsWith("link") || / j\d+$/.test(name) || flows.get(name.replace(/ \/\d$/, "")) !== undefined;

const [source = "debian:cloud", handlers = "480", sequences = "128"] = Deno.args;
const apt = { cache: cacheDirectory(), progress: (line: string) => console.error(line) };
const read = (text: string, key: string) => readSource(parseKernelSource(text), key, apt, builtinGuest);
const image = buildInterpreter({ profile: true });
let domain: Domain | undefined;
const parts = {
  workerUrl: xenParts().workerUrl,
  support: xenParts().support,
  image,
  makeEngine: (made: Domain) => makeXenEngine(image, domain = made),
};
const host = await startXenHost({ pcpus: 1, parts });
let console_ = "";
const guest = await host.createDomain({
  name: "profiled",
  memoryMiB: 256,
  maxMemoryMiB: 256,
  vcpus: 1,
  kernel: parseKernel(await read(source, "kernel")),
  kernelName: source,
  ramdisk: await read("initramfs:busybox", "ramdisk"),
  cmdline: "console=hvc0",
  consoleOutput: (bytes) => console_ += new TextDecoder().decode(bytes),
});
guest.unpause();
if (domain === undefined) throw new Error("no engine was made for the domain");
const counts = new HandlerCounts(domain, handlerNames(image.slots, image.fused));
const until = async (text: string) => {
  while (!console_.includes(text)) {
    await new Promise((resolve) => setTimeout(resolve, 150));
    counts.read();
  }
};
await until("# ");
const boot = counts.take();
guest.consoleInput(new TextEncoder().encode(PROGRAMS));
await until("alldone");
const programs = counts.take();
await guest.destroy();
await host.stop();

const shares = [boot, programs].map(sharesOf);
const score = (name: string) => shares.reduce((sum, share) => sum + (share.get(name) ?? 0), 0);
const found = [...new Set(shares.flatMap((share) => [...share.keys()]))].sort((a, b) => score(b) - score(a));
for (const name of found.slice(0, Number(handlers))) console.log(JSON.stringify(name) + ",");
console.log();
const isHot = new Set(HOT_HANDLERS);
const limits = { count: Number(sequences), length: 4 };
// What ran seldom takes long to look through and changes nothing.
const often = [boot, programs].map((blocks) => blocks.filter(({ entries }) => entries > 200));
for (const names of chooseSequences(often, leaves, (name) => isHot.has(name), limits)) {
  console.log(`[${names.map((name) => JSON.stringify(name)).join(", ")}],`);
}
Deno.exit(0);
