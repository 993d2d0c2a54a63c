/** Runs vCPU contexts of one domain on one worker. */
import { transcendental, transcendentalPart } from "../isa/float80/transcendental.ts";
import { reciprocal, reciprocalSquareRoot } from "../isa/softfloat/mod.ts";
import { Breakpoints } from "./breakpoints.ts";
import { CodeCache } from "./code_cache.ts";
import { CodeFetch } from "./code_fetch.ts";
import { ContextView, CTX, Flag, KICK_ENGINE, SegmentNumber, STEP_RECORDS } from "./context.ts";
import { DR6_SINGLE_STEP, instructionBreakpoints, setDebugRegisters } from "./debug_registers.ts";
import { EXIT_COUNTERS, ExitReason, Internal } from "./exit.ts";
import { GuestMemory } from "./guest_memory.ts";
import type { InterpreterImage } from "./interpreter.ts";
import type { DomainLayout } from "./layout.ts";
import { codeModeOf, resetContext } from "./reset.ts";
import { type DescriptorHooks, Outcome, Segmentation } from "./segmentation.ts";
import { Spaces } from "./spaces.ts";
import { FRAME_CPU_FLAGS, FRAME_INFO_BYTES, FrameFlag } from "./layout.ts";
import { EngineWord, World } from "./world.ts";

/**
 * What the engine asks of its owner. Hooks run on this worker and must not throw. `foreign` is called from inside guest code: it must not stop
 * this domain (exclusive, staleAll, dropFrame, dropWriteTags).
 */
export interface EngineHooks {
  /**
   * A guest access to a frame that is not in this memory (a grant of another domain, a device).
   * Moves `size` (1 to 16, or more for a host's copy) bytes between `offset` in frame `mfn` and the byte address `data` of this memory.
   * @returns 0 when done; FOREIGN_FAULT to raise #PF (protection violation with a reserved bit); any other value leaves `run` with FOREIGN and
   *   the value in exitInfo
   */
  foreign(ctx: number, mfn: number, offset: number, size: number, write: boolean, data: number): number;
  /**
   * Descriptor tables. With it the engine does segment loads, far transfers, IRET to the same or an outer ring, LAR, LSL, VERR and VERW
   * itself; without it (or for gates, tasks and inner rings) they leave `run`. See DescriptorHooks.
   */
  readonly descriptors?: DescriptorHooks;
}

export const FOREIGN_FAULT = -1;

export interface EngineOptions {
  image: InterpreterImage;
  memory: WebAssembly.Memory;
  layout: DomainLayout;
  hooks: EngineHooks;
}

/** Kinds of access for `translate`. */
export const Access = { READ: 0, WRITE: 1, EXECUTE: 2 } as const;

/** Which view of a page table a space is: pages of supervisors are reached from CPL 0 to 2 only. */
export const SpaceMode = { KERNEL: 0, USER: 1 } as const;

interface Exports {
  run(ctx: number, left: number): number;
  enter(ctx: number, record: number, left: number): number;
  translate(ctx: number, low: number, high: number, access: number): number;
  table: WebAssembly.Table;
}

export class Engine {
  readonly view: ContextView;
  readonly layout: DomainLayout;
  readonly memory: WebAssembly.Memory;
  readonly hooks: EngineHooks;
  /** TLB entries are compared with the page tables at every use (BuildOptions.checkTlb). */
  readonly checksTlb: boolean;
  /** Code cache figures, for statistics and tests. */
  readonly cache: CodeCache;
  readonly world: World;
  readonly exports: Exports;
  readonly #breakpoints: Breakpoints;
  readonly #i32: Int32Array;
  readonly #spaces: Spaces;
  readonly #code: CodeFetch;
  readonly #memory: GuestMemory;
  readonly #segmentation: Segmentation | undefined;
  readonly #bytes = new Uint8Array(16);

  constructor({ image, memory, layout, hooks }: EngineOptions) {
    const { buffer } = memory;
    this.layout = layout;
    this.memory = memory;
    this.hooks = hooks;
    this.checksTlb = image.checksTlb;
    this.view = new ContextView(buffer);
    this.#i32 = this.view.i32;
    this.world = new World(buffer, layout);
    this.#spaces = new Spaces(buffer, layout, this.world);
    this.cache = new CodeCache(buffer, layout, this.world, this.#spaces, image.profiles);
    this.#breakpoints = new Breakpoints(buffer, layout);
    this.#code = new CodeFetch(this, image, this.#breakpoints);
    const random = new BigUint64Array(1);
    const instance = new WebAssembly.Instance(image.module, {
      cpu: {
        memory,
        foreign: (ctx: number, mfn: number, offset: number, size: number, write: number, data: number) =>
          hooks.foreign(ctx >>> 0, mfn, offset, size, write !== 0, data >>> 0),
        tlbMismatch: (ctx: number, va: number, access: number, tagged: number, walked: number) => {
          throw new Error(
            `TLB of context ${ctx >>> 0}: ${va.toString(16)} for access ${access} is tagged with ` +
              `${(tagged >>> 0).toString(16)}, a walk gives ${walked.toString(16)}`,
          );
        },
      },
      helpers: {
        random: () => crypto.getRandomValues(random)[0],
        reciprocal,
        reciprocalSquareRoot,
        transcendental,
        transcendentalPart,
      },
    });
    this.exports = instance.exports as unknown as Exports;
    this.#memory = new GuestMemory(this, buffer);
    if (hooks.descriptors) this.#segmentation = new Segmentation(this, hooks.descriptors);
  }

  /**
   * Brings a context to its start: registers 0, eflags 2, mxcsr 0x1f80, flat 64-bit segments at CPL 3, long-mode control registers
   * (CR0 = PE|MP|ET|NE|WP|AM|PG, CR4 = PAE|OSFXSR|OSXMMEXCPT, EFER = SCE|LME|LMA|NX), an empty TLB, no page table selected.
   */
  initContext(ctx: number): void {
    resetContext(this.view, ctx, this.layout, this.cache.emptyMap);
    this.#spaces.reset(ctx);
    this.segmentsChanged(ctx);
  }

  /**
   * Runs at most `budget` (1 to 2^30) instructions; the retired count is exact at every exit.
   * @param exact false: BUDGET may come up to a block early, for one that does not fit in what is left
   */
  run(ctx: number, budget: number, exact = true): ExitReason {
    const i32 = this.#i32;
    const { world } = this;
    const leftAt = (ctx + CTX.left) >>> 2;
    const eflagsAt = (ctx + CTX.eflags) >>> 2;
    const watchingAt = (ctx + CTX.watching) >>> 2;
    let left = budget;
    // After a load of SS the next instruction runs before anything else is looked at.
    let shadow = false;
    for (;;) {
      if (left <= 0) return this.#finish(ctx, ExitReason.BUDGET, budget);
      let reason: number;
      const trap = (i32[eflagsAt] & Flag.TF) !== 0;
      const watching = i32[watchingAt] !== 0;
      if (trap || shadow || watching) {
        if (watching && this.#isKicked(ctx)) reason = ExitReason.KICK;
        else if (watching && this.#meetsBreakpoint(ctx, shadow)) {
          return this.#finish(ctx, ExitReason.TRAP_STEP, budget - left);
        } else {
          const resumes = i32[eflagsAt] & Flag.RF;
          reason = this.#breaks(ctx) ? ExitReason.BREAKPOINT : this.#single(ctx, false);
          if (reason === Internal.STEPPED && watching) i32[eflagsAt] &= ~resumes;
        }
        shadow = false;
        if (reason === Internal.STEPPED && this.#isDebugDue(ctx, trap)) {
          return this.#finish(ctx, ExitReason.TRAP_STEP, budget - left + 1);
        }
      } else {
        world.enter(ctx);
        try {
          this.#spaces.refresh(ctx);
          reason = this.exports.run(ctx, left);
        } finally {
          world.leave(ctx);
        }
        left = i32[leftAt];
        // POPF has set TF: it has retired already.
        if (reason === Internal.STEPPED) continue;
      }
      switch (reason) {
        case Internal.NEED_CODE:
          if (!this.#code.decodeHere(ctx)) return this.#finish(ctx, ExitReason.FAULT, budget - left);
          continue;
        case ExitReason.BUDGET:
          // A block longer than what is left.
          if (left === 0 || (!exact && left < budget)) return this.#finish(ctx, reason, budget - left);
          reason = this.#breaks(ctx) ? ExitReason.BREAKPOINT : this.#single(ctx, false);
          break;
        case ExitReason.BREAKPOINT:
          if (!this.#breaks(ctx)) reason = this.#single(ctx, false);
          break;
        case Internal.CODE_WRITE:
        case Internal.STRADDLE:
        case Internal.EXCLUSIVE:
          if (reason === Internal.CODE_WRITE) this.#dropWritten(ctx);
          reason = this.#single(ctx, reason === Internal.EXCLUSIVE);
          break;
      }
      if (reason === Internal.STEPPED) {
        left--;
        continue;
      }
      if (reason === ExitReason.KICK) {
        const bits = Atomics.exchange(i32, (ctx + CTX.kick) >>> 2, 0) & ~KICK_ENGINE;
        if (bits === 0) continue;
        i32[(ctx + CTX.exitInfo) >>> 2] = bits;
      } else if (this.#segmentation && Segmentation.handles(reason)) {
        const outcome = this.#segmentation.handle(ctx, reason);
        if (outcome === Outcome.DONE) {
          shadow = reason === ExitReason.SEGLOAD &&
            (i32[(ctx + CTX.exitInfo) >>> 2] & 7) === SegmentNumber.ss;
          // What a load of SS has met is told after the next instruction.
          if ((trap || (watching && !shadow)) && this.#isDebugDue(ctx, trap)) {
            return this.#finish(ctx, ExitReason.TRAP_STEP, budget - left + 1);
          }
          left--;
          continue;
        }
        if (outcome === Outcome.FAULTED) reason = ExitReason.FAULT;
      }
      return this.#finish(ctx, reason, budget - left);
    }
  }

  #finish(ctx: number, reason: ExitReason, retired: number): ExitReason {
    const { cache } = this;
    this.#i32[(ctx + CTX.exitReason) >>> 2] = reason;
    if (retired > 0) cache.count(ctx, "retired", retired);
    if (reason < EXIT_COUNTERS) cache.count(ctx, "exits", 1, reason);
    return reason;
  }

  #isKicked(ctx: number): boolean {
    return Atomics.load(this.#i32, (ctx + CTX.kick) >>> 2) !== 0;
  }

  /** Before an instruction that is watched: whether a breakpoint is on it. @param shadow what the load of SS before it has met counts on */
  #meetsBreakpoint(ctx: number, shadow: boolean): boolean {
    const { view } = this;
    if (!shadow) view.set(ctx, "debugHits", 0);
    const bits = instructionBreakpoints(view, ctx, this.#code.linearLow(ctx), this.#code.linearHigh(ctx));
    if (bits !== 0) view.set(ctx, "exitInfo", bits);
    return bits !== 0;
  }

  /** After an instruction: whether #DB is due, with DR6's bits in exitInfo. @param trap it began with TF set */
  #isDebugDue(ctx: number, trap: boolean): boolean {
    const { view } = this;
    const bits = view.get(ctx, "debugHits") | (trap ? DR6_SINGLE_STEP : 0);
    view.set(ctx, "debugHits", 0);
    if (bits !== 0) view.set(ctx, "exitInfo", bits);
    return bits !== 0;
  }

  /**
   * The guest's debug registers. From now on its breakpoints are met: TRAP_STEP, before the instruction or after the access. I/O breakpoints are the
   * owner's matter.
   * @param addresses of DR0 to DR3
   * @param control DR7
   */
  setDebugRegisters(ctx: number, addresses: readonly bigint[], control: number): void {
    if (setDebugRegisters(this.view, ctx, addresses, control)) this.flushAll(ctx);
  }

  #breaks(ctx: number): boolean {
    const breakpoints = this.#breakpoints;
    return breakpoints.any && breakpoints.has(this.#code.linearLow(ctx), this.#code.linearHigh(ctx));
  }

  /**
   * A debugger's breakpoints, by linear address: from now on `run` stops before these instructions with BREAKPOINT. `undefined`: the debugger leaves.
   * @throws RangeError for more than MOST_BREAKPOINTS
   */
  setBreakpoints(addresses: readonly bigint[] | undefined): void {
    this.world.stopped(() => {
      const offsets = addresses === undefined ? this.#breakpoints.clear() : this.#breakpoints.set(addresses);
      for (let frame = 0; offsets.length > 0 && frame < this.layout.totalFrames; frame++) {
        for (const offset of offsets) this.cache.invalidate(frame, offset, 1);
      }
    });
  }

  /** Runs exactly one instruction outside the code cache, TF or not, breakpoint or not. BUDGET: it retired. */
  step(ctx: number): ExitReason {
    this.#spaces.refresh(ctx);
    for (;;) {
      const reason = this.#single(ctx, false);
      if (reason === Internal.STEPPED) return this.#finish(ctx, ExitReason.BUDGET, 1);
      if (reason === ExitReason.KICK) {
        const bits = Atomics.exchange(this.#i32, (ctx + CTX.kick) >>> 2, 0) & ~KICK_ENGINE;
        if (bits === 0) continue;
        this.#i32[(ctx + CTX.exitInfo) >>> 2] = bits;
      } else if (this.#segmentation && Segmentation.handles(reason)) {
        const outcome = this.#segmentation.handle(ctx, reason);
        if (outcome === Outcome.DONE) return this.#finish(ctx, ExitReason.BUDGET, 1);
        if (outcome === Outcome.FAULTED) return this.#finish(ctx, ExitReason.FAULT, 0);
      }
      return this.#finish(ctx, reason, 0);
    }
  }

  /** One instruction alone. STEPPED: it retired, rip is the next one; otherwise the reason, with nothing retired. */
  #single(ctx: number, exclusive: boolean): number {
    const { cache, world } = this;
    cache.count(ctx, "steps");
    for (;;) {
      if (exclusive) {
        const reason = world.stopped(() => this.#singleOnce(ctx, true));
        if (reason !== Internal.CODE_WRITE) return reason;
      } else {
        const reason = this.#singleOnce(ctx, false);
        if (reason === Internal.EXCLUSIVE) exclusive = true;
        else if (reason !== Internal.CODE_WRITE) return reason;
      }
      if (!exclusive || this.#i32[(ctx + CTX.pending) >>> 2] === Internal.CODE_WRITE) this.#dropWritten(ctx);
    }
  }

  #singleOnce(ctx: number, exclusive: boolean): number {
    const i32 = this.#i32;
    const { world } = this;
    const record = ctx + STEP_RECORDS;
    const low = this.#code.linearLow(ctx);
    const offset = low & 0xfff;
    const codeMode = i32[(ctx + CTX.codeMode) >>> 2];
    i32[(ctx + CTX.pending) >>> 2] = 0;
    let length = this.#code.part(ctx, this.#bytes, 0);
    if (length < 0) return ExitReason.FAULT;
    if (!this.#code.decoder.single(record, this.#bytes, length, offset, codeMode, exclusive)) {
      length = this.#code.part(ctx, this.#bytes, length);
      if (length < 0) return ExitReason.FAULT;
      this.#code.decoder.single(record, this.#bytes, length, offset, codeMode, exclusive);
    }
    i32[(ctx + CTX.codePage) >>> 2] = low & ~0xfff;
    i32[(ctx + CTX.codePage + 4) >>> 2] = this.#code.linearHigh(ctx);
    let reason: number;
    world.enter(ctx);
    try {
      reason = this.exports.enter(ctx, record, 0);
    } finally {
      world.leave(ctx);
    }
    return i32[(ctx + CTX.left) >>> 2] === 0 ? Internal.STEPPED : reason;
  }

  /** Decodes the block at rip if it is not. @returns address of its first record, or 0: a fault, its fields set */
  decode(ctx: number): number {
    return this.#code.decode(ctx);
  }

  /** Instruction bytes at rip into `out` (15 bytes). @returns how many are there before a page that cannot be executed */
  fetch(ctx: number, out: Uint8Array): number {
    return this.#code.fetch(ctx, out);
  }

  /** After a CODE_WRITE: the code that is in the way goes. */
  #dropWritten(ctx: number): void {
    const address = this.view.get(ctx, "bounceFirst") >>> 0;
    const size = this.view.get(ctx, "bounceSize");
    this.cache.count(ctx, "invalidations");
    this.cache.invalidate(address >>> 12, address & 0xfff, size);
  }

  /** After emulating an instruction that exited: rip = nextRip, one more retired. */
  complete(ctx: number): void {
    const i32 = this.#i32;
    const [rip, next] = [(ctx + CTX.rip) >>> 2, (ctx + CTX.nextRip) >>> 2];
    i32[rip] = i32[next];
    i32[rip + 1] = i32[next + 1];
    this.cache.count(ctx, "retired");
  }

  /**
   * Guest linear address to a byte address in memory; sets accessed and dirty bits as the CPU does.
   * @returns -1: fault fields filled, nothing raised; -2: a foreign frame (its number in foreignMfn)
   */
  translate(ctx: number, low: number, high: number, access: number): number {
    if (!this.checksTlb) {
      const found = this.#spaces.find(ctx, low, high, access);
      if (found >= 0) return found;
    }
    let address: number;
    this.world.enter(ctx);
    try {
      this.#spaces.refresh(ctx);
      address = this.exports.translate(ctx, low, high, access);
    } finally {
      this.world.leave(ctx);
    }
    return address === -1 || address === -2 ? address : address >>> 0;
  }

  /** Copies from guest linear addresses, with page faults. @returns false: fault fields filled, `bytes` partly filled */
  readVirtual(ctx: number, low: number, high: number, bytes: Uint8Array): boolean {
    return this.#memory.read(ctx, low, high, bytes);
  }

  /** Every page is checked before anything is written; drops decoded code. @returns false: fault fields filled */
  writeVirtual(ctx: number, low: number, high: number, bytes: Uint8Array): boolean {
    return this.#memory.write(ctx, low, high, bytes);
  }

  /**
   * Makes (l4Mfn, mode) the current space for the context's code mode; flushes it when it is stale. Call it after CR3 loads and changes
   * between user and supervisor; the context's cpl must agree with `mode` (SpaceMode.USER: 3).
   */
  selectSpace(ctx: number, l4Mfn: number, mode: number): void {
    const codeMode = this.view.get(ctx, "codeMode");
    this.view.set(ctx, "spaceMode", mode);
    this.#spaces.select(ctx, l4Mfn, mode | codeMode << 1);
  }

  /** Call it after the host changed segment registers, CPL or mode in the context: brings codeMode and the space in line. */
  segmentsChanged(ctx: number): void {
    const { view } = this;
    const codeMode = codeModeOf(view, ctx);
    const mode = view.get(ctx, "cpl") === 3 ? SpaceMode.USER : SpaceMode.KERNEL;
    if (codeMode === view.get(ctx, "codeMode") && mode === view.get(ctx, "spaceMode")) return;
    view.set(ctx, "codeMode", codeMode);
    this.selectSpace(ctx, view.number(ctx, "rootMfn"), mode);
  }

  /** INVLPG: in every space of this vCPU. */
  flushPage(ctx: number, low: number, _high: number): void {
    this.#spaces.flushPage(ctx, low);
  }

  /** What entry `slot` (0 to 511) of any last-level table gave, in every space of this vCPU. */
  flushSlot(ctx: number, slot: number): void {
    this.#spaces.flushSlot(ctx, slot);
  }

  flushAll(ctx: number): void {
    this.#spaces.flushAll(ctx);
  }

  /** Every space of every vCPU of the domain is flushed before its next use; running vCPUs leave their code first. */
  staleAll(): void {
    this.world.addWord(EngineWord.STALE, 1);
    this.world.stopped(() => {});
  }

  #frameFlags(frame: number): number {
    return Atomics.load(
      this.#i32,
      (this.layout.frameInfo + frame * FRAME_INFO_BYTES + FRAME_CPU_FLAGS) >>> 2,
    );
  }

  /** Before a frame loses its writable type: no TLB of the domain can write to it any more when this returns. */
  dropWriteTags(frame: number): void {
    // Another vCPU may be between its walk and its tag, or this side of a copy: only a stop tells that it is not.
    if (this.layout.vcpus === 1 && (this.#frameFlags(frame) & FrameFlag.WRITE_TAGGED) === 0) return;
    this.world.stopped(() => {
      if (this.#frameFlags(frame) & FrameFlag.WRITE_TAGGED) this.#spaces.dropTags(frame, true);
    });
  }

  /** Before a frame leaves the domain: no TLB of the domain reaches it and it holds no code. */
  dropFrame(frame: number): void {
    if (this.layout.vcpus === 1 && this.#frameFlags(frame) === 0) return;
    this.world.stopped(() => {
      if (this.#frameFlags(frame) === 0) return;
      this.cache.forget(frame);
      this.#spaces.dropTags(frame, false);
    });
  }

  /** Every writer outside the CPU goes through here. `frame` is a local frame number. */
  writeFrame(frame: number, offset: number, bytes: Uint8Array): void {
    this.view.u8.set(bytes, frame * 4096 + offset);
    this.frameWritten(frame, offset, bytes.length);
  }

  /** Announces a write done by other means (a shared view), after it: drops decoded code of these bytes. */
  frameWritten(frame: number, offset: number, length: number): void {
    if (length > 0) this.cache.invalidate(frame, offset, length);
  }

  /** Runs `action` while no vCPU of the domain executes guest code. Keep it short. */
  exclusive<T>(action: () => T): T {
    return this.world.stopped(action);
  }
}

export { prepareDecoding } from "./block_decoder.ts";
export { buildInterpreter } from "./interpreter.ts";
export type { InterpreterImage } from "./interpreter.ts";
