/**
 * IRET in 64-bit code to 64-bit code of the same ring with its stack: what a kernel does to serialize, and at the end of its own interrupts.
 * It is by far the most frequent far transfer, so it is done without BigInts; whatever is not plain is left to Segmentation.
 */
import {
  Attribute,
  CTX,
  Flag,
  SEGMENT_ATTRIBUTES,
  SEGMENT_BASE,
  SEGMENT_LIMIT,
  SEGMENT_SELECTOR,
} from "./context.ts";
import type { Engine } from "./engine.ts";
import { READ } from "./paging.ts";
import type { Descriptor, DescriptorHooks } from "./segmentation.ts";

const FRAME_BYTES = 40;
const RSP = 4;
const PRESENT_SEGMENT = Attribute.PRESENT | Attribute.CODE_DATA;
/** Type bits: of data writable, of code readable; accessed; of code conforming, of data expand-down. */
const ACCESSED = 1, WRITABLE = 2, CONFORMING = 4, CODE = 8;
const POPPED = Flag.CF | Flag.PF | Flag.AF | Flag.ZF | Flag.SF | Flag.TF | Flag.DF | Flag.OF | Flag.NT |
  Flag.RF |
  Flag.AC | Flag.ID;

const attributesOf = (high: number) => (high >>> 8) & 0xf0ff;
/** Whether an address with this high half is canonical (48 bits, sign-extended). */
const isCanonical = (high: number) => (high << 16) >> 16 === high;
const DATA_SEGMENTS = [CTX.es, CTX.ds, CTX.fs, CTX.gs];

/** Whether a return to `cpl` leaves ES, DS, FS and GS as they are. */
function dataStays(i32: Int32Array, ctx: number, cpl: number): boolean {
  for (let i = 0; i < DATA_SEGMENTS.length; i++) {
    const attributes = i32[(ctx + DATA_SEGMENTS[i] + SEGMENT_ATTRIBUTES) >>> 2];
    if (attributes & Attribute.UNUSABLE || (attributes & (CODE | CONFORMING)) === (CODE | CONFORMING)) {
      continue;
    }
    if (((attributes >> Attribute.DPL_SHIFT) & 3) < cpl) return false;
  }
  return true;
}

function put(i32: Int32Array, at: number, selector: number, { low, high }: Descriptor, base: number): void {
  const limit = (low & 0xffff) | (high & 0xf0000);
  const attributes = attributesOf(high);
  i32[(at + SEGMENT_SELECTOR) >>> 2] = selector;
  i32[(at + SEGMENT_ATTRIBUTES) >>> 2] = attributes;
  i32[(at + SEGMENT_LIMIT) >>> 2] = attributes & Attribute.GRANULARITY ? (limit << 12) | 0xfff : limit;
  i32[(at + SEGMENT_BASE) >>> 2] = base;
  i32[(at + SEGMENT_BASE + 4) >>> 2] = 0;
}

/** @returns false: nothing has been done */
export function returnInRing(engine: Engine, hooks: DescriptorHooks, ctx: number): boolean {
  const { view } = engine;
  const { i32 } = view;
  const before = view.flags(ctx);
  if (before & Flag.NT) return false;
  const rsp = (ctx + CTX.gpr + RSP * 8) >>> 2;
  // Aligned and in one page.
  if ((i32[rsp] & 7) !== 0 || (i32[rsp] & 0xfff) > 4096 - FRAME_BYTES) return false;
  const address = engine.translate(ctx, i32[rsp], i32[rsp + 1], READ);
  if (address < 0) return false;
  const frame = address >>> 2;
  const ripLow = i32[frame], ripHigh = i32[frame + 1];
  const cs = i32[frame + 2] & 0xffff, image = i32[frame + 4], ss = i32[frame + 8] & 0xffff;
  const cpl = view.get(ctx, "cpl");
  if ((cs & 3) !== cpl || (cs & 0xfffc) === 0 || (ss & 3) !== cpl || (ss & 0xfffc) === 0) return false;
  const code = hooks.descriptor(ctx, cs), stack = hooks.descriptor(ctx, ss);
  if (code === undefined || stack === undefined) return false;
  const codeBits = attributesOf(code.high), stackBits = attributesOf(stack.high);
  const ring = cpl << Attribute.DPL_SHIFT | PRESENT_SEGMENT | ACCESSED;
  const privilege = 3 << Attribute.DPL_SHIFT | PRESENT_SEGMENT | ACCESSED;
  const long = CODE | CONFORMING | Attribute.LONG | Attribute.BIG;
  if ((codeBits & (privilege | long)) !== (ring | CODE | Attribute.LONG)) return false;
  if ((stackBits & (privilege | CODE | WRITABLE)) !== (ring | WRITABLE)) return false;
  if (!isCanonical(ripHigh) || !dataStays(i32, ctx, cpl)) return false;
  const { low, high } = stack;
  put(i32, ctx + CTX.cs, cs, code, 0);
  put(i32, ctx + CTX.ss, ss, stack, (low >>> 16) | ((high & 0xff) << 16) | (high & 0xff000000));
  i32[rsp] = i32[frame + 6];
  i32[rsp + 1] = i32[frame + 7];
  view.set64(ctx, "rip", ripLow, ripHigh);
  let mask = POPPED;
  if (cpl <= ((before >> 12) & 3)) mask |= Flag.IF;
  if (cpl === 0) mask |= Flag.IOPL | Flag.VIF | Flag.VIP;
  view.setFlags(ctx, (before & ~mask) | (image & mask));
  return true;
}
