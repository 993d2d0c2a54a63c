/** `sched-credit` and `cpupool-list` (xl_sched.c, xl_cpupool.c). */
import type { SchedulerParameters } from "../api/types.ts";
import { left, right } from "./text.ts";

/** What Xen's credit scheduler works with here. */
export const POOL_LINE = "Cpupool Pool-0: tslice=30ms ratelimit=1000us migration-delay=0us\n";

export interface CreditRow {
  readonly name: string;
  readonly domid: number;
  readonly scheduler: SchedulerParameters;
}

/** The same in xl and xm. */
export function creditTable(rows: readonly CreditRow[]): string {
  const header = `${left("Name", 33)} ${right("ID", 4)} ${right("Weight", 6)} ${right("Cap", 4)}\n`;
  return header +
    rows.map(({ name, domid, scheduler: { weight, cap } }) =>
      `${left(name, 33)} ${right(domid, 4)} ${right(weight, 6)} ${right(cap, 4)}\n`
    ).join("");
}

export const POOL_NAME = "Pool-0";

export function cpupoolTable(pcpus: number, domains: number): string {
  return "Name               CPUs   Sched     Active   Domain count\n" +
    `${left(POOL_NAME, 19)}${right(pcpus, 3)} ${right("credit", 9)}       y       ${right(domains, 4)}\n`;
}

/** xl names each number. */
export function cpupoolCpus(pcpus: number): string {
  const numbers = Array.from({ length: pcpus }, (_, number) => number);
  return `Name               CPU list\n${left(POOL_NAME, 19)}${numbers.join(",")}\n`;
}
