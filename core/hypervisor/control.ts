/** What can be asked of a domain from outside beside its life cycle (XEN_DOMCTL_*): scheduling, memory limit, triggers, a core dump. Main thread. */
import { setTimeout as sleep } from "node:timers/promises";
import { CoreDump } from "./core_dump.ts";
import { ALL_CPUS, maskMembers, maskOf, MAX_WEIGHT } from "./credit.ts";
import type { Domain } from "./domain.ts";
import { NONE } from "./layout.ts";
import type { Vcpu } from "./vcpu.ts";

/** XEN_DOMCTL_SENDTRIGGER_* by libxl's names. */
export const TRIGGERS = ["nmi", "reset", "init", "power", "sleep", "s3resume"] as const;
export type Trigger = typeof TRIGGERS[number];

export interface SchedulerParameters {
  /** 1 to 65535. */
  readonly weight: number;
  /** Per cent of one pCPU, for all vCPUs together; 0: none. */
  readonly cap: number;
}

/** pCPU numbers, rising. */
export interface Affinity {
  readonly hard: readonly number[];
  readonly soft: readonly number[];
}

/** How long a paused vCPU may take to leave its pCPU. */
const PAUSE_PATIENCE_MS = 5000;

export class DomainControl {
  constructor(private readonly domain: Domain) {}

  /** The credit scheduler's parameters (XEN_DOMCTL_scheduler_op). */
  readonly schedule = {
    get: (): SchedulerParameters => {
      const { weight, cap } = this.domain.vcpus[0].sched;
      return { weight, cap };
    },
    /** What is not named stays. @throws RangeError for a weight outside 1 to 65535, a cap of more than 100 for each vCPU */
    set: (parameters: Partial<SchedulerParameters>): void => {
      const { weight, cap } = { ...this.schedule.get(), ...parameters };
      const { vcpus, machine } = this.domain;
      if (!Number.isInteger(weight) || weight < 1 || weight > MAX_WEIGHT) {
        throw new RangeError(`a weight is from 1 to ${MAX_WEIGHT}; ${weight} was given`);
      }
      if (!Number.isInteger(cap) || cap < 0 || cap > 100 * vcpus.length) {
        throw new RangeError(
          `a cap is from 0 to ${100 * vcpus.length} with ${vcpus.length} vCPUs; ${cap} was given`,
        );
      }
      machine.scheduler.setParameters(vcpus, weight, cap);
    },
  };

  affinity(id: number): Affinity {
    const { hardLo, hardHi, softLo, softHi } = this.#vcpu(id).sched;
    const { pcpus } = this.domain.machine.header;
    return {
      hard: maskMembers({ lo: hardLo, hi: hardHi }, pcpus),
      soft: maskMembers({ lo: softLo, hi: softHi }, pcpus),
    };
  }

  /**
   * pCPUs that a vCPU may run on, and those that it prefers; what is not given stays. All of the host's pCPUs: wherever.
   * @throws RangeError when there is no such vCPU, or no pCPU of the host is among them
   */
  setAffinity(id: number, hard?: readonly number[], soft?: readonly number[]): void {
    const vcpu = this.#vcpu(id);
    const { pcpus } = this.domain.machine.header;
    const { hardLo, hardHi, softLo, softHi } = vcpu.sched;
    const mask = (cpus: readonly number[]) => {
      const made = maskOf(cpus);
      const members = maskMembers(made, pcpus);
      if (members.length === 0) throw new RangeError(`the host's pCPUs are 0 to ${pcpus - 1}; not [${cpus}]`);
      return members.length === pcpus ? ALL_CPUS : made;
    };
    this.domain.machine.scheduler.setAffinity(
      vcpu,
      hard === undefined ? { lo: hardLo, hi: hardHi } : mask(hard),
      soft === undefined ? { lo: softLo, hi: softHi } : mask(soft),
    );
  }

  /** Whether the guest has brought the vCPU up (and not down again). */
  vcpuOnline(id: number): boolean {
    return this.#vcpu(id).isUp;
  }

  /**
   * XEN_DOMCTL_max_mem: the most pages it may own. It may own more already: it gets no new ones then.
   * @throws RangeError beyond the room that it was created with
   */
  setMaxPages(pages: number): void {
    const { header, layout } = this.domain;
    if (!Number.isInteger(pages) || pages < 1 || pages > layout.frames) {
      throw new RangeError(
        `domain ${this.domain.domid} has room for ${layout.frames} pages; ${pages} were given`,
      );
    }
    header.maxPages = pages;
  }

  /**
   * XEN_DOMCTL_sendtrigger. A PV guest knows NMIs only: its vCPU's registered callback is called.
   * @throws RangeError for what no guest knows or no such vCPU; Error for what a PV guest does not know
   */
  trigger(name: string, id = 0): void {
    if (!TRIGGERS.some((trigger) => trigger === name)) {
      throw new RangeError(`there is no trigger ${name}; there are ${TRIGGERS.join(", ")}`);
    }
    const vcpu = this.#vcpu(id);
    if (name !== "nmi") {
      throw new Error(
        `a PV guest has no ${name} ${name === "power" || name === "sleep" ? "button" : "line"}: only nmi`,
      );
    }
    vcpu.state.nmiPending = 1;
    this.domain.machine.wakeVcpu(vcpu);
  }

  /**
   * Writes an ELF core in Xen's format (see core_dump.ts), in chunks that are only good until `write` returns. A domain that is paused or down is dumped as it
   * is; of one that runs, pages and registers may not be of the same moment.
   */
  async coreDump(write: (chunk: Uint8Array) => void | Promise<void>): Promise<void> {
    await this.settle();
    for (const chunk of new CoreDump(this.domain).chunks()) await write(chunk);
  }

  /** Resolves when every vCPU that may not run has left its pCPU. */
  async settle(): Promise<void> {
    const isLeaving = ({ sched }: Vcpu) => sched.flags !== 0 && sched.pcpu !== NONE;
    for (const end = performance.now() + PAUSE_PATIENCE_MS; this.domain.vcpus.some(isLeaving);) {
      if (performance.now() > end) throw new Error(`domain ${this.domain.domid} does not stop`);
      await sleep(1);
    }
  }

  #vcpu(id: number): Vcpu {
    const vcpu = this.domain.vcpus[id];
    if (vcpu === undefined) throw new RangeError(`domain ${this.domain.domid} has no vCPU ${id}`);
    return vcpu;
  }
}
