/** Rates between samples: what comes, goes and begins anew. */
import assert from "node:assert/strict";
import type { DomainFigures, MachineFigures } from "../api/figures.ts";
import { busyPercent, machineRates, NO_RATES, ratesBetween, vcpuPercents } from "./rates.ts";
import { FIGURES, GUEST_FIGURES, VBD_FIGURES, VCPU_FIGURES, VIF_FIGURES } from "./testing.ts";

const now: DomainFigures = {
  ...GUEST_FIGURES,
  seconds: 1.54,
  vcpus: [{ ...VCPU_FIGURES, seconds: 1.54, retired: 4000 }, { ...VCPU_FIGURES, id: 2, seconds: 0.5 }],
  vifs: [VIF_FIGURES],
  vbds: [{ ...VBD_FIGURES, reads: 8, readSectors: 16 }],
};

Deno.test("by the time between, of CPU, devices and counters; a device that came counts from nothing", () => {
  const rates = ratesBetween(GUEST_FIGURES, now, 2);
  assert.equal(rates.cpuPercent, 75);
  assert.deepEqual([rates.netTx, rates.netRx, rates.vbdReads, rates.vbdReadBytes], [1024, 2000, 4, 4096]);
  assert.deepEqual([rates.instructions, rates.counters], [2000, {}]);
  assert.deepEqual(vcpuPercents(GUEST_FIGURES, now, 2), [75, 0, 25]);
});

Deno.test("a counter that went back began anew, and so did another domain or xend", () => {
  const fewer = { ...now, counters: { tlbMisses: 40 } };
  assert.deepEqual(ratesBetween(GUEST_FIGURES, fewer, 2).counters, { tlbMisses: 20 });
  assert.equal(ratesBetween(GUEST_FIGURES, { ...now, startedAt: 5 }, 2), NO_RATES);
  assert.equal(ratesBetween(GUEST_FIGURES, now, 0), NO_RATES);
  const after: MachineFigures = { ...FIGURES, clock: FIGURES.clock + 2000, domains: [now] };
  assert.equal(machineRates(FIGURES, after).get(1)?.cpuPercent, 75);
  assert.equal(machineRates({ ...FIGURES, xendPid: 2 }, after).get(1), NO_RATES);
  assert.equal(machineRates(undefined, after).get(1), NO_RATES);
});

Deno.test("a pCPU is busy when it is not idle", () => {
  const [pcpu] = FIGURES.pcpus;
  assert.equal(busyPercent(pcpu, { ...pcpu, idleSeconds: pcpu.idleSeconds + 0.5 }, 2), 75);
  assert.equal(busyPercent(pcpu, { ...pcpu, idleSeconds: 0 }, 2), 0);
  assert.equal(busyPercent(undefined, pcpu, 2), 0);
});
