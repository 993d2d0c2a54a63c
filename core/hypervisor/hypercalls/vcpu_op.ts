/** vcpu_op: public/vcpu.h. */
import { EEXIST, EFAULT, EINVAL, ENOENT, ENOSYS, ENXIO, ETIME } from "../abi/errno.ts";
import { StructView, type ViewOf } from "../abi/cstruct.ts";
import {
  vcpu_register_runstate_memory_area,
  vcpu_register_time_memory_area,
  vcpu_register_vcpu_info,
  vcpu_runstate_info,
  vcpu_set_periodic_timer,
  vcpu_set_singleshot_timer,
  VCPU_SSHOTTMR_future,
  VCPUOP,
} from "../abi/vcpu.ts";
import { vcpu_guest_context, vcpu_info } from "../abi/xen.ts";
import type { HypercallContext } from "../context.ts";
import { markEventsPending } from "../events/mod.ts";
import { PauseFlag } from "../layout.ts";
import { PageType } from "../mm/frame_info.ts";
import { pageTypesOf } from "../mm/page_types.ts";
import { isGuestAddress } from "../mm/walk.ts";
import { Shutdown } from "../report.ts";
import { shutdownDomain } from "../shutdown.ts";
import { MILLISECOND, updateVcpuTime } from "../time.ts";
import { runstateNow, writeRunstateArea, writeTimeArea } from "../traps/guest_areas.ts";
import { setGuestContext } from "../traps/guest_context.ts";
import type { Vcpu } from "../vcpu.ts";
import type { Call } from "./call.ts";
import { type GuestPointer, readStruct, StructReader, widthOf, writeStruct } from "./guest.ts";

/** Longest period (Xen's STIME_DELTA_MAX). */
const MAX_PERIOD = 2 ** 62;

const singleshot = new StructReader(vcpu_set_singleshot_timer);

/** vcpu_op(cmd, vcpuid, arg). */
export function vcpuOp(call: Call): number {
  const { cx } = call;
  const { machine, domain } = cx;
  const vcpu = domain.vcpus[call.u32(1)];
  if (vcpu === undefined) return -ENOENT;
  const at: GuestPointer = { lo: call.lo(2), hi: call.hi(2) };
  switch (call.lo(0)) {
    case VCPUOP.initialise:
      return initialise(cx, vcpu, at);
    case VCPUOP.up:
      if (vcpu.state.initialised === 0) return -EINVAL;
      machine.scheduler.clearFlags(vcpu, PauseFlag.DOWN);
      return 0;
    case VCPUOP.down:
      if (!domain.vcpus.some((other) => other !== vcpu && other.isUp)) {
        shutdownDomain(domain, Shutdown.poweroff, vcpu);
      } else machine.scheduler.setFlags(vcpu, PauseFlag.DOWN);
      return 0;
    case VCPUOP.is_up:
      return vcpu.isUp ? 1 : 0;
    case VCPUOP.get_runstate_info: {
      const info = StructView.create(vcpu_runstate_info, widthOf(cx));
      fillRunstate(info, vcpu);
      return writeStruct(cx, info, at.lo, at.hi) ? 0 : -EFAULT;
    }
    case VCPUOP.register_runstate_memory_area: {
      const a = readStruct(cx, vcpu_register_runstate_memory_area, at.lo, at.hi);
      if (a === undefined || !isGuestAddress(a.hi("addr"))) return -EFAULT;
      vcpu.state.runstateAreaLo = a.lo("addr");
      vcpu.state.runstateAreaHi = a.hi("addr");
      // A first copy now; an area that cannot be written is no error.
      writeRunstateArea(cx, vcpu);
      return 0;
    }
    case VCPUOP.register_vcpu_time_memory_area: {
      const a = readStruct(cx, vcpu_register_time_memory_area, at.lo, at.hi);
      if (a === undefined || !isGuestAddress(a.hi("addr"))) return -EFAULT;
      vcpu.state.timeAreaLo = a.lo("addr");
      vcpu.state.timeAreaHi = a.hi("addr");
      if (vcpu === cx.vcpu) writeTimeArea(cx);
      return 0;
    }
    case VCPUOP.set_periodic_timer: {
      const a = readStruct(cx, vcpu_set_periodic_timer, at.lo, at.hi);
      if (a === undefined) return -EFAULT;
      const period = a.get("period_ns");
      if (period < MILLISECOND || period > MAX_PERIOD) return -EINVAL;
      machine.scheduler.timers.setPeriodic(vcpu, period);
      return 0;
    }
    case VCPUOP.stop_periodic_timer:
      machine.scheduler.timers.setPeriodic(vcpu, 0);
      return 0;
    case VCPUOP.set_singleshot_timer: {
      if (vcpu !== cx.vcpu) return -EINVAL;
      const a = singleshot.read(cx, at.lo, at.hi);
      if (a === undefined) return -EFAULT;
      const timeout = a.get("timeout_abs_ns");
      if (a.get("flags") & VCPU_SSHOTTMR_future && timeout < machine.now()) return -ETIME;
      machine.scheduler.timers.setSingleshot(vcpu, timeout);
      return 0;
    }
    case VCPUOP.stop_singleshot_timer:
      if (vcpu !== cx.vcpu) return -EINVAL;
      machine.scheduler.timers.setSingleshot(vcpu, Infinity);
      return 0;
    case VCPUOP.register_vcpu_info: {
      const a = readStruct(cx, vcpu_register_vcpu_info, at.lo, at.hi);
      if (a === undefined) return -EFAULT;
      return domain.lock.with(() => registerVcpuInfo(cx, vcpu, a.get("mfn"), a.get("offset")));
    }
    case VCPUOP.send_nmi:
      if (at.lo | at.hi) return -EINVAL;
      if (vcpu.state.nmiPending === 0) {
        vcpu.state.nmiPending = 1;
        machine.wakeVcpu(vcpu);
      }
      return 0;
    case VCPUOP.get_physid:
      // Only for vCPUs that are pinned, which those of unprivileged domains are not.
      return -EINVAL;
    default:
      return -ENOSYS;
  }
}

function initialise(cx: HypercallContext, vcpu: Vcpu, at: GuestPointer): number {
  const context = readStruct(cx, vcpu_guest_context, at.lo, at.hi);
  if (context === undefined) return -EFAULT;
  return cx.domain.lock.with(() => {
    if (vcpu.state.initialised !== 0) return -EEXIST;
    return setGuestContext(vcpu, context);
  });
}

/** vcpu_runstate_get. */
export function fillRunstate(
  info: ViewOf<typeof vcpu_runstate_info>,
  vcpu: Vcpu,
): void {
  const now = runstateNow(vcpu);
  info.set("state", now.state);
  info.set("state_entry_time", now.since);
  const first = vcpu_runstate_info.offset("time", info.width);
  now.times.forEach((time, i) => info.view.setBigUint64(first + i * 8, BigInt(Math.floor(time)), true));
}

/** map_vcpu_info: the vCPU's vcpu_info moves into a page of the guest's. Once a vCPU. */
function registerVcpuInfo(cx: HypercallContext, vcpu: Vcpu, mfn: number, offset: number): number {
  const { domain } = cx;
  const { state } = vcpu;
  const size = vcpu_info.size(widthOf(cx));
  if (offset > 4096 - size || offset & 7) return -ENXIO;
  if (state.vcpuInfoMfn !== 0 || (vcpu !== cx.vcpu && vcpu.isUp)) return -EINVAL;
  const types = pageTypesOf(domain);
  if (types.getPageAndType(mfn, PageType.writable) !== 0) return -EINVAL;
  const frame = types.ownFrame(mfn);
  const address = frame * 4096 + offset;
  const { u8 } = domain.views;
  if (state.vcpuInfo !== 0) u8.copyWithin(address, state.vcpuInfo, state.vcpuInfo + size);
  else {
    u8.fill(0, address, address + size);
    u8[address + vcpu_info.offset("evtchn_upcall_mask")] = 1;
  }
  types.written(frame, offset, size);
  state.vcpuInfo = address;
  state.vcpuInfoMfn = mfn;
  // Nothing may get lost in the move: everything is marked pending.
  const selector = address + vcpu_info.offset("evtchn_pending_sel", widthOf(cx));
  u8.fill(0xff, selector, selector + widthOf(cx) / 8);
  u8[address] = 0;
  markEventsPending(vcpu);
  updateVcpuTime(vcpu, domain.machine.now());
  return 0;
}
