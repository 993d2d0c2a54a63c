/**
 * How much of the time that a pCPU billed its vCPUs the host really gave its thread. Billing goes by the clock, as Xen's does; but a host that
 * runs something else on the core meanwhile takes the time from whoever was billed. From time to time the thread's own CPU time is read, and what is
 * missing is split among those that ran since the last reading, by what they were billed.
 *
 * What the thread got beyond what passed while it did not sleep is a clock that counts in ticks, or the work of falling asleep; so much of it is
 * kept for the next reading as the former explains. Thus no error adds up.
 */
import process from "node:process";
import { MILLISECOND } from "./time.ts";

/** Billed time between two readings, which take 20 us each. */
const PERIOD = 100 * MILLISECOND;
/** Of the host's clock of CPU time: Linux counts it in ticks of up to 10 ms where a thread asks for its own. */
const MOST_CARRIED = 20 * MILLISECOND;
/** How far back the share that a thread gets is remembered. */
const MEMORY = 500 * MILLISECOND;

/** This thread's CPU time in nanoseconds; undefined where the system does not tell. */
export function threadCpuNs(): number | undefined {
  const { threadCpuUsage } = process;
  if (threadCpuUsage === undefined) return undefined;
  const { user, system } = threadCpuUsage.call(process);
  return (user + system) * 1000;
}

/** What came out for a vCPU, nanoseconds. */
export interface Settled {
  readonly vcpu: number;
  readonly billed: number;
  /** Of that, what the host did not give. */
  readonly withheld: number;
}

export class CpuMeter {
  /** By vCPU: its index in the machine's table. */
  readonly #billed = new Map<number, number>();
  #sum = 0;
  #slept = 0;
  #carried = 0;
  #share = 1;
  #since: number;
  #cpu: number;

  /** @param read CPU time of the thread that bills, nanoseconds */
  constructor(private readonly read: () => number, now: number) {
    this.#since = now;
    this.#cpu = read();
  }

  bill(vcpu: number, nanoseconds: number): void {
    this.#billed.set(vcpu, (this.#billed.get(vcpu) ?? 0) + nanoseconds);
    this.#sum += nanoseconds;
  }

  /** The thread waited for that long: nobody was billed. */
  sleep(nanoseconds: number): void {
    this.#slept += nanoseconds;
  }

  /** Enough was billed for another reading. */
  get isDue(): boolean {
    return this.#sum >= PERIOD;
  }

  /** What part of its time the thread got lately: the best guess at what is billed and not settled yet. */
  get share(): number {
    return this.#share;
  }

  /** @param now when the last bill ended */
  settle(now: number): Settled[] {
    const cpu = this.read();
    const wanted = Math.max(0, now - this.#since - this.#slept);
    const got = cpu - this.#cpu + this.#carried;
    const given = Math.min(got, wanted);
    this.#carried = Math.min(got - given, MOST_CARRIED);
    const missing = wanted > 0 ? 1 - given / wanted : 0;
    const settled = [...this.#billed].map(([vcpu, billed]) => ({ vcpu, billed, withheld: billed * missing }));
    // A short interval says little.
    const weight = wanted / (wanted + MEMORY);
    this.#share += weight * (1 - missing - this.#share);
    this.#billed.clear();
    this.#sum = this.#slept = 0;
    this.#since = now;
    this.#cpu = cpu;
    return settled;
  }
}
