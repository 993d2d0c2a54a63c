/**
 * The region translator's entry: a hot block, and the blocks of its page that it jumps to directly, become one function with the
 * signature of a handler. The head's record then names that function; REC_BASE_SLOT keeps its handler.
 */
import { Decoded, Decoder, DecodeResult, forms, Liveness } from "../isa/mod.ts";
import { i32, type Label, type Local } from "../wasm/mod.ts";
import { CodeMode, CTX } from "./context.ts";
import type { Engine } from "./engine.ts";
import type { InterpreterImage } from "./interpreter.ts";
import { Special, VARIANTS } from "./interpreter.ts";
import type { HandlerBuilder } from "./linkage.ts";
import type { HotBlock } from "./profile.ts";
import { REC_BACK, REC_BASE_SLOT, REC_LENGTH, REC_OFFSET, REC_SLOT, RECORD_BYTES } from "./record.ts";
import { RegionLinkage } from "./region_linkage.ts";
import { type RegionInstruction, RegionMachine, type Touched } from "./region_machine.ts";
import { TABLE_LIMITS } from "./runtime.ts";

/** Blocks of one region at most, and instructions. */
const MAXIMUM_NODES = 16;
const MAXIMUM_INSTRUCTIONS = 128;
/** Entries that the function table grows by. */
const GROWTH = 1024;

/** One block of a region. */
interface Node {
  readonly offset: number;
  readonly record: number;
  readonly length: number;
  readonly instructions: readonly RegionInstruction[];
  /** The record with which the interpreter goes on, when the rest is not for regions; 0: the whole block is translated. */
  readonly rest: number;
  /** Where it goes on after its last instruction, when that is no jump; -1 otherwise. */
  readonly next: number;
  readonly flagsLive: boolean;
}

/** Translates blocks and puts them in the place of their records' handlers. One for an engine, on a domain with one worker. */
export class RegionTranslator {
  readonly #decoder = new Decoder();
  readonly #dead: Liveness;
  readonly #i32: Int32Array;
  readonly #u8: Uint8Array;
  readonly #u16: Uint16Array;
  #nextSlot: number;

  constructor(readonly engine: Engine, readonly image: InterpreterImage) {
    const { buffer } = engine.view;
    this.#dead = new Liveness(image.leaves);
    this.#i32 = new Int32Array(buffer);
    this.#u8 = new Uint8Array(buffer);
    this.#u16 = new Uint16Array(buffer);
    this.#nextSlot = image.regionSlot;
  }

  /** @returns how many of the blocks were translated: those that begin with an instruction that is not for regions stay */
  translate(blocks: readonly HotBlock[]): number {
    const { engine, image } = this;
    const linkage = new RegionLinkage({ checkTlb: image.checksTlb, profile: image.profiles });
    const made: { block: HotBlock; name: string }[] = [];
    for (const block of blocks) {
      const nodes = this.#discover(block);
      if (nodes.length === 0) continue;
      // Once to learn which registers it touches, then in earnest.
      const all: Touched = { used: 0xffff, written: 0xffff, flags: true };
      const trial = new RegionLinkage(linkage.options);
      const plan = this.#emit(trial, "trial", nodes, block, all);
      const name = `region ${block.frame.toString(16)}:${block.offset.toString(16)}`;
      this.#emit(linkage, name, nodes, block, plan);
      made.push({ block, name });
    }
    if (made.length === 0) return 0;
    const { exports } = engine;
    const instance = new WebAssembly.Instance(new WebAssembly.Module(linkage.m.toBytes()), {
      cpu: { ...exports, memory: engine.memory },
    });
    for (const { block, name } of made) {
      const slot = this.#nextSlot++;
      if (slot >= TABLE_LIMITS.maximum) throw new RangeError("the function table has no room for regions");
      if (slot >= exports.table.length) exports.table.grow(Math.min(GROWTH, TABLE_LIMITS.maximum - slot));
      exports.table.set(slot, instance.exports[name] as () => number);
      Atomics.store(this.#i32, (block.record + REC_SLOT) >>> 2, slot);
    }
    return made.length;
  }

  /** Offsets of the instructions that a region headed by this block has. */
  offsets(block: HotBlock): ReadonlySet<number> {
    return new Set(this.#discover(block).flatMap((node) => node.instructions.map(({ offset }) => offset)));
  }

  /** Takes slots anew from the first: only when no block is translated any more. */
  reset(): void {
    this.#nextSlot = this.image.regionSlot;
  }

  /** Gives a block its handler back. */
  remove(block: HotBlock): void {
    const slot = this.#u16[(block.record + REC_BASE_SLOT) >>> 1];
    Atomics.store(this.#i32, (block.record + REC_SLOT) >>> 2, slot);
  }

  // Which blocks

  #discover(block: HotBlock): Node[] {
    const { cache } = this.engine;
    const map = cache.map(block.frame, block.codeMode);
    const nodes = new Map<number, Node>();
    let instructions = 0;
    const visit = (offset: number): void => {
      if (nodes.has(offset) || nodes.size >= MAXIMUM_NODES) return;
      const record = cache.entry(map, offset);
      if (record === 0) return;
      const node = this.#node(block, offset, record);
      if (!node || instructions + node.instructions.length > MAXIMUM_INSTRUCTIONS) return;
      instructions += node.instructions.length;
      nodes.set(offset, node);
      for (const target of targets(node)) visit(target);
    };
    visit(block.offset);
    return [...nodes.values()];
  }

  #node(block: HotBlock, offset: number, record: number): Node | undefined {
    const guard = this.image.slots[forms().length * VARIANTS + Special.STRADDLE];
    if (this.#i32[(record + REC_SLOT) >>> 2] === guard) return undefined;
    const length = this.#u8[record + REC_BACK];
    const mode = 16 << (block.codeMode & CodeMode.WIDTH);
    const stack = block.codeMode & CodeMode.BIG_STACK ? 4 : 2;
    const instructions: RegionInstruction[] = [];
    let rest = 0;
    let next = -1;
    // A jump that the block follows has no record, but is counted in what is left.
    for (let at = record, back = length; back > 0; at += RECORD_BYTES) {
      back = this.#u8[at + REC_BACK];
      const start = this.#u16[(at + REC_OFFSET) >>> 1];
      const decoded = new Decoded();
      const bytes = block.frame * 4096 + start;
      const result = this.#decoder.decode(this.#u8, bytes, Math.min(15, 4096 - start), mode, stack, decoded);
      const form = forms()[decoded.form];
      const suits = result === DecodeResult.ok && form.instruction.flow !== "leave";
      if (!suits) {
        rest = at;
        break;
      }
      instructions.push({ form, decoded, offset: start, record: at, back });
      const { flow } = form.instruction;
      if (back > 1) continue;
      next = flow === undefined || flow === "branch" ? start + this.#u8[at + REC_LENGTH] : -1;
      break;
    }
    if (instructions.length === 0) return undefined;
    const block_ = instructions.map(({ form }) => form.number);
    if (rest !== 0) block_.push(-1);
    return { offset, record, length, instructions, rest, next, flagsLive: this.#dead.liveAtEntry(block_) };
  }

  // Code

  #emit(linkage: RegionLinkage, name: string, nodes: Node[], block: HotBlock, plan: Touched): Touched {
    const { cache, world } = this.engine;
    const map = cache.map(block.frame, block.codeMode);
    const index = new Map(nodes.map((node, i) => [node.offset, i]));
    const entryOf = (offset: number) => world.locked(() => cache.needEntry(map, offset));
    let touched = plan;
    const ref = linkage.m.func({ name, params: ["i32", "i32", "i32"], results: ["i32"] }, (f, ctx) => {
      const machine = new RegionMachine(linkage, linkage.helpers, f, ctx, block.codeMode, plan);
      machine.enter();
      const entry = f.local("i32");
      const entryOffset = f.local("i32");
      const piece = f.local("i32");
      f.block((toEntry) => {
        f.block((toExit) => {
          machine.toExit = () => f.br(toExit);
          f.loop((top) => {
            const labels: Label<"void">[] = [];
            const needsTable = jumpsBackInside(nodes, index);
            const jumps = new NodeJumps(machine, f, {
              nodes,
              index,
              labels,
              top,
              piece: needsTable ? piece : undefined,
              entryOf,
              leave(offset, left) {
                f.set(machine.left, left);
                f.set(entry, entryOf(offset) | 0);
                f.set(entryOffset, offset);
                machine.lazy.emit();
                f.br(toEntry);
              },
            });
            machine.jumps = jumps;
            const build = (i: number): void => {
              f.block((label) => {
                labels[i] = label;
                if (i > 0) build(i - 1);
                else if (needsTable) f.brTable(labels.slice(0, -1), labels[labels.length - 1], piece.get());
              });
              emitNode(machine, jumps, nodes[i], i);
            };
            // Every label must exist before the table that names it: outermost first.
            build(nodes.length - 1);
          });
        });
        machine.spill();
        f.returnCall(linkage.exit, [
          ctx,
          machine.exitRecord.get(),
          machine.left.get(),
          machine.exitReason.get(),
        ]);
      });
      machine.spill();
      f.returnCall(linkage.enterEntry, [ctx, entry.get(), entryOffset.get(), machine.left.get()]);
      touched = machine.touched;
    });
    linkage.m.export(name, ref);
    return touched;
  }
}

/** In-page offsets that a block jumps or falls to. */
function targets(node: Node): number[] {
  const found: number[] = [];
  for (const { form, decoded, offset } of node.instructions) {
    if (!form.operands.some((operand) => operand.kind === "rel") || form.opSize === 2) continue;
    // A call's target is taken too: it often returns at once, and the frame is the same.
    const target = offset + decoded.length + decoded.immediate;
    if (target >= 0 && target < 4096) found.push(target);
  }
  if (node.next >= 0 && node.next < 4096) found.push(node.next);
  return found;
}

/** Whether some jump goes back to a block other than the first. */
function jumpsBackInside(nodes: readonly Node[], index: ReadonlyMap<number, number>): boolean {
  return nodes.some((node, i) =>
    targets(node).some((target) => {
      const at = index.get(target);
      return at !== undefined && at > 0 && at <= i;
    })
  );
}

interface Places {
  readonly nodes: readonly Node[];
  readonly index: ReadonlyMap<number, number>;
  readonly labels: readonly Label<"void">[];
  readonly top: Label<"void">;
  /** Which block to go on with at `top`; undefined when that is always the first. */
  readonly piece: Local<"i32"> | undefined;
  entryOf(offset: number): number;
  leave(offset: number, left: ReturnType<typeof i32.add>): void;
}

class NodeJumps {
  current = 0;
  constructor(readonly machine: RegionMachine, readonly f: HandlerBuilder, readonly places: Places) {}

  /** From the current block to an offset of the page; `given` instructions of the block are not run. */
  inPage(offset: number, given: number): void {
    const { machine, f, places } = this;
    const { ctx } = machine;
    const left = given === 0 ? machine.left.get() : f.let(i32.add(machine.left.get(), given));
    const to = places.index.get(offset);
    if (to === undefined) return places.leave(offset, left);
    const node = places.nodes[to];
    const after = f.let(i32.sub(left, node.length));
    const back = to <= this.current;
    let blocked = i32.shr_u(after, 31);
    if (back) {
      // Somebody may want this vCPU, or have dropped the code.
      const moved = i32.xor(i32.load(i32.const(places.entryOf(offset) | 0)), node.record | 0);
      blocked = i32.or(blocked, i32.or(i32.load(ctx, CTX.kick), moved));
    }
    f.if(blocked, () => places.leave(offset, left));
    f.set(machine.left, after);
    if (node.flagsLive) machine.lazy.emit();
    if (!back) return f.br(places.labels[to]);
    if (places.piece) f.set(places.piece, to);
    f.br(places.top);
  }
}

function emitNode(machine: RegionMachine, jumps: NodeJumps, node: Node, i: number): void {
  const { f } = machine;
  jumps.current = i;
  machine.lazy.discard();
  machine.flags.forget();
  for (const instruction of node.instructions) {
    machine.emitInstruction(instruction);
    if (!f.live) return;
  }
  if (node.rest !== 0) {
    // The interpreter does the rest of the block.
    machine.lazy.emit();
    machine.spill();
    const { handler, runtime, ctx } = machine;
    const rest = i32.const(node.rest | 0);
    const slot = i32.load(rest, REC_SLOT);
    return handler.returnCallIndirect(
      runtime.table,
      runtime.signature,
      [ctx, rest, machine.left.get()],
      slot,
    );
  }
  if (node.next >= 4096) {
    machine.now = { ...machine.now, back: 1 };
    return machine.goTo(machine.nextLinear());
  }
  jumps.inPage(node.next, 0);
}
