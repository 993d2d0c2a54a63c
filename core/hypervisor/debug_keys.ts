/** What Xen's debug keys print into its log (xen/common/keyhandler.c): a snapshot for people, read without stopping anything. */
import { activeGrant, grantEntries } from "./grants/mod.ts";
import type { Domain } from "./domain.ts";
import { ChannelState, EventChannel, EVTCHN_PORTS, NONE, PauseFlag, PcpuMode } from "./layout.ts";
import { RATELIMIT, TICK, TIME_SLICE } from "./credit.ts";
import { isMasked, isPending } from "./events/pending.ts";
import type { Machine } from "./machine.ts";
import { registerDump } from "./register_dump.ts";
import type { SchedEntry } from "./run_queue.ts";
import { MILLISECOND } from "./time.ts";

type Print = (line: string) => void;

interface Key {
  readonly does: string;
  run(machine: Machine, print: Print): void;
}

const PRIORITIES: Readonly<Record<number, string>> = { 0: "BOOST", [-1]: "UNDER", [-2]: "OVER" };

function names(values: Readonly<Record<string, number>>, flags: number): string {
  const set = Object.entries(values).filter(([, bit]) => (flags & bit) !== 0).map(([name]) => name);
  return set.length === 0 ? "-" : set.join(",");
}

function stateName(state: number): string {
  return Object.entries(ChannelState).find(([, value]) => value === state)?.[0] ?? String(state);
}

function unit(entry: SchedEntry): string {
  const { owner, vcpuId, priority, flags, lastPcpu, credit, weight, cap } = entry;
  return `[${owner - 1}.${vcpuId}] pri=${PRIORITIES[priority]} flags=${flags} cpu=${lastPcpu} credit=${
    Math.round(credit)
  } [w=${weight},cap=${cap}]`;
}

function domainInfo(domain: Domain, print: Print): void {
  const { header, machine } = domain;
  print(`General information for domain ${domain.domid} (${domain.name}):`);
  print(
    `    refcnt=1 dying=${header.isDying} pause_count=${header.pauseCount} shutdown=${header.isShutdown} reason=${header.shutdownReason}`,
  );
  print(
    `    nr_pages=${header.totPages} xenheap_pages=${header.xenheapPages} free_frames=${header.freeFrames} max_pages=${header.maxPages}`,
  );
  print(
    `    mfns ${hex(domain.mfnBase)}-${hex(domain.mfnBase + domain.layout.totalFrames - 1)} vm_assist=${
      hex(header.vmAssistLo >>> 0)
    }`,
  );
  print(`VCPU information and callbacks for domain ${domain.domid}:`);
  for (const { id, sched, state } of domain.vcpus) {
    const upcall = state.vcpuInfo === 0
      ? "none"
      : `${domain.views.u8[state.vcpuInfo]}/${domain.views.u8[state.vcpuInfo + 1]}`;
    print(
      `    VCPU${id}: CPU${sched.lastPcpu} [has=${
        sched.pcpu === NONE ? "F" : "T"
      }] poll=${state.pollPort} upcall_pend/mask=${upcall} flags=${names(PauseFlag, sched.flags)}`,
    );
    print(
      `    cpu_hard_affinity=${hex(sched.hardHi >>> 0)}:${hex(sched.hardLo >>> 0)} cpu_soft_affinity=${
        hex(sched.softHi >>> 0)
      }:${hex(sched.softLo >>> 0)}`,
    );
    const timer = sched.singleshot === Infinity
      ? "no timer"
      : `timer in ${((sched.singleshot - machine.clock.peek()) / MILLISECOND).toFixed(3)} ms`;
    print(`    ${timer}, periodic ${sched.periodicPeriod / MILLISECOND} ms`);
  }
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

function eventChannels(domain: Domain, print: Print): void {
  print(`Event channel information for domain ${domain.domid}:`);
  print("    port [p/m] state");
  const channel = EventChannel.view(domain.views, domain.layout.reserve.eventChannels);
  for (let port = 0; port < EVTCHN_PORTS; port++, channel.base += EventChannel.size) {
    const { state, notifyVcpu, remoteDomid, remotePort, irq } = channel;
    if (state === ChannelState.FREE || state === ChannelState.RESERVED) continue;
    const peer = state === ChannelState.INTERDOMAIN
      ? ` d=${remoteDomid} p=${remotePort}`
      : state === ChannelState.UNBOUND
      ? ` d=${remoteDomid}`
      : state === ChannelState.VIRQ || state === ChannelState.PIRQ
      ? ` irq=${irq}`
      : "";
    print(
      `    ${String(port).padStart(4)} [${isPending(domain, port) ? 1 : 0}/${
        isMasked(domain, port) ? 1 : 0
      }] ${stateName(state)} v=${notifyVcpu}${peer}`,
    );
  }
}

function grants(domain: Domain, print: Print): void {
  const { grantVersion, grantFrames, maptrackUsed } = domain.header;
  print(
    `grant-table for remote d${domain.domid} (v${grantVersion}): ${grantFrames} frames, ${maptrackUsed} mappings of its own`,
  );
  for (let ref = 0; ref < grantEntries(domain); ref++) {
    const { pin, domid, flags, frame } = activeGrant(domain, ref);
    if (pin !== 0) {
      print(`    [${ref}] mapped by d${domid}: pin ${hex(pin)} flags ${hex(flags)} mfn ${hex(frame)}`);
    }
  }
}

function eachDomain(work: (domain: Domain, print: Print) => void): Key["run"] {
  return (machine, print) => {
    for (const domain of machine.domains()) work(domain, print);
  };
}

function runQueues(machine: Machine, print: Print): void {
  const { header, pcpus, scheduler } = machine;
  print(`Scheduler: SMP Credit Scheduler (credit), now ${Math.floor(machine.clock.peek())}`);
  print(
    `    ncpus=${header.pcpus} active=${header.activeLength} parked=${header.parked} credit balance=${
      Math.round(header.creditBalance)
    } accountings=${header.accountings} tslice=${TIME_SLICE / MILLISECOND}ms tick=${
      TICK / MILLISECOND
    }ms ratelimit=${RATELIMIT / 1000}us`,
  );
  const running = pcpus.slice(0, header.pcpus);
  const mode = (value: number) => Object.entries(PcpuMode).find(([, number]) => number === value)?.[0];
  running.forEach(({ mode: now, vcpu, switches }, index) => {
    print(`CPU[${String(index).padStart(2, "0")}] ${mode(now)} switches=${switches}`);
    if (vcpu !== NONE) print(`    run: ${unit(scheduler.entry(vcpu))}`);
  });
  print(`run queue (${header.queueLength} waiting):`);
  scheduler.waiting().forEach((entry, index) => print(`    ${index + 1}: ${unit(entry)}`));
}

function registers(machine: Machine, print: Print): void {
  for (let index = 0; index < machine.header.pcpus; index++) {
    const { vcpu } = machine.pcpus[index];
    print(`*** Dumping CPU${index} guest state: ***`);
    if (vcpu === NONE) {
      print("No guest context (CPU is idle).");
      continue;
    }
    const { owner, vcpuId } = machine.scheduler.entry(vcpu);
    const found = machine.attached(owner - 1)?.vcpus[vcpuId];
    if (found === undefined) print(`d${owner - 1}v${vcpuId} is gone.`);
    else for (const line of registerDump(found).split("\n")) print(line);
  }
}

/** By Xen's own letters. */
const KEYS: ReadonlyMap<string, Key> = new Map<string, Key>([
  ["d", { does: "dump registers", run: registers }],
  ["e", { does: "dump evtchn info", run: eachDomain(eventChannels) }],
  ["g", { does: "print grant table usage", run: eachDomain(grants) }],
  ["h", { does: "show this message", run: help }],
  ["q", { does: "dump domain (and guest debug) info", run: eachDomain(domainInfo) }],
  ["r", { does: "dump run queues", run: runQueues }],
]);

function help(_machine: Machine, print: Print): void {
  print("'h' pressed -> showing installed handlers");
  for (const [key, { does }] of KEYS) {
    print(` key '${key}' (ascii '${key.charCodeAt(0).toString(16)}') => ${does}`);
  }
}

/** XEN_SYSCTL_debug_keys: handles each character as if it were typed on Xen's console. */
export function debugKeys(machine: Machine, keys: string, print: Print): void {
  for (const key of keys) {
    const known = KEYS.get(key);
    if (known === undefined) {
      print(`'${/^[ -~]$/.test(key) ? key : "?"}' pressed -> no handler; 'h' lists them`);
      continue;
    }
    if (key !== "h") print(`'${key}' pressed -> ${known.does}`);
    known.run(machine, print);
  }
}
