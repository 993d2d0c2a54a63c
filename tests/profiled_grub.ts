/** GRUB run to its prompt and through some commands on a host whose interpreter counts: a real run's hottest blocks, and its memory. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { buildPv, parseKernel } from "../core/builder/mod.ts";
import {
  buildInterpreter,
  contextAddress,
  CTX,
  type DomainLayout,
  Engine,
  type InterpreterImage,
} from "../core/cpu/mod.ts";
import { type HotBlock, hotBlocks, SNAPSHOT_STATE } from "../core/cpu/profile.ts";
import { ConsoleRing, XenStoreService } from "../core/dom0/mod.ts";
import { Host } from "../core/hypervisor/host.ts";
import { makeXenEngine, xenParts } from "../core/hypervisor/parts.ts";

const MEMORY_MIB = 64;
const SECONDS = 60;

/** A copy of the domain's memory with an engine of its own: blocks can be run there and nobody minds. */
export interface Replica {
  readonly engine: Engine;
  readonly memory: WebAssembly.Memory;
  readonly ctx: number;
  /** Puts the processor where a block was entered in the run. */
  enter(block: HotBlock): void;
}

export interface ProfiledRun {
  readonly image: InterpreterImage;
  readonly layout: DomainLayout;
  /** Instructions that the run took. */
  readonly instructions: number;
  /** Hottest first; only those whose state at some entry was kept. */
  readonly hot: HotBlock[];
  replica(): Replica;
}

/**
 * @param kernel GRUB's ELF file
 * @param checkTlb compare every TLB hit with a walk: the run fails when the hypervisor has missed a flush
 */
export async function profileGrub(
  kernel: Uint8Array,
  blocks: number,
  checkTlb = false,
): Promise<ProfiledRun> {
  const image = buildInterpreter({ profile: true, checkTlb });
  const { workerUrl, support } = xenParts();
  const parts = { workerUrl, support, image, makeEngine: makeXenEngine.bind(undefined, image) };
  const host = await Host.start({ pcpus: 1, parts });
  try {
    const images = { kernel: parseKernel(kernel), cmdline: "" };
    const domain = await host.createDomain({
      name: "grub",
      memoryMiB: MEMORY_MIB,
      build: (target) => buildPv(target, images),
    });
    let text = "";
    const decoder = new TextDecoder();
    const ring = new ConsoleRing(
      domain.consoleRing,
      () => domain.notify(domain.consolePort),
      (bytes) => text += decoder.decode(bytes, { stream: true }),
    );
    domain.onNotify(domain.consolePort, () => ring.service());
    const store = new XenStoreService();
    const guest = store.introduce(
      {
        domid: domain.domid,
        name: "grub",
        uuid: crypto.randomUUID(),
        memoryKiB: MEMORY_MIB * 1024,
        maxMemoryKiB: MEMORY_MIB * 1024,
        vcpus: 1,
        store: { port: domain.storePort, frame: domain.start.storeMfn },
        console: { port: domain.consolePort, frame: domain.start.consoleMfn },
        image: { kernel: "grub", ramdisk: undefined, commandLine: "" },
        startTime: Date.now() / 1000,
      },
      domain.storeRing,
      () => domain.notify(domain.storePort),
    );
    domain.onNotify(domain.storePort, () => guest.service());
    const prompt = async () => {
      for (const deadline = performance.now() + SECONDS * 1000; !text.endsWith("grub> "); await sleep(20)) {
        assert.ok(performance.now() < deadline, `no prompt in ${JSON.stringify(text.slice(-500))}`);
      }
    };
    domain.unpause();
    for (const command of ["help", "ls", "set", "help ls"]) {
      await prompt();
      ring.input(new TextEncoder().encode(`${command}\r`));
      text = "";
    }
    await prompt();
    domain.pause();
    const { memory, layout } = domain.domain;
    const ctx = contextAddress(layout, 0);
    const kept = new Uint8Array(memory.buffer).slice();
    const counters = new DataView(kept.buffer);
    const hot = hotBlocks(kept.buffer, layout, 2 * blocks).filter(({ snapshot }) => snapshot !== 0);
    return {
      image,
      layout,
      instructions: Number(counters.getBigUint64(ctx + CTX.retired, true)),
      hot: hot.slice(0, blocks),
      replica: () => replica(image, layout, kept, ctx),
    };
  } finally {
    await host.stop();
  }
}

function replica(image: InterpreterImage, layout: DomainLayout, kept: Uint8Array, ctx: number): Replica {
  const pages = kept.length / 65536;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const bytes = new Uint8Array(memory.buffer);
  bytes.set(kept);
  const engine = new Engine({ image, memory, layout, hooks: { foreign: () => -1 } });
  return {
    engine,
    memory,
    ctx,
    enter({ snapshot, offset }) {
      const { view } = engine;
      bytes.copyWithin(ctx, snapshot, snapshot + SNAPSHOT_STATE);
      const page = view.big(ctx, "codePage");
      view.setBig(ctx, "rip", page + BigInt(offset));
      view.set(ctx, "kick", 0);
    },
  };
}
