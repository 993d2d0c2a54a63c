import {
  contextAddress,
  createDomainMemory,
  CTX,
  Engine,
  exitName,
  ExitReason,
  Flag,
  layoutDomain,
  SEGMENT_ATTRIBUTES,
  SEGMENT_BASE,
  SEGMENT_LIMIT,
} from "../../core/cpu/mod.ts";
import type { EngineOptions } from "../../core/cpu/mod.ts";
import { type Form, Reg } from "../../core/isa/mod.ts";
import type { FormCase } from "./cases.ts";
import {
  type Case,
  CODE,
  DATA,
  DATA_BYTES,
  fill,
  INITIAL_X87,
  LOW,
  type Outcome,
  startRip,
} from "./format.ts";

const PRESENT = 1, WRITABLE = 2, USER = 4;
const NX = 0x80000000 | 0;
/** Local frames: page tables, then data, then code. */
const L4 = 0, L3 = 1, L2 = 2, FIRST_L1 = 3, DATA_FRAME = 8, CODE_FRAME = 12, FRAMES = 16;

/** How a tier runs one instruction of a prepared context. */
export type RunOne = (engine: Engine, ctx: number) => number;

/** The recorder's address space in a domain memory of our own; runs cases one by one. */
export class VectorMachine {
  readonly engine: Engine;
  readonly ctx: number;
  readonly #memory: Uint8Array;
  readonly #initial = new Uint8Array(DATA_BYTES);
  #seed = -1;

  constructor(image: EngineOptions["image"]) {
    const layout = layoutDomain({ frames: FRAMES, vcpus: 1, codeBytes: 1 << 20 });
    const memory = createDomainMemory(layout);
    this.engine = new Engine({
      image,
      memory,
      layout,
      hooks: {
        foreign: () => {
          throw new Error("a vector reached a foreign frame");
        },
      },
    });
    this.#memory = new Uint8Array(memory.buffer);
    this.ctx = contextAddress(layout, 0);
    const words = new Int32Array(memory.buffer);
    const entry = (table: number, index: number, frame: number, flags: number, high = 0) => {
      words[(table * 4096 + index * 8) >> 2] = ((layout.mfnBase + frame) << 12) | flags;
      words[(table * 4096 + index * 8 + 4) >> 2] = high;
    };
    const all = PRESENT | WRITABLE | USER;
    entry(L4, 0, L3, all);
    entry(L3, 0, L2, all);
    let l1 = FIRST_L1;
    const table = (address: number) => {
      entry(L2, address >>> 21, l1, all);
      return l1++;
    };
    const low = table(0), data = table(DATA), code = table(CODE);
    for (let i = 0; i < 3; i++) {
      const flags = i === 2 ? PRESENT | USER : all;
      entry(low, (LOW >> 12) + i, DATA_FRAME + i, flags, NX);
      entry(data, i, DATA_FRAME + i, flags, NX);
    }
    for (let i = 0; i < 2; i++) entry(code, i, CODE_FRAME + i, all);
    this.engine.initContext(this.ctx);
    const { view } = this.engine;
    view.setBig(this.ctx, "cr4", view.big(this.ctx, "cr4") | 1n << 18n);
    this.engine.selectSpace(this.ctx, layout.mfnBase + L4, 1);
  }

  /** Puts a case in place, runs it and reads what came out. `vector` is -1 where the instruction completed. */
  run(one: Case, runOne: RunOne): Outcome {
    const { engine, ctx } = this;
    this.#prepare(one);
    const before = engine.view.number(ctx, "retired");
    const reason = runOne(engine, ctx);
    const { view } = engine;
    // A jump completes before the fault that fetching at its target raises.
    const retired = view.number(ctx, "retired") - before;
    const completed = reason === ExitReason.BUDGET || reason === ExitReason.TRAP_STEP ||
      (retired === 1 && reason === ExitReason.FAULT);
    const trap = reason === ExitReason.INT3 ? 3 : reason === ExitReason.INTO ? 4 : -1;
    if (!completed && trap < 0 && reason !== ExitReason.FAULT) {
      throw new Error(`left with ${exitName(reason)} (info ${view.get(ctx, "exitInfo")})`);
    }
    const vector = completed ? -1 : trap >= 0 ? trap : view.get(ctx, "faultVector");
    const gpr = new BigUint64Array(16);
    for (let i = 0; i < 16; i++) gpr[i] = view.reg(ctx, i);
    return {
      gpr,
      xmm: this.#memory.slice(ctx + CTX.xmm, ctx + CTX.xmm + 256),
      rip: view.big(ctx, trap >= 0 ? "nextRip" : "rip"),
      rflags: view.flags(ctx),
      mxcsr: view.get(ctx, "mxcsr"),
      vector,
      error: vector < 0 || trap >= 0 || !view.get(ctx, "faultHasError") ? 0 : view.get(ctx, "faultErrorCode"),
      cr2: vector === 14 ? view.big(ctx, "faultAddress") : 0n,
      memory: this.#changes(),
      x87: {
        registers: this.#memory.slice(ctx + CTX.x87, ctx + CTX.x87 + 128),
        fcw: view.get(ctx, "fcw"),
        fsw: view.get(ctx, "fsw"),
        ftw: view.get(ctx, "ftw"),
        fop: view.get(ctx, "fop"),
        fip: view.big(ctx, "fip"),
        fdp: view.big(ctx, "fdp"),
      },
    };
  }

  #prepare(one: Case): void {
    const { engine, ctx } = this;
    const { view } = engine;
    if (one.seed !== this.#seed) {
      fill(one.seed, this.#initial);
      this.#memory.set(this.#initial, DATA_FRAME * 4096);
      this.#seed = one.seed;
    }
    // Bytes behind the instruction are INT3, as in the recorder.
    const bytes = new Uint8Array(24).fill(0xcc);
    bytes.set(one.code);
    engine.writeFrame(CODE_FRAME + (one.codeOffset >> 12), one.codeOffset & 0xfff, bytes);
    for (let i = 0; i < 16; i++) view.setReg(ctx, i, one.gpr[i]);
    this.#memory.set(one.xmm, ctx + CTX.xmm);
    const { registers, fcw, fsw, ftw } = one.x87 ?? INITIAL_X87;
    this.#memory.set(registers, ctx + CTX.x87);
    view.set(ctx, "fcw", fcw);
    view.set(ctx, "fsw", fsw);
    view.set(ctx, "ftw", ftw);
    view.set(ctx, "fop", 0);
    for (const field of ["fip", "fdp"] as const) view.set64(ctx, field, 0, 0);
    view.setFlags(ctx, one.rflags | (one.traced ? Flag.TF : 0));
    view.set(ctx, "mxcsr", one.mxcsr);
    view.setBig(ctx, "rip", BigInt(startRip(one)));
    const long = one.bits === 64;
    view.data.setBigUint64(ctx + CTX.gs + SEGMENT_BASE, long ? BigInt(one.gsBase) : 0n, true);
    if (view.get(ctx, "mode") === one.bits) return;
    view.set(ctx, "mode", one.bits);
    const segment = (at: number, attributes: number, limit: number, base: number) => {
      view.data.setInt32(ctx + at + SEGMENT_ATTRIBUTES, attributes, true);
      view.data.setInt32(ctx + at + SEGMENT_LIMIT, limit, true);
      view.data.setBigUint64(ctx + at + SEGMENT_BASE, BigInt(base), true);
    };
    // Present, DPL 3; code: L for 64-bit code, D for 32-bit code; stack: B.
    if (one.bits === 16) {
      segment(CTX.cs, 0x00fb, 0xffff, CODE);
      segment(CTX.ss, 0x00f3, 0xffff, 0);
    } else {
      segment(CTX.cs, long ? 0xa0fb : 0xc0fb, -1, 0);
      segment(CTX.ss, 0xc0f3, -1, 0);
    }
    engine.segmentsChanged(ctx);
  }

  #changes(): [number, number][] {
    const changes: [number, number][] = [];
    const base = DATA_FRAME * 4096;
    for (let i = 0; i < DATA_BYTES; i++) {
      const value = this.#memory[base + i];
      if (value === this.#initial[i]) continue;
      changes.push([i, value]);
      this.#memory[base + i] = this.#initial[i];
    }
    return changes;
  }

  /** Values of a form's operands before it runs, as the rules for undefined flags want them. */
  operandValues(form: Form, one: FormCase): bigint[] {
    fill(one.seed, this.#initial);
    this.#seed = one.seed;
    this.#memory.set(this.#initial, DATA_FRAME * 4096);
    return form.operands.map((operand, i) => {
      const bits = BigInt(operand.size * 8);
      if (operand.kind === "imm") {
        if (operand.from === "fixed") return BigInt(operand.number);
        return BigInt.asUintN(Number(bits), one.immediates[i] ?? 0n);
      }
      if (operand.kind === "reg") {
        const r = one.registers[i];
        return BigInt.asUintN(Number(bits), r >= Reg.ah ? one.gpr[r - 16] >> 8n : one.gpr[r]);
      }
      if (operand.kind === "mem") return this.#memoryOperand(operand.size, one.address);
      return 0n;
    });
  }

  #memoryOperand(size: number, address: number | undefined): bigint {
    if (address === undefined) return 0n;
    const at = address - (address < DATA ? LOW : DATA);
    let value = 0n;
    for (let i = 0; i < Math.min(size, 16); i++) value |= BigInt(this.#initial[at + i] ?? 0) << BigInt(8 * i);
    return value;
  }
}

/** Flags that a case can show: status and direction. TF, IF and RF are the recorder's own doing. */
export const SHOWN_FLAGS = Flag.CF | Flag.PF | Flag.AF | Flag.ZF | Flag.SF | Flag.OF | Flag.DF;
