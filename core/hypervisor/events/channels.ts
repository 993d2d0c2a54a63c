/** Event channels of a domain: Xen's evtchn_* operations for the 2-level ABI. Results are 0 or above, or negative error numbers. */
import { EEXIST, EINVAL, ENOENT, ENOSPC, EPERM, ESRCH } from "../abi/errno.ts";
import {
  EVTCHNSTAT_closed,
  EVTCHNSTAT_interdomain,
  EVTCHNSTAT_ipi,
  EVTCHNSTAT_pirq,
  EVTCHNSTAT_unbound,
  EVTCHNSTAT_virq,
} from "../abi/event_channel.ts";
import { DOMID_SELF, NR_VIRQS, VIRQ } from "../abi/hypercall_numbers.ts";
import type { Domain } from "../domain.ts";
import { ChannelState, EventChannel, EVTCHN_PORTS } from "../layout.ts";
import { lockBoth } from "../lock.ts";
import type { View } from "../struct.ts";
import { traceEvent } from "../trace/points.ts";
import { TraceEvent } from "../trace/ring.ts";
import type { Vcpu } from "../vcpu.ts";
import { clearPending, isUpcallPending, setPending, unmask } from "./pending.ts";

/** Ports come into being in groups (Xen: EVTCHNS_PER_BUCKET). */
const BUCKET = 64;
/** libxl's default of max_event_channels: the highest port a domain gets. */
const MAX_PORT = 1023;

export const DOM0 = 0;

type Channel = View<typeof EventChannel.fields>;

/** An accessor to a channel; valid until the next call for the same domain. */
const cursors = new WeakMap<Domain, Channel>();
function channel(domain: Domain, port: number): Channel {
  let cursor = cursors.get(domain);
  const base = domain.layout.reserve.eventChannels + port * EventChannel.size;
  if (cursor === undefined) cursors.set(domain, cursor = EventChannel.view(domain.views, base));
  cursor.base = base;
  return cursor;
}

/** evtchn_init: port 0 is nobody's. */
export function initChannels(domain: Domain): void {
  domain.header.validPorts = BUCKET;
  channel(domain, 0).state = ChannelState.RESERVED;
}

export function isValidPort(domain: Domain, port: number): boolean {
  return port < domain.header.validPorts;
}

/** get_free_port, under the domain's lock. @returns a port or -ENOSPC */
function freePort(domain: Domain): number {
  for (let port = 1; port <= Math.min(MAX_PORT, EVTCHN_PORTS - 1); port++) {
    if (port >= domain.header.validPorts) domain.header.validPorts += BUCKET;
    if (channel(domain, port).state === ChannelState.FREE) return port;
  }
  return -ENOSPC;
}

function claim(domain: Domain, state: number, notifyVcpu = 0): number {
  const port = freePort(domain);
  if (port < 0) return port;
  const c = channel(domain, port);
  c.state = state;
  c.notifyVcpu = notifyVcpu;
  c.consumer = 0;
  c.remoteDomid = 0;
  c.remotePort = 0;
  c.irq = 0;
  return port;
}

/** evtchn_free: the port is nobody's, with no event left for whoever gets it next. */
function free(domain: Domain, port: number): void {
  clearPending(domain, port);
  const c = channel(domain, port);
  c.state = ChannelState.FREE;
  c.notifyVcpu = 0;
}

/** EVTCHNOP_alloc_unbound for the domain itself. @param remote the domid allowed to bind; DOMID_SELF: the same */
export function allocUnbound(domain: Domain, remote: number): number {
  return domain.lock.with(() => {
    const port = claim(domain, ChannelState.UNBOUND);
    if (port >= 0) channel(domain, port).remoteDomid = remote === DOMID_SELF ? domain.domid : remote;
    return port;
  });
}

/** EVTCHNOP_bind_interdomain: a local port for another domain's unbound one. */
export function bindInterdomain(domain: Domain, remoteDomid: number, remotePort: number): number {
  const id = remoteDomid === DOMID_SELF ? domain.domid : remoteDomid;
  // Domain-0's channels live in the host; it offers none for guests to bind to.
  if (id === DOM0) return -EINVAL;
  const remote = domain.machine.domain(id);
  if (remote === undefined) return -ESRCH;
  const release = lockBoth(domain, remote);
  try {
    if (!isValidPort(remote, remotePort)) return -EINVAL;
    const offered = channel(remote, remotePort);
    if (offered.state !== ChannelState.UNBOUND || offered.remoteDomid !== domain.domid) return -EINVAL;
    const port = claim(domain, ChannelState.INTERDOMAIN);
    if (port < 0) return port;
    const mine = channel(domain, port);
    mine.remoteDomid = id;
    mine.remotePort = remotePort;
    const theirs = channel(remote, remotePort);
    theirs.state = ChannelState.INTERDOMAIN;
    theirs.remoteDomid = domain.domid;
    theirs.remotePort = port;
    // Notifications may have been lost while the remote port was unbound.
    setPending(domain.vcpus[0], port);
    return port;
  } finally {
    release();
  }
}

/** virq_is_global: bound once a domain, on vCPU 0. */
export function isGlobalVirq(virq: number): boolean {
  return virq !== VIRQ.TIMER && virq !== VIRQ.DEBUG && virq !== VIRQ.XENOPROF && virq !== VIRQ.XENPMU;
}

export function bindVirq(domain: Domain, virq: number, vcpuId: number): number {
  if (virq >= NR_VIRQS) return -EINVAL;
  if (isGlobalVirq(virq) && vcpuId !== 0) return -EINVAL;
  const vcpu = domain.vcpus[vcpuId];
  if (vcpu === undefined) return -ENOENT;
  return domain.lock.with(() => {
    if (vcpu.state.virqPorts(virq) !== 0) return -EEXIST;
    const port = claim(domain, ChannelState.VIRQ, vcpuId);
    if (port < 0) return port;
    channel(domain, port).irq = virq;
    vcpu.state.setVirqPorts(virq, port);
    return port;
  });
}

export function bindIpi(domain: Domain, vcpuId: number): number {
  if (domain.vcpus[vcpuId] === undefined) return -ENOENT;
  return domain.lock.with(() => claim(domain, ChannelState.IPI, vcpuId));
}

/** EVTCHNOP_bind_pirq: no physical interrupt is anybody's here. */
export function bindPirq(pirq: number): number {
  return pirq < NR_PIRQS ? -EPERM : -EINVAL;
}
/** nr_static_irqs (16 legacy lines are always there) and Xen's default of 32 more for a guest. */
const NR_PIRQS = 48;

/** EVTCHNOP_close. */
export function close(domain: Domain, port: number): number {
  for (;;) {
    if (!isValidPort(domain, port)) return -EINVAL;
    const { state, remoteDomid } = channel(domain, port);
    const remote = state === ChannelState.INTERDOMAIN && remoteDomid !== DOM0
      ? domain.machine.domain(remoteDomid)
      : undefined;
    const release = lockBoth(domain, remote ?? domain);
    try {
      const c = channel(domain, port);
      // The channel changed while no lock was held: look again.
      if (c.state !== state || (state === ChannelState.INTERDOMAIN && c.remoteDomid !== remoteDomid)) {
        continue;
      }
      return closeLocked(domain, port, remote);
    } finally {
      release();
    }
  }
}

function closeLocked(domain: Domain, port: number, remote: Domain | undefined): number {
  const { state, notifyVcpu, irq, remotePort } = channel(domain, port);
  switch (state) {
    case ChannelState.FREE:
    case ChannelState.RESERVED:
      return -EINVAL;
    case ChannelState.VIRQ:
      for (const vcpu of domain.vcpus) {
        if (vcpu.state.virqPorts(irq) === port && (isGlobalVirq(irq) || vcpu.id === notifyVcpu)) {
          vcpu.state.setVirqPorts(irq, 0);
        }
      }
      break;
    case ChannelState.INTERDOMAIN:
      if (remote !== undefined) {
        const theirs = channel(remote, remotePort);
        theirs.state = ChannelState.UNBOUND;
        theirs.remoteDomid = domain.domid;
      }
      break;
  }
  free(domain, port);
  return 0;
}

/**
 * Instructions that a vCPU executes before its interrupt to itself takes effect.
 *
 * An APIC's takes some hundred cycles, Xen's event none. That none matters: since XSA-441 Linux handles events in an RCU read-side section, at whose
 * end a preemptible kernel that owes RCU a quiescent state asks for attention by such an interrupt. Where it arrives before anything else runs, that
 * repeats for ever (Debian's 6.1 rt kernel does so on Xen 4.17). The bits are set at once, as Xen does; the upcall is what comes later, as it does
 * for an event from another processor.
 */
const SELF_IPI_LATENCY = 2000;

/** EVTCHNOP_send. @param sender the vCPU that sends */
export function send(domain: Domain, port: number, sender?: Vcpu): number {
  if (!isValidPort(domain, port)) return -EINVAL;
  const { state, remoteDomid, remotePort, notifyVcpu } = channel(domain, port);
  switch (state) {
    case ChannelState.INTERDOMAIN: {
      domain.header.eventsSent++;
      traceEvent(domain, sender?.id ?? 0, TraceEvent.SEND, port, remoteDomid, remotePort);
      if (remoteDomid === DOM0) {
        domain.machine.notifyDom0(domain, port);
        return 0;
      }
      const remote = domain.machine.domain(remoteDomid);
      if (remote !== undefined) notify(remote, remotePort);
      return 0;
    }
    case ChannelState.IPI:
      domain.header.eventsSent++;
      traceEvent(domain, sender?.id ?? 0, TraceEvent.SEND, port, domain.domid, port);
      sendIpi(domain.vcpus[notifyVcpu], port, sender);
      return 0;
    case ChannelState.UNBOUND:
      return 0;
    default:
      return -EINVAL;
  }
}

function sendIpi(target: Vcpu, port: number, sender: Vcpu | undefined): void {
  // One that joins an upcall which is due already does not put it off.
  if (target === sender && !isUpcallPending(target)) {
    target.upcallsHeldUntil = target.domain.context.number(target.ctx, "retired") + SELF_IPI_LATENCY;
  }
  traceEvent(target.domain, target.id, TraceEvent.RAISE, port);
  setPending(target, port);
}

/** Makes a port of the domain pending for the vCPU it is bound to. */
export function notify(domain: Domain, port: number): void {
  const vcpu = domain.vcpus[channel(domain, port).notifyVcpu];
  if (vcpu.state.vcpuInfo === 0) return;
  traceEvent(domain, vcpu.id, TraceEvent.RAISE, port);
  setPending(vcpu, port);
}

export interface ChannelStatus {
  status: number;
  vcpu: number;
  dom?: number;
  port?: number;
  irq?: number;
}

/** EVTCHNOP_status of a port of `domain`. */
export function status(domain: Domain, port: number): ChannelStatus | undefined {
  if (!isValidPort(domain, port)) return undefined;
  const { state, notifyVcpu, remoteDomid, remotePort, irq } = channel(domain, port);
  const vcpu = notifyVcpu;
  switch (state) {
    case ChannelState.UNBOUND:
      return { status: EVTCHNSTAT_unbound, vcpu, dom: remoteDomid };
    case ChannelState.INTERDOMAIN:
      return { status: EVTCHNSTAT_interdomain, vcpu, dom: remoteDomid, port: remotePort };
    case ChannelState.PIRQ:
      return { status: EVTCHNSTAT_pirq, vcpu, irq };
    case ChannelState.VIRQ:
      return { status: EVTCHNSTAT_virq, vcpu, irq };
    case ChannelState.IPI:
      return { status: EVTCHNSTAT_ipi, vcpu };
    default:
      return { status: EVTCHNSTAT_closed, vcpu };
  }
}

/** EVTCHNOP_bind_vcpu: which vCPU a port's events are for. */
export function bindVcpu(domain: Domain, port: number, vcpuId: number): number {
  if (domain.vcpus[vcpuId] === undefined) return -ENOENT;
  return domain.lock.with(() => {
    if (!isValidPort(domain, port)) return -EINVAL;
    const c = channel(domain, port);
    const movable = c.state === ChannelState.UNBOUND || c.state === ChannelState.INTERDOMAIN ||
      c.state === ChannelState.PIRQ || (c.state === ChannelState.VIRQ && isGlobalVirq(c.irq));
    if (!movable) return -EINVAL;
    c.notifyVcpu = vcpuId;
    return 0;
  });
}

export function unmaskPort(domain: Domain, port: number): number {
  if (!isValidPort(domain, port)) return -EINVAL;
  unmask(domain.vcpus[channel(domain, port).notifyVcpu], port);
  return 0;
}

/** EVTCHNOP_reset: every channel of the domain is closed. */
export function reset(domain: Domain): void {
  for (let port = 1; port < domain.header.validPorts; port++) {
    if (channel(domain, port).state !== ChannelState.FREE) close(domain, port);
  }
}

/** send_guest_vcpu_virq, send_guest_global_virq. */
export function sendVirq(vcpu: Vcpu, virq: number): void {
  const port = vcpu.state.virqPorts(virq);
  if (port !== 0) notify(vcpu.domain, port);
}

// ---- Domain-0's side, in the host -----------------------------------------------------------------------------------

/** A channel whose other end is Domain-0's from the start (console, XenStore). @returns the guest's port or a negative errno */
export function allocateDom0Channel(domain: Domain): number {
  const port = allocUnbound(domain, DOM0);
  return port < 0 ? port : bindDom0(domain, port) ?? port;
}

/** Domain-0 binds a channel that the guest left unbound for it (a frontend's). @returns undefined, or a negative errno */
export function bindDom0(domain: Domain, port: number): number | undefined {
  return domain.lock.with(() => {
    if (!isValidPort(domain, port)) return -EINVAL;
    const c = channel(domain, port);
    if (c.state !== ChannelState.UNBOUND || c.remoteDomid !== DOM0) return -EINVAL;
    c.state = ChannelState.INTERDOMAIN;
    c.remotePort = port;
    return undefined;
  });
}

/** Domain-0 closes its end: the guest's is unbound again, for Domain-0. Nothing to do where the guest closed its own. */
export function closeDom0(domain: Domain, port: number): void {
  domain.lock.with(() => {
    if (!isValidPort(domain, port)) return;
    const c = channel(domain, port);
    if (c.state === ChannelState.INTERDOMAIN && c.remoteDomid === DOM0) c.state = ChannelState.UNBOUND;
  });
}

/** Domain-0 sends on its end of the channel that is `port` for the guest. */
export function notifyFromDom0(domain: Domain, port: number): number {
  if (!isValidPort(domain, port)) return -EINVAL;
  const { state, remoteDomid } = channel(domain, port);
  if (remoteDomid !== DOM0 || state !== ChannelState.INTERDOMAIN) return -EINVAL;
  notify(domain, port);
  return 0;
}
