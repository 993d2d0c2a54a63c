/**
 * Raising events: the pending, mask and selector bits of the 2-level ABI in shared info and vcpu_info, by atomics. Any thread may raise an event for any
 * domain; no lock is needed.
 */
import { shared_info, vcpu_info } from "../abi/xen.ts";
import type { Domain } from "../domain.ts";
import { PauseFlag } from "../layout.ts";
import type { Vcpu } from "../vcpu.ts";

const PENDING = shared_info.offset("evtchn_pending");
const MASK = shared_info.offset("evtchn_mask");
/** A 32-bit guest's shared info: 32 words of 32 bits each. */
const PENDING_32 = shared_info.offset("evtchn_pending", 32);
const MASK_32 = PENDING_32 + 128;
const SELECTOR = vcpu_info.offset("evtchn_pending_sel");
const SELECTOR_32 = vcpu_info.offset("evtchn_pending_sel", 32);
const UPCALL_MASK = vcpu_info.offset("evtchn_upcall_mask");

const is32 = (domain: Domain) => domain.header.width === 32;

/** Index in i32 of the word that holds a port's bit. */
function pendingIndex(domain: Domain, port: number): number {
  return (domain.header.sharedInfo + (is32(domain) ? PENDING_32 : PENDING) + (port >> 5) * 4) >>> 2;
}

function maskIndex(domain: Domain, port: number): number {
  return (domain.header.sharedInfo + (is32(domain) ? MASK_32 : MASK) + (port >> 5) * 4) >>> 2;
}

const bit = (port: number) => 1 << (port & 31);

export function isPending(domain: Domain, port: number): boolean {
  return (Atomics.load(domain.views.i32, pendingIndex(domain, port)) & bit(port)) !== 0;
}

export function isMasked(domain: Domain, port: number): boolean {
  return (Atomics.load(domain.views.i32, maskIndex(domain, port)) & bit(port)) !== 0;
}

export function clearPending(domain: Domain, port: number): void {
  Atomics.and(domain.views.i32, pendingIndex(domain, port), ~bit(port));
}

/** Sets a port's bit in the vCPU's selector. @returns whether it was set before */
function selectWord(vcpu: Vcpu, port: number): boolean {
  const { domain, state } = vcpu;
  const number = is32(domain) ? port >> 5 : port >> 6;
  const address = state.vcpuInfo + (is32(domain) ? SELECTOR_32 : SELECTOR) + (number >> 5) * 4;
  return (Atomics.or(domain.views.i32, address >>> 2, bit(number)) & bit(number)) !== 0;
}

/** vcpu_mark_events_pending: evtchn_upcall_pending, and wakes the vCPU when it was clear. */
export function markEventsPending(vcpu: Vcpu): void {
  const { domain, state } = vcpu;
  if (Atomics.exchange(domain.views.u8, state.vcpuInfo, 1) === 0) domain.machine.wakeVcpu(vcpu);
}

/** evtchn_2l_set_pending. */
export function setPending(vcpu: Vcpu, port: number): void {
  const { domain } = vcpu;
  const index = pendingIndex(domain, port);
  if (Atomics.or(domain.views.i32, index, bit(port)) & bit(port)) return;
  if (!isMasked(domain, port) && !selectWord(vcpu, port)) markEventsPending(vcpu);
  checkPollers(domain, port);
}

/** evtchn_2l_unmask. */
export function unmask(vcpu: Vcpu, port: number): void {
  const { domain } = vcpu;
  const was = Atomics.and(domain.views.i32, maskIndex(domain, port), ~bit(port));
  if (was & bit(port) && isPending(domain, port) && !selectWord(vcpu, port)) markEventsPending(vcpu);
}

/** evtchn_check_pollers: ends SCHEDOP_poll of the vCPUs that wait for this port. */
function checkPollers(domain: Domain, port: number): void {
  for (const vcpu of domain.vcpus) {
    const { state } = vcpu;
    if (state.pollPort === 0 || (vcpu.sched.flags & PauseFlag.POLL) === 0) continue;
    if (state.pollPort > 0 && state.pollPort !== port) continue;
    state.pollPort = 0;
    domain.machine.wakeVcpu(vcpu);
  }
}

/** evtchn_upcall_mask of a vCPU: virtual IF, inverted. */
export function isUpcallMasked(vcpu: Vcpu): boolean {
  return vcpu.domain.views.u8[vcpu.state.vcpuInfo + UPCALL_MASK] !== 0;
}

export function setUpcallMask(vcpu: Vcpu, masked: boolean): void {
  vcpu.domain.views.u8[vcpu.state.vcpuInfo + UPCALL_MASK] = masked ? 1 : 0;
}

/** vcpu_info_upcall_mask as it is, for the frame of a bounced exception. */
export function upcallMask(vcpu: Vcpu): number {
  return vcpu.domain.views.u8[vcpu.state.vcpuInfo + UPCALL_MASK];
}

/** evtchn_upcall_pending of a vCPU. */
export function isUpcallPending(vcpu: Vcpu): boolean {
  const { domain, state } = vcpu;
  return state.vcpuInfo !== 0 && domain.views.u8[state.vcpuInfo] !== 0;
}

/** local_events_need_delivery: pending and not masked. */
export function needsDelivery(vcpu: Vcpu): boolean {
  return isUpcallPending(vcpu) && !isUpcallMasked(vcpu);
}
