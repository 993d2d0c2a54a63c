/** Memory areas that a guest registers by linear address and Xen keeps up to date: run state and time. */
import { StructView } from "../abi/cstruct.ts";
import { VMASST_TYPE } from "../abi/hypercall_numbers.ts";
import { vcpu_runstate_info } from "../abi/vcpu.ts";
import { vcpu_time_info, XEN_PVCLOCK_TSC_STABLE_BIT } from "../abi/xen.ts";
import type { HypercallContext } from "../context.ts";
import { GuestMode } from "../layout.ts";
import { copyTo, widthOf } from "../hypercalls/guest.ts";
import type { Vcpu } from "../vcpu.ts";
import { loadTables } from "./mode.ts";

export interface Runstate {
  readonly state: number;
  readonly since: number;
  /** Nanoseconds in each of running, runnable, blocked, offline. */
  readonly times: number[];
}

/** vcpu_runstate_get: the accounting with the current state's time up to now. */
export function runstateNow(vcpu: Vcpu): Runstate {
  const s = vcpu.state;
  const times = [0, 1, 2, 3].map((i) => s.runstateTimes(i));
  times[s.runstate] += Math.max(0, vcpu.domain.machine.now() - s.runstateSince);
  return { state: s.runstate, since: s.runstateSince, times };
}

/** Runs `action` with the kernel's address space, whichever mode the vCPU is in (toggle_guest_pt). */
export function inKernelSpace<T>(cx: HypercallContext, action: () => T): T {
  const { state } = cx.vcpu;
  if (state.guestMode === GuestMode.KERNEL) return action();
  loadTables(cx, state.kernelCr3);
  try {
    return action();
  } finally {
    loadTables(cx, state.userCr3);
  }
}

/** update_runstate_area. `vcpu` may be another one of the caller's domain: the address is the caller's then. */
export function writeRunstateArea(cx: HypercallContext, vcpu: Vcpu): void {
  const { runstateAreaLo: lo, runstateAreaHi: hi } = vcpu.state;
  if ((lo | hi) === 0) return;
  const width = widthOf(cx);
  const info = StructView.create(vcpu_runstate_info, width);
  const { state, since, times } = runstateNow(vcpu);
  info.set("state", state);
  const put = (offset: number, value: bigint) => info.view.setBigUint64(offset, value, true);
  const entry = vcpu_runstate_info.offset("state_entry_time", width);
  const first = vcpu_runstate_info.offset("time", width);
  times.forEach((time, i) => put(first + i * 8, BigInt(Math.floor(time))));
  put(entry, BigInt(Math.floor(since)));
  const hasFlag = (cx.domain.header.vmAssistLo & (1 << VMASST_TYPE.runstate_update_flag)) !== 0;
  inKernelSpace(cx, () => {
    if (hasFlag) {
      // XEN_RUNSTATE_UPDATE, bit 63 of state_entry_time, is set while the area changes.
      put(entry, BigInt(Math.floor(since)) | 1n << 63n);
      if (!copyTo(cx, lo, hi, info.bytes)) return;
      put(entry, BigInt(Math.floor(since)));
    }
    copyTo(cx, lo, hi, info.bytes);
  });
}

/** update_secondary_system_time: the caller's own time area. */
export function writeTimeArea(cx: HypercallContext): void {
  const { state } = cx.vcpu;
  const lo = state.timeAreaLo, hi = state.timeAreaHi;
  if ((lo | hi) === 0) return;
  const time = StructView.create(vcpu_time_info);
  const now = cx.machine.now();
  state.timeVersion = (state.timeVersion + 2) & ~1;
  time.set("tsc_timestamp", now);
  time.set("system_time", now);
  time.set("tsc_to_system_mul", 0x80000000);
  time.set("tsc_shift", 1);
  time.set("flags", XEN_PVCLOCK_TSC_STABLE_BIT);
  inKernelSpace(cx, () => {
    // An odd version tells readers that the rest is changing.
    time.set("version", state.timeVersion - 1);
    if (!copyTo(cx, lo, hi, time.bytes.subarray(0, 4))) return;
    if (!copyTo(cx, lo, hi, time.bytes)) return;
    time.set("version", state.timeVersion);
    copyTo(cx, lo, hi, time.bytes.subarray(0, 4));
  });
}
