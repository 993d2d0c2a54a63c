/** PV guests: the machinery of domains on one side, hypercalls, traps and events on the other. */
import { VIRQ } from "./abi/hypercall_numbers.ts";
import { allocateDom0Channel, bindDom0, closeDom0, notifyFromDom0, reset, sendVirq } from "./events/mod.ts";
import { activeGrant, grantEntries, mapForDom0, releaseMappings, unmapForDom0 } from "./grants/mod.ts";
import type { GuestSupport } from "./guest.ts";
import { initPvDomain, startPvDomain } from "./pv_start.ts";
import { deliverPending } from "./traps/exception.ts";
import { handleExit } from "./traps/exit.ts";
import { writeRunstateArea, writeTimeArea } from "./traps/guest_areas.ts";
import { Runstate } from "./vcpu.ts";

export const pvSupport: GuestSupport = {
  initDomain: initPvDomain,
  allocateDom0Channel(domain) {
    const port = allocateDom0Channel(domain);
    if (port < 0) throw new Error(`no event channel for Domain-0 (error ${-port})`);
    return port;
  },
  startDomain: startPvDomain,
  destroyDomain(domain) {
    releaseMappings(domain);
    // Other domains' ends of its channels become unbound.
    reset(domain);
    for (let ref = 0; ref < grantEntries(domain); ref++) {
      if (activeGrant(domain, ref).pin !== 0) return false;
    }
    return true;
  },
  notifyGuest: notifyFromDom0,
  bindDom0Channel: (domain, port) => bindDom0(domain, port) === undefined,
  closeDom0Channel: closeDom0,
  mapGrant: mapForDom0,
  unmapGrant: unmapForDom0,
  sendTimer(vcpu) {
    sendVirq(vcpu, VIRQ.TIMER);
  },
  beforeEntry: deliverPending,
  handleExit,
  scheduledIn(context) {
    const { vcpu, machine } = context;
    vcpu.enterRunstate(Runstate.running, machine.now());
    writeRunstateArea(context, vcpu);
    writeTimeArea(context);
  },
  scheduledOut(context) {
    const { vcpu, machine } = context;
    // Still on its pCPU: with no reason to stop it is preempted, which is runnable.
    const state = vcpu.sched.flags === 0 ? Runstate.runnable : vcpu.runState;
    vcpu.enterRunstate(state, machine.now());
    writeRunstateArea(context, vcpu);
  },
};
