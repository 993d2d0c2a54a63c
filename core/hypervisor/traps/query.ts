/** LAR, LSL, VERR, VERW at CPL 3 (AMD64 APM volume 3): ZF tells whether the descriptor may be seen. */
import { CTX, Flag } from "../../cpu/context.ts";
import { ExitReason } from "../../cpu/exit.ts";
import type { HypercallContext } from "../context.ts";
import { readDescriptor } from "./descriptors.ts";

/** System descriptor types that LAR and LSL accept in long mode. */
const LAR_TYPES = new Set([2, 9, 11, 12]);
const LSL_TYPES = new Set([2, 9, 11]);

export function queryDescriptor(cx: HypercallContext, reason: number, info: number, selector: number): void {
  const { view, vcpu, engine } = cx;
  const { ctx } = vcpu;
  const value = lookUp(cx, reason, selector);
  const flags = view.flags(ctx);
  view.setFlags(ctx, value === undefined ? flags & ~Flag.ZF : flags | Flag.ZF);
  if (value !== undefined && (reason === ExitReason.LAR || reason === ExitReason.LSL)) {
    const register = info & 0xff, size = info >>> 8;
    if (size === 2) view.data.setUint16(ctx + CTX.gpr + register * 8, value & 0xffff, true);
    else view.setReg(ctx, register, BigInt(value >>> 0));
  }
  engine.complete(ctx);
}

/** What the register gets, or undefined when the descriptor is not to be seen. */
function lookUp(cx: HypercallContext, reason: number, selector: number): number | undefined {
  if ((selector & 0xfffc) === 0) return undefined;
  const found = readDescriptor(cx, selector);
  if (found.kind !== "descriptor") return undefined;
  const { a, b } = found;
  const type = (b >> 8) & 15;
  const isSegment = (b & 0x1000) !== 0, isCode = (type & 8) !== 0, isConforming = (type & 12) === 12;
  if (isSegment ? !(isCode && isConforming) && ((b >> 13) & 3) < 3 : ((b >> 13) & 3) < 3) return undefined;
  switch (reason) {
    case ExitReason.LAR:
      return isSegment || LAR_TYPES.has(type) ? b & 0x00ffff00 : undefined;
    case ExitReason.LSL: {
      if (!isSegment && !LSL_TYPES.has(type)) return undefined;
      const limit = (a & 0xffff) | (b & 0xf0000);
      return b & 0x800000 ? ((limit << 12) | 0xfff) >>> 0 : limit;
    }
    case ExitReason.VERR:
      return isSegment && (!isCode || (type & 2) !== 0) ? 0 : undefined;
    default:
      return isSegment && !isCode && (type & 2) !== 0 ? 0 : undefined;
  }
}
