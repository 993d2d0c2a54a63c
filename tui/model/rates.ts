/** What happened a second between two samples of the figures. A counter that went back began anew: what it shows now came since. */
import type { DomainFigures, PcpuFigures, VcpuFigures } from "../../core/toolstack/api/figures.ts";
import type { Rates } from "./types.ts";

const SECTOR_BYTES = 512;

export const NO_RATES: Rates = {
  cpuPercent: 0,
  netTx: 0,
  netRx: 0,
  vbdReads: 0,
  vbdWrites: 0,
  vbdReadBytes: 0,
  vbdWriteBytes: 0,
  instructions: 0,
  counters: {},
};

/** One life of a domain: a restarted domain keeps its UUID, a restarted xend counts everything anew. */
export function isSameLife(before: DomainFigures, now: DomainFigures): boolean {
  return before.uuid === now.uuid && before.domid === now.domid && before.startedAt === now.startedAt;
}

const since = (before: number, now: number) => now >= before ? now - before : now;

/** Devices and vCPUs come and go: each is compared with itself. */
function growth<T>(
  before: readonly T[],
  now: readonly T[],
  id: (item: T) => number,
  value: (item: T) => number,
) {
  const earlier = new Map(before.map((item) => [id(item), value(item)]));
  return now.reduce((sum, item) => sum + since(earlier.get(id(item)) ?? 0, value(item)), 0);
}

const devid = (device: { readonly devid: number }) => device.devid;
const vcpuId = ({ id }: VcpuFigures) => id;

function counterRates(before: DomainFigures, now: DomainFigures, seconds: number): Record<string, number> {
  const rates: Record<string, number> = {};
  for (const [name, count] of Object.entries(now.counters)) {
    const moved = since(before.counters[name] ?? 0, count);
    if (moved > 0) rates[name] = moved / seconds;
  }
  return rates;
}

/** @param seconds between the two, by the clock that nobody sets */
export function ratesBetween(before: DomainFigures, now: DomainFigures, seconds: number): Rates {
  if (!(seconds > 0) || !isSameLife(before, now)) return NO_RATES;
  const vifs = (value: (vif: DomainFigures["vifs"][number]) => number) =>
    growth(before.vifs, now.vifs, devid, value) / seconds;
  const vbds = (value: (vbd: DomainFigures["vbds"][number]) => number) =>
    growth(before.vbds, now.vbds, devid, value) / seconds;
  return {
    // Domain-0's time is what its process used less what its guests did: it can go back a little.
    cpuPercent: 100 * Math.max(0, now.seconds - before.seconds) / seconds,
    netTx: vifs(({ txBytes }) => txBytes),
    netRx: vifs(({ rxBytes }) => rxBytes),
    vbdReads: vbds(({ reads }) => reads),
    vbdWrites: vbds(({ writes }) => writes),
    vbdReadBytes: SECTOR_BYTES * vbds(({ readSectors }) => readSectors),
    vbdWriteBytes: SECTOR_BYTES * vbds(({ writtenSectors }) => writtenSectors),
    instructions: growth(before.vcpus, now.vcpus, vcpuId, ({ retired }) => retired) / seconds,
    counters: counterRates(before, now, seconds),
  };
}

/** By vCPU number. */
export function vcpuPercents(
  before: DomainFigures | undefined,
  now: DomainFigures,
  seconds: number,
): number[] {
  const percents: number[] = Array.from(
    { length: Math.max(0, ...now.vcpus.map(({ id }) => id + 1)) },
    () => 0,
  );
  if (before === undefined || !(seconds > 0) || !isSameLife(before, now)) return percents;
  const earlier = new Map(before.vcpus.map((vcpu) => [vcpu.id, vcpu.seconds]));
  for (const { id, seconds: used } of now.vcpus) {
    percents[id] = 100 * Math.max(0, used - (earlier.get(id) ?? 0)) / seconds;
  }
  return percents;
}

/** @returns 0 to 100 */
export function busyPercent(before: PcpuFigures | undefined, now: PcpuFigures, seconds: number): number {
  if (before === undefined || !(seconds > 0) || now.state === "offline") return 0;
  const idle = now.idleSeconds - before.idleSeconds;
  if (idle < 0) return 0;
  return Math.min(100, Math.max(0, 100 * (1 - idle / seconds)));
}
