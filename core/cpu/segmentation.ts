/**
 * Segment loads and far transfers in protected mode (AMD64 APM volume 2 chapter 4 and volume 3; Intel SDM volume 3 chapter 5): the
 * part that needs no hypervisor. Descriptors come from `hooks.descriptor`. Gates, tasks and returns to an inner ring are not done here.
 */
import { Attribute, type ContextView, CTX, Flag, SEGMENT_ATTRIBUTES, SEGMENT_BASE } from "./context.ts";
import type { Engine } from "./engine.ts";
import { ExitReason, Vector } from "./exit.ts";
import { returnInRing } from "./same_ring_return.ts";
import { type SegmentField, setSegment } from "./reset.ts";

/** A descriptor's two words. */
export interface Descriptor {
  readonly low: number;
  readonly high: number;
}

export interface DescriptorHooks {
  /** The descriptor of a selector (not null) in the GDT or LDT; undefined: past the table's limit, or not readable. */
  descriptor(ctx: number, selector: number): Descriptor | undefined;
  /** Sets the accessed bit of a descriptor that was loaded without it. */
  setAccessed?(ctx: number, selector: number): void;
}

/** DONE: emulated, rip moved on. FAULTED: fault fields set. LEAVE: the hypervisor's business. */
export const Outcome = { DONE: 0, FAULTED: 1, LEAVE: 2 } as const;
export type Outcome = typeof Outcome[keyof typeof Outcome];

const SEGMENTS = ["es", "cs", "ss", "ds", "fs", "gs"] as const;

class Fault extends Error {
  constructor(readonly vector: number, readonly code: number) {
    super();
  }
}
/** A page fault whose fields the engine has set. */
class PageFault extends Error {}
class Leave extends Error {}

interface Loaded {
  selector: number;
  attributes: number;
  limit: number;
  base: bigint;
}

/** exitInfo of an IRET of 64-bit operand and stack size. */
const LONG_RETURN = 8 | 8 << 8;

const dpl = (attributes: number) => (attributes >> 5) & 3;

export class Segmentation {
  readonly #view: ContextView;
  constructor(readonly engine: Engine, readonly hooks: DescriptorHooks) {
    this.#view = engine.view;
  }

  static handles(reason: number): boolean {
    return HANDLED.has(reason);
  }

  /** Emulates the instruction for which `run` left. */
  handle(ctx: number, reason: number): Outcome {
    const view = this.#view;
    const isLongReturn = reason === ExitReason.IRET && view.get(ctx, "mode") === 64 &&
      (view.get(ctx, "exitInfo") & 0xffff) === LONG_RETURN;
    if (isLongReturn && returnInRing(this.engine, this.hooks, ctx)) return Outcome.DONE;
    try {
      this.#dispatch(ctx, reason);
      return Outcome.DONE;
    } catch (error) {
      if (error instanceof Leave) return Outcome.LEAVE;
      if (error instanceof Fault) {
        view.set(ctx, "faultVector", error.vector);
        view.set(ctx, "faultErrorCode", error.code);
        view.set(ctx, "faultHasError", 1);
        return Outcome.FAULTED;
      }
      if (error instanceof PageFault) return Outcome.FAULTED;
      throw error;
    }
  }

  #dispatch(ctx: number, reason: number): void {
    const view = this.#view;
    const info = view.get(ctx, "exitInfo");
    const selector = view.get(ctx, "exitValue") & 0xffff;
    const offset = view.big(ctx, "exitSecond");
    switch (reason) {
      case ExitReason.SEGLOAD:
        this.#loadData(ctx, SEGMENTS[info & 7], selector);
        if ((info >> 8) & 0xff) this.#addToStack(ctx, (info >> 8) & 0xff, (info >> 16) & 0xff);
        return this.#next(ctx);
      case ExitReason.FARLOAD: {
        this.#loadData(ctx, SEGMENTS[info & 7], selector);
        const [register, size] = [(info >> 8) & 0xff, (info >> 16) & 0xff];
        const old = view.reg(ctx, register);
        view.setReg(ctx, register, size === 2 ? (old & ~0xffffn) | (offset & 0xffffn) : offset);
        return this.#next(ctx);
      }
      case ExitReason.FARJMP:
        return this.#jump(ctx, selector, truncated(offset, info & 0xff));
      case ExitReason.FARCALL:
        return this.#call(ctx, selector, truncated(offset, info & 0xff), info & 0xff, (info >> 8) & 0xff);
      case ExitReason.RETF:
        return this.#return(ctx, info & 0xff, (info >> 8) & 0xff, info >>> 16);
      case ExitReason.IRET:
        return this.#interruptReturn(ctx, info & 0xff, (info >> 8) & 0xff);
      case ExitReason.LAR:
      case ExitReason.LSL:
      case ExitReason.VERR:
      case ExitReason.VERW:
        return this.#query(ctx, reason, selector, info);
    }
    throw new Leave();
  }

  #next(ctx: number): void {
    this.#view.setBig(ctx, "rip", this.#view.big(ctx, "nextRip"));
    this.engine.segmentsChanged(ctx);
  }

  #descriptor(ctx: number, selector: number): Descriptor | undefined {
    return this.hooks.descriptor(ctx, selector);
  }
  #need(ctx: number, selector: number): Loaded {
    const found = this.#descriptor(ctx, selector);
    if (!found) throw new Fault(Vector.GP, selector & 0xfffc);
    return loaded(selector, found);
  }
  #accessed(ctx: number, segment: Loaded): void {
    if (segment.attributes & 1) return;
    segment.attributes |= 1;
    this.hooks.setAccessed?.(ctx, segment.selector);
  }

  /** What a data segment register would hold, or the fault that loading it raises. */
  #data(ctx: number, name: SegmentField, selector: number, cpl: number, long: boolean): Loaded {
    const code = selector & 0xfffc;
    if (code === 0) {
      if (name === "ss" && (!long || cpl === 3 || (selector & 3) !== cpl)) throw new Fault(Vector.GP, 0);
      const usable = name === "ss"
        ? Attribute.PRESENT | Attribute.CODE_DATA | 3 | cpl << 5
        : Attribute.UNUSABLE;
      return { selector, attributes: usable, limit: 0, base: 0n };
    }
    const segment = this.#need(ctx, selector);
    const { attributes } = segment;
    const isCode = (attributes & 8) !== 0;
    const rpl = selector & 3;
    if ((attributes & Attribute.CODE_DATA) === 0) throw new Fault(Vector.GP, code);
    if (name === "ss") {
      if (isCode || (attributes & 2) === 0 || rpl !== cpl || dpl(attributes) !== cpl) {
        throw new Fault(Vector.GP, code);
      }
      if ((attributes & Attribute.PRESENT) === 0) throw new Fault(Vector.SS, code);
    } else {
      if (isCode && (attributes & 2) === 0) throw new Fault(Vector.GP, code);
      const conforming = isCode && (attributes & 4) !== 0;
      if (!conforming && (rpl > dpl(attributes) || cpl > dpl(attributes))) throw new Fault(Vector.GP, code);
      if ((attributes & Attribute.PRESENT) === 0) throw new Fault(Vector.NP, code);
    }
    this.#accessed(ctx, segment);
    return segment;
  }

  #loadData(ctx: number, name: SegmentField, selector: number): void {
    const view = this.#view;
    const long = view.get(ctx, "mode") === 64;
    setSegment(view, ctx, name, this.#data(ctx, name, selector, view.get(ctx, "cpl"), long));
  }

  /** A code segment for a transfer. `cpl`: what CPL will be. `exact`: a return, where RPL says it. */
  #code(ctx: number, selector: number, cpl: number, isReturn: boolean): Loaded {
    const code = selector & 0xfffc;
    if (code === 0) throw new Fault(Vector.GP, 0);
    const segment = this.#need(ctx, selector);
    const { attributes } = segment;
    if ((attributes & Attribute.CODE_DATA) === 0) {
      // Gates and tasks.
      if (isReturn) throw new Fault(Vector.GP, code);
      throw new Leave();
    }
    if ((attributes & 8) === 0) throw new Fault(Vector.GP, code);
    const conforming = (attributes & 4) !== 0;
    const level = dpl(attributes);
    if (conforming ? level > cpl : level !== cpl || (!isReturn && (selector & 3) > cpl)) {
      throw new Fault(Vector.GP, code);
    }
    if ((attributes & Attribute.LONG) && (attributes & Attribute.BIG)) throw new Fault(Vector.GP, code);
    if ((attributes & Attribute.PRESENT) === 0) throw new Fault(Vector.NP, code);
    this.#accessed(ctx, segment);
    segment.selector = code | cpl;
    return segment;
  }

  #checkTarget(segment: Loaded, rip: bigint): void {
    if (segment.attributes & Attribute.LONG) {
      if (BigInt.asIntN(48, rip) !== BigInt.asIntN(64, rip)) throw new Fault(Vector.GP, 0);
    } else if (rip > BigInt(segment.limit >>> 0)) throw new Fault(Vector.GP, 0);
  }

  #enter(ctx: number, segment: Loaded, rip: bigint, cpl: number): void {
    const view = this.#view;
    const long = (segment.attributes & Attribute.LONG) !== 0;
    setSegment(view, ctx, "cs", { ...segment, base: long ? 0n : segment.base });
    view.set(ctx, "mode", long ? 64 : segment.attributes & Attribute.BIG ? 32 : 16);
    view.set(ctx, "cpl", cpl);
    view.setBig(ctx, "rip", rip);
    this.engine.segmentsChanged(ctx);
  }

  #jump(ctx: number, selector: number, rip: bigint): void {
    const cpl = this.#view.get(ctx, "cpl");
    const segment = this.#code(ctx, selector, cpl, false);
    this.#checkTarget(segment, rip);
    this.#enter(ctx, segment, rip, cpl);
  }

  #call(ctx: number, selector: number, rip: bigint, size: number, stackSize: number): void {
    const view = this.#view;
    const cpl = view.get(ctx, "cpl");
    const segment = this.#code(ctx, selector, cpl, false);
    this.#checkTarget(segment, rip);
    const frame = [view.big(ctx, "nextRip"), BigInt(view.data.getUint16(ctx + CTX.cs, true))];
    this.#writeStack(ctx, frame, size, stackSize);
    this.#addToStack(ctx, -2 * size, stackSize);
    this.#enter(ctx, segment, rip, cpl);
  }

  #return(ctx: number, size: number, stackSize: number, release: number): void {
    const view = this.#view;
    const [rip, cs] = this.#readStack(ctx, 0, 2, size, stackSize);
    const selector = Number(cs & 0xffffn);
    const cpl = view.get(ctx, "cpl");
    const rpl = selector & 3;
    if (rpl < cpl) throw new Fault(Vector.GP, selector & 0xfffc);
    const segment = this.#code(ctx, selector, rpl, true);
    this.#checkTarget(segment, rip);
    if (rpl === cpl) {
      this.#addToStack(ctx, 2 * size + release, stackSize);
      return this.#enter(ctx, segment, rip, cpl);
    }
    const [rsp, ss] = this.#readStack(ctx, 2 * size + release, 2, size, stackSize);
    this.#outward(ctx, segment, rip, rpl, rsp, Number(ss & 0xffffn), release);
  }

  /** To an outer ring: its stack, and no data segment that it may not have. */
  #outward(
    ctx: number,
    segment: Loaded,
    rip: bigint,
    cpl: number,
    rsp: bigint,
    ss: number,
    release: number,
  ): void {
    const view = this.#view;
    const long = (segment.attributes & Attribute.LONG) !== 0;
    const stack = this.#data(ctx, "ss", ss, cpl, long);
    setSegment(view, ctx, "ss", stack);
    const wide = long || (stack.attributes & Attribute.BIG) !== 0;
    const old = view.reg(ctx, 4);
    const top = rsp + BigInt(release);
    view.setReg(ctx, 4, wide ? top : (old & ~0xffffn) | (top & 0xffffn));
    this.#enter(ctx, segment, rip, cpl);
    for (const name of ["es", "ds", "fs", "gs"] as const) {
      const attributes = view.data.getInt32(ctx + CTX[name] + SEGMENT_ATTRIBUTES, true);
      const conforming = (attributes & 0xc) === 0xc;
      if ((attributes & Attribute.UNUSABLE) === 0 && !conforming && dpl(attributes) < cpl) {
        setSegment(view, ctx, name, { selector: 0, attributes: Attribute.UNUSABLE, limit: 0 });
      }
    }
    this.engine.segmentsChanged(ctx);
  }

  #interruptReturn(ctx: number, size: number, stackSize: number): void {
    const view = this.#view;
    const cpl = view.get(ctx, "cpl");
    const long = view.get(ctx, "mode") === 64;
    const before = view.flags(ctx);
    // In long mode NT makes IRET fault; outside it, it would be a task return.
    if (before & Flag.NT) {
      if (view.get(ctx, "efer") & 0x400) throw new Fault(Vector.GP, 0);
      throw new Leave();
    }
    const [rip, cs, image] = this.#readStack(ctx, 0, 3, size, stackSize);
    const selector = Number(cs & 0xffffn);
    const rpl = selector & 3;
    if (rpl < cpl) throw new Fault(Vector.GP, selector & 0xfffc);
    const segment = this.#code(ctx, selector, rpl, true);
    this.#checkTarget(segment, rip);
    const iopl = (before >> 12) & 3;
    let mask = Flag.CF | Flag.PF | Flag.AF | Flag.ZF | Flag.SF | Flag.TF | Flag.DF | Flag.OF | Flag.NT;
    if (size > 2) mask |= Flag.RF | Flag.AC | Flag.ID;
    if (cpl <= iopl) mask |= Flag.IF;
    if (cpl === 0) mask |= Flag.IOPL | (size > 2 ? Flag.VIF | Flag.VIP : 0);
    const flags = (before & ~mask) | (Number(image & 0xffffffffn) & mask);
    if (long || rpl > cpl) {
      const [rsp, ss] = this.#readStack(ctx, 3 * size, 2, size, stackSize);
      this.#outward(ctx, segment, rip, rpl, rsp, Number(ss & 0xffffn), 0);
    } else {
      this.#addToStack(ctx, 3 * size, stackSize);
      this.#enter(ctx, segment, rip, cpl);
    }
    view.setFlags(ctx, flags);
  }

  /** LAR, LSL, VERR, VERW. */
  #query(ctx: number, reason: number, selector: number, info: number): void {
    const view = this.#view;
    const found = (selector & 0xfffc) === 0 ? undefined : this.#descriptor(ctx, selector);
    let visible = false;
    let value = 0;
    if (found) {
      const segment = loaded(selector, found);
      const { attributes } = segment;
      const isSegment = (attributes & Attribute.CODE_DATA) !== 0;
      const type = attributes & 15;
      const isCode = isSegment && (type & 8) !== 0;
      const conforming = isCode && (type & 4) !== 0;
      const level = dpl(attributes);
      const reachable = conforming || (level >= view.get(ctx, "cpl") && level >= (selector & 3));
      // In long mode LDT, TSS and, for LAR, call gates are valid.
      const system = reason === ExitReason.LAR ? [2, 9, 11, 12] : [2, 9, 11];
      if (reason === ExitReason.VERR) visible = isSegment && reachable && (!isCode || (type & 2) !== 0);
      else if (reason === ExitReason.VERW) visible = isSegment && reachable && !isCode && (type & 2) !== 0;
      else visible = reachable && (isSegment || system.includes(type));
      value = reason === ExitReason.LAR ? found.high & 0x00ffff00 : segment.limit;
    }
    const flags = view.flags(ctx);
    view.setFlags(ctx, visible ? flags | Flag.ZF : flags & ~Flag.ZF);
    if (visible && (reason === ExitReason.LAR || reason === ExitReason.LSL)) {
      const [register, size] = [info & 0xff, (info >> 8) & 0xff];
      const old = view.reg(ctx, register);
      const wide = BigInt(value >>> 0);
      view.setReg(ctx, register, size === 2 ? (old & ~0xffffn) | (wide & 0xffffn) : wide);
    }
    this.#next(ctx);
  }

  // Stack

  #stackAddress(ctx: number, distance: number, stackSize: number): bigint {
    const view = this.#view;
    const top = truncated(truncated(view.reg(ctx, 4), stackSize) + BigInt(distance), stackSize);
    if (stackSize === 8) return top;
    return BigInt.asUintN(32, top + view.data.getBigUint64(ctx + CTX.ss + SEGMENT_BASE, true));
  }
  #addToStack(ctx: number, distance: number, stackSize: number): void {
    const view = this.#view;
    const old = view.reg(ctx, 4);
    const top = truncated(old + BigInt(distance), stackSize);
    view.setReg(ctx, 4, stackSize === 2 ? (old & ~0xffffn) | top : top);
  }
  #readStack(ctx: number, distance: number, n: number, size: number, stackSize: number): bigint[] {
    const bytes = new Uint8Array(n * size);
    const at = this.#stackAddress(ctx, distance, stackSize);
    const [low, high] = [Number(BigInt.asIntN(32, at)), Number(BigInt.asIntN(32, at >> 32n))];
    if (!this.engine.readVirtual(ctx, low, high, bytes)) throw new PageFault();
    return Array.from({ length: n }, (_, i) => {
      let value = 0n;
      for (let byte = size - 1; byte >= 0; byte--) value = value << 8n | BigInt(bytes[i * size + byte]);
      return value;
    });
  }
  /** Below the top, first value lowest. */
  #writeStack(ctx: number, values: readonly bigint[], size: number, stackSize: number): void {
    const bytes = new Uint8Array(values.length * size);
    values.forEach((value, i) => {
      for (let byte = 0; byte < size; byte++) {
        bytes[i * size + byte] = Number((value >> BigInt(8 * byte)) & 0xffn);
      }
    });
    const at = this.#stackAddress(ctx, -bytes.length, stackSize);
    const [low, high] = [Number(BigInt.asIntN(32, at)), Number(BigInt.asIntN(32, at >> 32n))];
    if (!this.engine.writeVirtual(ctx, low, high, bytes)) throw new PageFault();
  }
}

function truncated(value: bigint, size: number): bigint {
  return BigInt.asUintN(size * 8, value);
}

/** Takes a descriptor apart (AMD64 APM volume 2, figure 4-13). */
export function loaded(selector: number, { low, high }: Descriptor): Loaded {
  const attributes = (high >>> 8) & 0xf0ff;
  const raw = (low & 0xffff) | (high & 0xf0000);
  const limit = attributes & Attribute.GRANULARITY ? ((raw << 12) | 0xfff) >>> 0 : raw;
  const base = ((low >>> 16) | ((high & 0xff) << 16) | (high & 0xff000000)) >>> 0;
  return { selector, attributes, limit, base: BigInt(base) };
}

const HANDLED: ReadonlySet<number> = new Set([
  ExitReason.SEGLOAD,
  ExitReason.FARLOAD,
  ExitReason.FARJMP,
  ExitReason.FARCALL,
  ExitReason.RETF,
  ExitReason.IRET,
  ExitReason.LAR,
  ExitReason.LSL,
  ExitReason.VERR,
  ExitReason.VERW,
]);
