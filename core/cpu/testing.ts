/** A small machine for tests: one domain memory, page tables built by hand, code put in, run, looked at. */
import { Attribute, type ContextView, CTX, Flag } from "./context.ts";
import { buildInterpreter, Engine, type EngineHooks, type InterpreterImage, SpaceMode } from "./engine.ts";
import { exitName, ExitReason } from "./exit.ts";
import { contextAddress, createDomainMemory, type DomainLayout, layoutDomain } from "./layout.ts";
import { setSegment } from "./reset.ts";

let shared: InterpreterImage | undefined;

/** One interpreter for all tests of a process. */
export function testImage(): InterpreterImage {
  return shared ??= buildInterpreter();
}

/** Page-table entry bits. */
export const Pte = { P: 1, W: 2, U: 4, A: 0x20, D: 0x40, PS: 0x80, NX: 1n << 63n } as const;
const USABLE = Pte.P | Pte.W | Pte.U;

export interface TestMachineOptions {
  /** Frames in all, page tables among them (taken from the top). Default 64. */
  frames?: number;
  /** Width of the code: 32 and 16 run in compatibility mode with flat segments. Default 64. */
  mode?: 16 | 32 | 64;
  vcpus?: number;
  image?: InterpreterImage;
  hooks?: Partial<EngineHooks>;
  codeBytes?: number;
  mfnBase?: number;
}

export class TestMachine {
  readonly layout: DomainLayout;
  readonly memory: WebAssembly.Memory;
  readonly engine: Engine;
  readonly view: ContextView;
  readonly ctx: number;
  /** Local frame of the top-level page table. */
  readonly root: number;
  #nextTable: number;

  constructor(options: TestMachineOptions = {}) {
    const { frames = 64, mode = 64, vcpus = 1, codeBytes = 1 << 20, mfnBase = 1024 } = options;
    this.layout = layoutDomain({
      frames,
      vcpus,
      codeBytes,
      mfnBase,
    });
    this.memory = createDomainMemory(this.layout);
    this.engine = new Engine({
      image: options.image ?? testImage(),
      memory: this.memory,
      layout: this.layout,
      hooks: { foreign: () => -1, ...options.hooks },
    });
    this.view = this.engine.view;
    this.#nextTable = frames;
    this.root = this.#table();
    for (let vcpu = 0; vcpu < vcpus; vcpu++) this.reset(contextAddress(this.layout, vcpu), mode);
    this.ctx = contextAddress(this.layout, 0);
  }

  /** Registers, flags and segments as at the start; memory and page tables stay. */
  reset(ctx = this.ctx, mode: 16 | 32 | 64 = 64): void {
    this.engine.initContext(ctx);
    if (mode !== 64) {
      this.view.set(ctx, "mode", mode);
      const big = mode === 32 ? Attribute.BIG : 0;
      setSegment(this.view, ctx, "cs", { selector: 0x23, attributes: 0x80fb | big, limit: 0xffffffff });
      for (const name of ["ss", "ds", "es"] as const) {
        setSegment(this.view, ctx, name, { selector: 0x2b, attributes: 0x80f3 | big, limit: 0xffffffff });
      }
    }
    this.engine.segmentsChanged(ctx);
    this.engine.selectSpace(ctx, this.layout.mfnBase + this.root, SpaceMode.USER);
  }

  #table(): number {
    return --this.#nextTable;
  }

  /** Byte address of a page-table entry, tables on the way made; `level` 0 for 4 KiB pages, 1 for 2 MiB, 2 for 1 GiB. */
  entryAddress(va: bigint, level = 0): number {
    let table = this.root;
    for (let at = 3;; at--) {
      const address = table * 4096 + Number((va >> BigInt(12 + 9 * at)) & 511n) * 8;
      if (at === level) return address;
      const entry = this.view.data.getBigUint64(address, true);
      if (entry & 1n) table = Number((entry >> 12n) & 0xffffffffffn) - this.layout.mfnBase;
      else {
        table = this.#table();
        const value = BigInt(this.layout.mfnBase + table) << 12n | BigInt(USABLE);
        this.view.data.setBigUint64(address, value, true);
      }
    }
  }

  /** Maps a page to a local frame (or any machine frame by `mfn`); a TLB flush is the caller's. */
  map(va: bigint, frame: number, bits: bigint | number = USABLE, level = 0): void {
    this.mapMfn(va, this.layout.mfnBase + frame, bits, level);
  }
  mapMfn(va: bigint, mfn: number, bits: bigint | number = USABLE, level = 0): void {
    const value = BigInt(mfn) << 12n | BigInt(bits);
    this.view.data.setBigUint64(this.entryAddress(va, level), value, true);
  }
  unmap(va: bigint): void {
    this.view.data.setBigUint64(this.entryAddress(va), 0n, true);
  }
  entry(va: bigint, level = 0): bigint {
    return this.view.data.getBigUint64(this.entryAddress(va, level), true);
  }

  /** Writes bytes into a frame as a writer outside the CPU does. */
  put(frame: number, offset: number, bytes: Uint8Array | readonly number[]): void {
    this.engine.writeFrame(frame, offset, Uint8Array.from(bytes));
  }
  bytes(frame: number, offset: number, length: number): Uint8Array {
    return this.view.u8.slice(frame * 4096 + offset, frame * 4096 + offset + length);
  }

  get rip(): bigint {
    return this.view.big(this.ctx, "rip");
  }
  set rip(value: bigint) {
    this.view.setBig(this.ctx, "rip", value);
  }
  reg(n: number): bigint {
    return this.view.reg(this.ctx, n);
  }
  setReg(n: number, value: bigint): void {
    this.view.setReg(this.ctx, n, value);
  }
  get flags(): number {
    return this.view.flags(this.ctx);
  }
  set flags(value: number) {
    this.view.setFlags(this.ctx, value);
  }
  xmm(n: number): Uint8Array {
    return this.view.u8.slice(this.ctx + CTX.xmm + n * 16, this.ctx + CTX.xmm + n * 16 + 16);
  }
  setXmm(n: number, value: Uint8Array): void {
    this.view.u8.set(value, this.ctx + CTX.xmm + n * 16);
  }
  get retired(): number {
    return this.view.number(this.ctx, "retired");
  }
  /** What the last FAULT was. */
  get fault(): { vector: number; errorCode: number | undefined; address: bigint } {
    return {
      vector: this.view.get(this.ctx, "faultVector"),
      errorCode: this.view.get(this.ctx, "faultHasError")
        ? this.view.get(this.ctx, "faultErrorCode")
        : undefined,
      address: this.view.big(this.ctx, "faultAddress"),
    };
  }

  run(budget = 1_000_000): number {
    return this.engine.run(this.ctx, budget);
  }
  step(): number {
    return this.engine.step(this.ctx);
  }
  /** Runs until HLT (which faults with #GP at CPL 3, so code ends with `hlt` or INT3): the reason's name. */
  runNamed(budget = 1_000_000): string {
    return exitName(this.run(budget));
  }
}

export { ExitReason, Flag };
