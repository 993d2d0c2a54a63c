/** I/O ports of an unprivileged PV domain: virtual IOPL and bitmap say who may touch them, and nothing is behind them. */
import { Flag } from "../../cpu/context.ts";
import { VMASST_TYPE } from "../abi/hypercall_numbers.ts";
import type { HypercallContext } from "../context.ts";
import { copyFrom } from "../hypercalls/guest.ts";
import { inKernelSpace } from "./guest_areas.ts";
import { isKernelMode } from "./mode.ts";

/** iopl_ok: the kernel counts as ring 1, or as ring 0 with VMASST_TYPE_architectural_iopl. */
export function isIoplGood(cx: HypercallContext): boolean {
  const isArchitectural = (cx.domain.header.vmAssistLo & (1 << VMASST_TYPE.architectural_iopl)) !== 0;
  const ring = isKernelMode(cx) ? isArchitectural ? 0 : 1 : 3;
  return ring << 12 <= (cx.vcpu.state.iopl & Flag.IOPL);
}

export type PortPermission = "yes" | "no" | { readonly fault: { readonly lo: number; readonly hi: number } };

/** guest_io_okay. */
export function mayUsePort(cx: HypercallContext, port: number, size: number): PortPermission {
  if (isIoplGood(cx)) return "yes";
  const { state } = cx.vcpu;
  if (port + size > state.ioBitmapPorts) return "no";
  const low = (state.ioBitmapLo >>> 0) + (port >>> 3);
  const lo = low | 0, hi = state.ioBitmapHi + (low >= 4294967296 ? 1 : 0);
  const bits = new Uint8Array(2);
  if (!inKernelSpace(cx, () => copyFrom(cx, lo, hi, bits))) return { fault: { lo, hi } };
  const mask = ((1 << size) - 1) << (port & 7);
  return ((bits[0] | (bits[1] << 8)) & mask) === 0 ? "yes" : "no";
}

/**
 * guest_io_read: absent devices give all ones. The PIT's and the speaker's ports are emulated by Xen for PV guests; only their reads as
 * zero matter here.
 */
export function readPort(port: number, size: number): number {
  let value = 0;
  for (let i = 0; i < size; i++) value |= (isPit(port + i) ? 0 : 0xff) << (8 * i);
  return value >>> 0;
}

const isPit = (port: number) => port === 0x42 || port === 0x43 || port === 0x61;
