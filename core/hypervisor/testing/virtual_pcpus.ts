/** The scheduler in virtual time: pCPUs in one thread over one machine's shared memory, vCPUs that spin or sleep. For tests of shares and latencies. */
import { layoutHypervisor, MACHINE, NONE, PauseFlag, PcpuMode, VcpuState } from "../layout.ts";
import type { Domain } from "../domain.ts";
import { Machine } from "../machine.ts";
import { Views } from "../struct.ts";
import type { Vcpu } from "../vcpu.ts";
import { fakeEngine } from "./fake_guest.ts";

/** Nanoseconds of one step. */
const STEP = 100_000;

export function machineOn(shared: SharedArrayBuffer, pcpu: number, pcpus = 2): Machine {
  const machine = new Machine({
    buffer: shared,
    pcpu,
    clockOffset: 0,
    makeEngine: fakeEngine,
    report: () => {},
  });
  machine.header.pcpus = pcpus;
  for (let index = 0; index < pcpus; index++) machine.pcpus[index].vcpu = NONE;
  return machine;
}

/** A domain whose vCPUs are up and runnable. */
export function addDomain(machine: Machine, domid: number, vcpus = 1): Domain {
  const layout = layoutHypervisor({ frames: 1, vcpus, mfnBase: 512 * domid, codeBytes: 65536 });
  const memory = new WebAssembly.Memory({ initial: layout.pages, maximum: layout.pages, shared: true });
  const views = new Views(memory.buffer);
  for (let id = 0; id < vcpus; id++) {
    const state = VcpuState.view(views, layout.reserve.vcpus + id * VcpuState.size);
    state.schedIndex = machine.scheduler.add(domid, id);
  }
  const domain = machine.attach({ domid, name: `d${domid}`, memory, layout });
  for (const vcpu of domain.vcpus) {
    machine.scheduler.clearFlags(vcpu, PauseFlag.DOWN | PauseFlag.DOMAIN_PAUSED);
  }
  return domain;
}

/** Runs for `runMs`, then sleeps for `sleepMs`. */
interface Sleeper {
  readonly runMs: number;
  readonly sleepMs: number;
  /** CPU time at which it blocks next. */
  until: number;
  wokenAt: number;
  /** From each wake-up to the pCPU, ms. */
  readonly latencies: number[];
}

export class VirtualPcpus {
  readonly #machines: Machine[];
  readonly #sleepers = new Map<number, Sleeper>();
  readonly #stalledUntil = new Map<Machine, number>();
  #seed = 1;
  #now = 1e9;
  /** The machine's own host runs a pCPU for about so many milliseconds (0: always), then others for as long. */
  stallMs = 0;
  #domids = 0;

  constructor(pcpus: number) {
    const shared = new SharedArrayBuffer(MACHINE.bytes);
    this.#machines = Array.from({ length: pcpus }, (_, pcpu) => machineOn(shared, pcpu, pcpus));
    for (const machine of this.#machines) {
      machine.clock.peek = () => this.#now;
      machine.pcpus[machine.pcpu].mode = PcpuMode.BUSY;
    }
  }

  get machine(): Machine {
    return this.#machines[0];
  }

  /** A domain that spins. */
  spinner(weight = 256, cap = 0, cpus?: number[], vcpus = 1): Domain {
    const domain = addDomain(this.machine, ++this.#domids, vcpus);
    for (const other of this.#machines.slice(1)) other.attach(domain.share);
    this.machine.scheduler.setParameters(domain.vcpus, weight, cap);
    if (cpus !== undefined) { for (const vcpu of domain.vcpus) this.pin(vcpu, cpus); }
    return domain;
  }

  pin(vcpu: Vcpu, cpus: number[]): void {
    const hard = cpus.reduce((mask, cpu) => mask | (1 << cpu), 0);
    this.machine.scheduler.setAffinity(vcpu, { lo: hard, hi: 0 }, { lo: -1, hi: -1 });
  }

  sleeper(runMs: number, sleepMs: number, weight = 256): { domain: Domain; latencies: number[] } {
    const domain = this.spinner(weight);
    const latencies: number[] = [];
    this.#sleepers.set(domain.vcpus[0].index, {
      runMs,
      sleepMs,
      until: runMs * 1e6,
      wokenAt: this.#now,
      latencies,
    });
    return { domain, latencies };
  }

  /** CPU time of each domain in the next `seconds`, in seconds. */
  run(seconds: number, domains: Domain[]): number[] {
    const times = () =>
      domains.map(({ vcpus }) =>
        vcpus.reduce((sum, { sched }) => {
          const running = sched.pcpu >= 0 ? this.#now - sched.ranSince : 0;
          return sum + (sched.cpuTime + running) / 1e9;
        }, 0)
      );
    const before = times();
    for (const end = this.#now + seconds * 1e9; this.#now < end; this.#now += STEP) {
      for (const machine of this.#machines) this.#step(machine);
    }
    return times().map((time, index) => time - before[index]);
  }

  /** From 0 to 1, the same ones every time. */
  #random(): number {
    this.#seed = (Math.imul(this.#seed, 1664525) + 1013904223) >>> 0;
    return this.#seed / 2 ** 32;
  }

  #step(machine: Machine): void {
    const { scheduler } = machine;
    const now = this.#now;
    if (this.stallMs > 0) {
      if ((this.#stalledUntil.get(machine) ?? 0) > now) return;
      if (this.#random() < STEP / 1e6 / this.stallMs) {
        this.#stalledUntil.set(machine, now + 2e6 * this.stallMs * this.#random());
        return;
      }
    }
    const pcpu = machine.pcpus[machine.pcpu];
    if (pcpu.mode === PcpuMode.IDLE && pcpu.sleepsUntil > now) return;
    for (const entry of scheduler.timers.takeDue(now)) {
      const vcpu = machine.attached(entry.owner - 1)!.vcpus[entry.vcpuId];
      this.#sleepers.get(vcpu.index)!.wokenAt = now;
      scheduler.wake(vcpu);
    }
    const index = pcpu.vcpu;
    if (index !== NONE) {
      const entry = scheduler.entry(index);
      const vcpu = machine.attached(entry.owner - 1)!.vcpus[entry.vcpuId];
      const sleeper = this.#sleepers.get(index);
      if (sleeper !== undefined && entry.cpuTime + now - entry.ranSince >= sleeper.until) {
        sleeper.until += sleeper.runMs * 1e6;
        scheduler.timers.setSingleshot(vcpu, now + sleeper.sleepMs * 1e6);
        scheduler.block(vcpu);
      }
      const isPreempted = pcpu.reschedule !== 0 && scheduler.protectedUntil(index) <= now;
      if (!scheduler.look(index, now) && entry.flags === 0 && !isPreempted) return;
      scheduler.unpick(index, now, vcpu);
    }
    scheduler.accounting.accountWhenDue(now);
    const next = scheduler.pick(now);
    const sleeper = this.#sleepers.get(next);
    if (sleeper !== undefined && sleeper.wokenAt !== 0) {
      sleeper.latencies.push((now - sleeper.wokenAt) / 1e6);
      sleeper.wokenAt = 0;
    }
  }
}
