/**
 * Loading segment registers at CPL 3 out of a PV vCPU's descriptor tables for the hypervisor's own entries and exits, with the processor's checks
 * (AMD64 APM volume 2, 4.7 and 4.8). Instructions that load segments are the engine's, see engine_hooks.ts.
 */
import {
  Attribute,
  CTX,
  SEGMENT_ATTRIBUTES,
  SEGMENT_BASE,
  SEGMENT_LIMIT,
  SEGMENT_SELECTOR,
} from "../../cpu/context.ts";
import { Vector } from "../../cpu/exit.ts";
import type { HypercallContext } from "../context.ts";
import { type Descriptor, readDescriptor } from "./descriptors.ts";

export type DataSegment = "es" | "ss" | "ds" | "fs" | "gs";
export type SegmentName = DataSegment | "cs";

/** An exception that a load raises; nothing has changed then. `lo` and `hi`: where a page fault was. */
export interface SegmentFault {
  readonly vector: number;
  readonly errorCode: number;
  readonly lo?: number;
  readonly hi?: number;
}

const PRESENT = 0x8000,
  SEGMENT = 0x1000,
  CODE = 0x800,
  CONFORMING = 0x400,
  WRITABLE = 0x200,
  ACCESSED = 0x100;
const GRANULARITY = 0x800000, LONG = 0x200000, BIG = 0x400000;

const fault = (vector: number, selector: number): SegmentFault => ({ vector, errorCode: selector & 0xfffc });

/** The descriptor a selector names, with its accessed bit set; or the fault of looking for it. */
function find(cx: HypercallContext, selector: number): Descriptor | SegmentFault {
  const found = readDescriptor(cx, selector);
  if (found.kind === "descriptor") return found;
  if (found.kind === "limit") return fault(Vector.GP, selector);
  return { vector: Vector.PF, errorCode: 0, lo: found.lo, hi: found.hi };
}

const isFault = (found: Descriptor | SegmentFault): found is SegmentFault => "vector" in found;

const dplOf = (b: number) => (b >> 13) & 3;

/** Puts a descriptor into a segment register of the context. */
function put(cx: HypercallContext, name: SegmentName, selector: number, a: number, b: number): void {
  const at = cx.vcpu.ctx + CTX[name];
  const words = cx.view.i32;
  const limit = (a & 0xffff) | (b & 0xf0000);
  words[(at + SEGMENT_SELECTOR) >>> 2] = selector;
  words[(at + SEGMENT_ATTRIBUTES) >>> 2] = (b >>> 8) & 0xf0ff | ACCESSED >> 8;
  words[(at + SEGMENT_LIMIT) >>> 2] = b & GRANULARITY ? (limit << 12) | 0xfff : limit;
  words[(at + SEGMENT_BASE) >>> 2] = (a >>> 16) | ((b & 0xff) << 16) | (b & 0xff000000);
  words[(at + SEGMENT_BASE + 4) >>> 2] = 0;
}

/** A null selector: any use outside 64-bit mode faults. */
function putNull(cx: HypercallContext, name: DataSegment, selector: number): void {
  const at = cx.vcpu.ctx + CTX[name];
  const words = cx.view.i32;
  words[(at + SEGMENT_SELECTOR) >>> 2] = selector;
  words[(at + SEGMENT_ATTRIBUTES) >>> 2] = Attribute.UNUSABLE;
  words[(at + SEGMENT_LIMIT) >>> 2] = 0;
  words[(at + SEGMENT_BASE) >>> 2] = 0;
  words[(at + SEGMENT_BASE + 4) >>> 2] = 0;
}

/** MOV to a data segment register at CPL 3. */
export function loadDataSegment(
  cx: HypercallContext,
  name: DataSegment,
  selector: number,
): SegmentFault | undefined {
  if ((selector & 0xfffc) === 0) {
    if (name === "ss") return fault(Vector.GP, 0);
    putNull(cx, name, selector);
    return undefined;
  }
  const found = find(cx, selector);
  if (isFault(found)) return found;
  const { a, b } = found;
  if (name === "ss") return loadStack(cx, selector, 3, found);
  const isReadable = (b & CODE) === 0 || (b & WRITABLE) !== 0;
  const isConforming = (b & (CODE | CONFORMING)) === (CODE | CONFORMING);
  if (!(b & SEGMENT) || !isReadable || (!isConforming && dplOf(b) < 3)) return fault(Vector.GP, selector);
  if (!(b & PRESENT)) return fault(Vector.NP, selector);
  put(cx, name, selector, a, b);
  return undefined;
}

function loadStack(
  cx: HypercallContext,
  selector: number,
  rpl: number,
  found: Descriptor,
): SegmentFault | undefined {
  const { a, b } = found;
  const isWritableData = (b & (SEGMENT | CODE | WRITABLE)) === (SEGMENT | WRITABLE);
  if ((selector & 3) !== rpl || dplOf(b) !== rpl || !isWritableData) return fault(Vector.GP, selector);
  if (!(b & PRESENT)) return fault(Vector.SS, selector);
  put(cx, "ss", selector, a, b);
  return undefined;
}

/** Checks and finds a code segment for a far transfer or IRET to CPL 3. */
function findCode(cx: HypercallContext, selector: number): Descriptor | SegmentFault {
  if ((selector & 0xfffc) === 0) return fault(Vector.GP, 0);
  const found = find(cx, selector);
  if (isFault(found)) return found;
  const { b } = found;
  if ((b & (SEGMENT | CODE)) !== (SEGMENT | CODE) || (selector & 3) !== 3) return fault(Vector.GP, selector);
  if (!(b & CONFORMING) && dplOf(b) !== 3) return fault(Vector.GP, selector);
  // L and D both set are reserved.
  if (b & LONG && b & BIG) return fault(Vector.GP, selector);
  return b & PRESENT ? found : fault(Vector.NP, selector);
}

function putCode(cx: HypercallContext, selector: number, { a, b }: Descriptor): void {
  put(cx, "cs", selector, a, b);
  cx.view.set(cx.vcpu.ctx, "mode", b & LONG ? 64 : b & BIG ? 32 : 16);
  cx.view.set(cx.vcpu.ctx, "cpl", 3);
}

/** CS and SS together, as IRET loads them: neither changes when one is bad. */
export function loadReturnSegments(
  cx: HypercallContext,
  cs: number,
  ss: number,
): SegmentFault | undefined {
  const code = findCode(cx, cs);
  if (isFault(code)) return code;
  if ((ss & 0xfffc) === 0) return fault(Vector.GP, 0);
  const stack = find(cx, ss);
  if (isFault(stack)) return stack;
  const bad = loadStack(cx, ss, 3, stack);
  if (bad !== undefined) return bad;
  putCode(cx, cs, code);
  cx.engine.segmentsChanged(cx.vcpu.ctx);
  return undefined;
}

/** CS and SS at the start of a vCPU; selectors that are not good leave Xen's own. */
export function loadFlatSegments(cx: HypercallContext, cs: number, ss: number): void {
  if (loadReturnSegments(cx, cs, ss) !== undefined) {
    const bad = loadReturnSegments(cx, FLAT_CS, FLAT_SS);
    if (bad !== undefined) throw new Error("Xen's own segments do not load");
  }
}

const FLAT_CS = 0xe033, FLAT_SS = 0xe02b;

/** The kernel's segments on entry: FLAT_KERNEL_CS and FLAT_KERNEL_SS. Fast when they are loaded already. */
export function enterKernelSegments(cx: HypercallContext): void {
  const words = cx.view.i32, { ctx } = cx.vcpu;
  if (
    (words[(ctx + CTX.cs + SEGMENT_SELECTOR) >>> 2] | 3) === FLAT_CS &&
    (words[(ctx + CTX.ss + SEGMENT_SELECTOR) >>> 2] | 3) === FLAT_SS
  ) return;
  loadFlatSegments(cx, FLAT_CS, FLAT_SS);
}

export function selectorOf(cx: HypercallContext, name: SegmentName): number {
  return cx.view.i32[(cx.vcpu.ctx + CTX[name] + SEGMENT_SELECTOR) >>> 2] & 0xffff;
}
