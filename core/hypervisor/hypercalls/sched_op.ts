/** sched_op, sched_op_compat and set_timer_op: public/sched.h, public/xen.h. */
import { EFAULT, EINVAL, ENOSPC, ENOSYS, EPERM, ESRCH } from "../abi/errno.ts";
import { sched_poll, sched_remote_shutdown, sched_shutdown, sched_watchdog, SCHEDOP } from "../abi/sched.ts";
import { isPending, isValidPort, needsDelivery, setUpcallMask } from "../events/mod.ts";
import type { HypercallContext } from "../context.ts";
import { PauseFlag } from "../layout.ts";
import { shutdownDomain } from "../shutdown.ts";
import { MILLISECOND, SECOND } from "../time.ts";
import type { Call } from "./call.ts";
import { type GuestPointer, offset, readStruct, readU32 } from "./guest.ts";
import { permitDomain } from "./memory_op.ts";

/** Ports one SCHEDOP_poll may name. */
const MAX_POLL_PORTS = 128;
/** Timeouts further away than this (2^50 ns) are taken for wrapped ones. */
const HUGE_TIMEOUT = 2 ** 50;

/** sched_op(cmd, arg). */
export function schedOp(call: Call): number {
  const { cx } = call;
  const { domain, vcpu, machine } = cx;
  const at = { lo: call.lo(1), hi: call.hi(1) };
  switch (call.lo(0)) {
    case SCHEDOP.yield:
      machine.scheduler.yield(vcpu);
      return 0;
    case SCHEDOP.block:
      return block(cx);
    case SCHEDOP.shutdown: {
      const a = readStruct(cx, sched_shutdown, at.lo, at.hi);
      if (a === undefined) return -EFAULT;
      return shutdown(cx, a.get("reason"));
    }
    case SCHEDOP.shutdown_code: {
      const a = readStruct(cx, sched_shutdown, at.lo, at.hi);
      if (a === undefined) return -EFAULT;
      // The first one counts.
      domain.header.shutdownCode ||= (a.get("reason") & 0xff) + 1;
      return 0;
    }
    case SCHEDOP.poll:
      return poll(cx, at);
    case SCHEDOP.remote_shutdown: {
      const a = readStruct(cx, sched_remote_shutdown, at.lo, at.hi);
      if (a === undefined) return -EFAULT;
      const domid = a.get("domain_id");
      return permitDomain(cx, domid) === -ESRCH ? -ESRCH : -EPERM;
    }
    case SCHEDOP.watchdog: {
      const a = readStruct(cx, sched_watchdog, at.lo, at.hi);
      return a === undefined ? -EFAULT : watchdog(cx, a.get("id"), a.get("timeout"));
    }
    case SCHEDOP.pin_override:
      return -EPERM;
    default:
      return -ENOSYS;
  }
}

/** sched_op_compat(cmd, arg): yield and block, and a shutdown whose reason is the argument itself. */
export function schedOpCompat(call: Call): number {
  const { cx } = call;
  switch (call.lo(0)) {
    case SCHEDOP.yield:
      cx.machine.scheduler.yield(cx.vcpu);
      return 0;
    case SCHEDOP.block:
      return block(cx);
    case SCHEDOP.shutdown:
      return shutdown(cx, call.lo(1));
    default:
      return -ENOSYS;
  }
}

/** domain_shutdown with the reason of an earlier SCHEDOP_shutdown_code, if there was one. */
function shutdown(cx: HypercallContext, reason: number): number {
  const code = cx.domain.header.shutdownCode;
  shutdownDomain(cx.domain, code === 0 ? reason & 0xff : code - 1, cx.vcpu);
  return 0;
}

/** vcpu_block_enable_events. */
function block(cx: HypercallContext): number {
  const { vcpu, machine } = cx;
  setUpcallMask(vcpu, false);
  // It waits for events: one that is due need not wait any longer.
  vcpu.upcallsHeldUntil = 0;
  machine.scheduler.block(vcpu);
  // Looked at after blocking: an event that came in between must not be slept through.
  if (needsDelivery(vcpu)) machine.scheduler.wake(vcpu);
  return 0;
}

function poll(cx: HypercallContext, at: GuestPointer): number {
  const { domain, vcpu, machine } = cx;
  const a = readStruct(cx, sched_poll, at.lo, at.hi);
  if (a === undefined) return -EFAULT;
  const count = a.get("nr_ports");
  if (count > MAX_POLL_PORTS) return -EINVAL;
  const list = { lo: a.lo("ports"), hi: a.hi("ports") };
  const timeout = a.get("timeout");
  vcpu.state.pollPort = -1;
  machine.scheduler.poll(vcpu, timeout === 0 ? Infinity : timeout);
  const end = (result: number) => {
    vcpu.state.pollPort = 0;
    machine.scheduler.clearFlags(vcpu, PauseFlag.BLOCKED | PauseFlag.POLL);
    return result;
  };
  if (needsDelivery(vcpu)) return end(0);
  let port = 0;
  for (let i = 0; i < count; i++) {
    const place = offset(list, i * 4);
    const read = readU32(cx, place.lo, place.hi);
    if (read === undefined) return end(-EFAULT);
    port = read;
    if (!isValidPort(domain, port)) return end(-EINVAL);
    if (isPending(domain, port)) return end(0);
  }
  if (count === 1) {
    vcpu.state.pollPort = port;
    // It may have become pending while the state still said "any port", whose sender ended the poll already: then this does nothing.
    if (isPending(domain, port)) return end(0);
  }
  return 0;
}

/** Xen's two watchdog timers of a domain; the pCPU loop and timer code look at them (fireWatchdogs). */
function watchdog(cx: HypercallContext, id: number, timeout: number): number {
  const { header } = cx.domain;
  const { machine } = cx;
  const deadline = machine.now() + timeout * SECOND;
  return cx.domain.lock.with(() => {
    if (id > 2) return -EINVAL;
    if (id === 0) {
      for (let i = 0; i < 2; i++) {
        if (header.watchdogs(i) !== 0) continue;
        header.setWatchdogs(i, deadline);
        return i + 1;
      }
      return -ENOSPC;
    }
    if (header.watchdogs(id - 1) === 0) return -EINVAL;
    header.setWatchdogs(id - 1, timeout === 0 ? 0 : deadline);
    return 0;
  });
}

/** set_timer_op(timeout): absolute system time of the vCPU's single-shot timer; 0 stops it. */
export function setTimerOp(call: Call): number {
  const { machine, vcpu } = call.cx;
  if (call.isNull(0)) {
    machine.scheduler.timers.setSingleshot(vcpu, Infinity);
    return 0;
  }
  const now = machine.now();
  const isHuge = call.hi(0) < 0 || call.number(0) - now > HUGE_TIMEOUT;
  machine.scheduler.timers.setSingleshot(vcpu, isHuge ? now + 100 * MILLISECOND : call.number(0));
  return 0;
}
