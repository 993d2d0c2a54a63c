/** Runs vCPU contexts of one domain on one worker. */
import { ContextView } from "./context.ts";
import type { ExitReason } from "./exit.ts";
import type { DomainLayout } from "./layout.ts";

/** What the engine asks of its owner. Hooks run on this worker, outside the domain's lock, and must not throw. */
export interface EngineHooks {
  /**
   * A guest access to a frame that is not in this memory (a grant of another domain, a device).
   * Moves `size` (1 to 16) bytes between `offset` in frame `mfn` and the byte address `data` of this memory.
   * @returns 0 when done; FOREIGN_FAULT to raise #PF (protection violation with a reserved bit); any other value leaves `run` with FOREIGN and
   *   the value in exitInfo
   */
  foreign(
    ctx: number,
    mfn: number,
    offset: number,
    size: number,
    write: boolean,
    data: number,
  ): number;
}

export const FOREIGN_FAULT = -1;

/** The generated handlers and what the decoder must know of them: made once (buildInterpreter), posted to workers. */
export interface InterpreterImage {
  readonly module: WebAssembly.Module;
  readonly tables: unknown;
}

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

export class Engine {
  readonly view: ContextView;
  readonly layout: DomainLayout;
  readonly hooks: EngineHooks;

  constructor(options: EngineOptions) {
    this.layout = options.layout;
    this.hooks = options.hooks;
    this.view = new ContextView(options.memory.buffer);
  }

  /**
   * Brings a context to its start: registers 0, eflags 2, mxcsr 0x1f80, flat 64-bit segments at CPL 3, long-mode control registers
   * (CR0 = PE|MP|ET|NE|WP|AM|PG, CR4 = PAE|OSFXSR|OSXMMEXCPT, EFER = SCE|LME|LMA|NX), no space selected.
   */
  initContext(_ctx: number): void {
    throw new Error("not yet");
  }

  /** Runs at most `budget` (below 2^30) instructions; the retired count is exact at every exit. */
  run(_ctx: number, _budget: number): ExitReason {
    throw new Error("not yet");
  }

  /** Runs exactly one instruction outside the code cache. BUDGET: it retired. */
  step(_ctx: number): ExitReason {
    throw new Error("not yet");
  }

  /** After emulating an instruction that exited: rip = nextRip, one more retired. */
  complete(_ctx: number): void {
    throw new Error("not yet");
  }

  /**
   * Guest linear address to a byte address in memory; sets accessed and dirty bits as the CPU does.
   * @returns -1: fault fields filled, nothing raised; -2: a foreign frame (its number in foreignMfn)
   */
  translate(_ctx: number, _low: number, _high: number, _access: number): number {
    throw new Error("not yet");
  }

  /** Copies from guest linear addresses, with page faults. @returns false: fault fields filled, `bytes` partly filled */
  readVirtual(_ctx: number, _low: number, _high: number, _bytes: Uint8Array): boolean {
    throw new Error("not yet");
  }

  /** Both ends are checked before anything is written when the copy spans two pages; drops decoded code. */
  writeVirtual(_ctx: number, _low: number, _high: number, _bytes: Uint8Array): boolean {
    throw new Error("not yet");
  }

  /** Instruction bytes at rip into `out` (15 bytes). @returns how many are there before a page that cannot be executed */
  fetch(_ctx: number, _out: Uint8Array): number {
    throw new Error("not yet");
  }

  /** Makes (l4Mfn, mode, code mode) the current space; flushes it when it is stale. Call it after CR3 loads and privilege changes. */
  selectSpace(_ctx: number, _l4Mfn: number, _mode: number): void {
    throw new Error("not yet");
  }

  /** Call it after the host changed segment registers, CPL or mode in the context: brings codeMode and the space in line. */
  segmentsChanged(_ctx: number): void {
    throw new Error("not yet");
  }

  /** INVLPG: in every space of this vCPU. */
  flushPage(_ctx: number, _low: number, _high: number): void {
    throw new Error("not yet");
  }

  flushAll(_ctx: number): void {
    throw new Error("not yet");
  }

  /** Every space of every vCPU of the domain is flushed before its next use; a running vCPU leaves its code first (waits for that). */
  staleAll(): void {
    throw new Error("not yet");
  }

  /** Before a frame loses its writable type: no TLB of the domain can write to it any more when this returns. */
  dropWriteTags(_frame: number): void {
    throw new Error("not yet");
  }

  /** Before a frame leaves the domain: no TLB of the domain reaches it and it holds no code. */
  dropFrame(_frame: number): void {
    throw new Error("not yet");
  }

  /** Every writer outside the CPU goes through here. `frame` is a local frame number. */
  writeFrame(_frame: number, _offset: number, _bytes: Uint8Array): void {
    throw new Error("not yet");
  }

  /** Announces a write done by other means (a shared view): drops decoded code of these bytes. */
  frameWritten(_frame: number, _offset: number, _length: number): void {
    throw new Error("not yet");
  }

  /** Runs `action` while no vCPU of the domain executes guest code. Keep it short. */
  exclusive<T>(_action: () => T): T {
    throw new Error("not yet");
  }
}

/** Generates the interpreter (a few hundred ms); post the result to workers. */
export function buildInterpreter(): InterpreterImage {
  throw new Error("not yet");
}
