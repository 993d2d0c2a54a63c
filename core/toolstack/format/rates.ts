/**
 * What happened a second between two samples of the figures; 0 in a domain's first. A counter that went back began anew: what it shows now came since.
 * Devices and vCPUs come and go: each is compared with itself.
 */
import type { DomainFigures, MachineFigures, PcpuFigures, VbdFigures, VifFigures } from "../api/figures.ts";

export interface Rates {
  /** Per cent of one pCPU. */
  readonly cpuPercent: number;
  /** Bytes a second. */
  readonly netTx: number;
  readonly netRx: number;
  readonly vbdReads: number;
  readonly vbdWrites: number;
  /** Bytes a second. */
  readonly vbdReadBytes: number;
  readonly vbdWriteBytes: number;
  /** Instructions retired a second. */
  readonly instructions: number;
  /** Of every counter that moved. */
  readonly counters: Readonly<Record<string, number>>;
}

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

export const SECTOR_BYTES = 512;

/** One life of a domain: a restarted domain keeps its UUID, a restarted xend counts everything anew. */
export function isSameLife(before: DomainFigures, now: DomainFigures): boolean {
  return before.uuid === now.uuid && before.domid === now.domid && before.startedAt === now.startedAt;
}

const since = (before: number, now: number) => now >= before ? now - before : now;

function growth<T>(
  before: readonly T[],
  now: readonly T[],
  id: (item: T) => number,
  value: (item: T) => number,
): number {
  const earlier = new Map(before.map((item) => [id(item), value(item)]));
  return now.reduce((sum, item) => sum + since(earlier.get(id(item)) ?? 0, value(item)), 0);
}

const devid = (device: { readonly devid: number }) => device.devid;

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
  const vifs = (value: (vif: VifFigures) => number) => growth(before.vifs, now.vifs, devid, value) / seconds;
  const vbds = (value: (vbd: VbdFigures) => number) => growth(before.vbds, now.vbds, devid, value) / seconds;
  return {
    cpuPercent: 100 * Math.max(0, now.seconds - before.seconds) / seconds,
    netTx: vifs(({ txBytes }) => txBytes),
    netRx: vifs(({ rxBytes }) => rxBytes),
    vbdReads: vbds(({ reads }) => reads),
    vbdWrites: vbds(({ writes }) => writes),
    vbdReadBytes: SECTOR_BYTES * vbds(({ readSectors }) => readSectors),
    vbdWriteBytes: SECTOR_BYTES * vbds(({ writtenSectors }) => writtenSectors),
    instructions: growth(before.vcpus, now.vcpus, ({ id }) => id, ({ retired }) => retired) / seconds,
    counters: counterRates(before, now, seconds),
  };
}

/** By domid, of all domains of the later sample. Another xend has counted everything anew. */
export function machineRates(before: MachineFigures | undefined, now: MachineFigures): Map<number, Rates> {
  const isSameXend = before?.xendPid === now.xendPid && before.xendStartedAt === now.xendStartedAt;
  const seconds = before === undefined || !isSameXend ? 0 : (now.clock - before.clock) / 1000;
  const earlier = new Map(before?.domains.map((domain) => [domain.domid, domain]));
  return new Map(now.domains.map((domain) => {
    const base = earlier.get(domain.domid);
    return [domain.domid, base === undefined ? NO_RATES : ratesBetween(base, domain, seconds)];
  }));
}

/** By vCPU number, per cent of one pCPU. */
export function vcpuPercents(
  before: DomainFigures | undefined,
  now: DomainFigures,
  seconds: number,
): number[] {
  const count = Math.max(0, ...now.vcpus.map(({ id }) => id + 1));
  const percents = Array.from({ length: count }, () => 0);
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
  return idle < 0 ? 0 : Math.min(100, Math.max(0, 100 * (1 - idle / seconds)));
}
