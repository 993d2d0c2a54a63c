/**
 * Time: one epoch for the machine, nanoseconds of system time since its start, told alike by every thread. The guest's TSC counts the same
 * nanoseconds (1 GHz), so the pvclock scale is 1.
 */
import { shared_info, vcpu_info, vcpu_time_info, XEN_PVCLOCK_TSC_STABLE_BIT } from "./abi/xen.ts";
import type { Domain } from "./domain.ts";
import { MACHINE, MachineHeader } from "./layout.ts";
import type { Views } from "./struct.ts";
import type { Vcpu } from "./vcpu.ts";

export const SECOND = 1e9;
export const MILLISECOND = 1e6;

/** This thread's clock in nanoseconds, zero when the thread began. */
export function threadTimeNs(): number {
  return performance.now() * 1e6;
}

export class Clock {
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;
  readonly #lock = (MACHINE.header + MachineHeader.offsets.clockLock) >>> 2;
  readonly #maximum = (MACHINE.header + MachineHeader.offsets.clockMaximum) >>> 3;
  readonly #epoch = (MACHINE.header + MachineHeader.offsets.wallClockEpoch) >>> 3;

  /** @param offset nanoseconds: system time = threadTimeNs() + offset */
  constructor(views: Views, readonly offset: number) {
    this.#words = views.i32;
    this.#doubles = views.f64;
  }

  /** Rises strictly, over all threads: each reading is later than every reading that ended before it began. */
  systemTimeNs(): number {
    const now = Math.floor(performance.now() * 1e6 + this.offset);
    const words = this.#words, doubles = this.#doubles, lock = this.#lock;
    // A spin lock of its own: three instructions are held under it, on a path that is taken at each RDTSC.
    while (Atomics.compareExchange(words, lock, 0, 1) !== 0) { /* spin */ }
    const latest = doubles[this.#maximum];
    const told = now > latest ? now : latest + 1;
    doubles[this.#maximum] = told;
    Atomics.store(words, lock, 0);
    return told;
  }

  /** About now, without the promise of `systemTimeNs`. */
  peek(): number {
    return performance.now() * 1e6 + this.offset;
  }

  /** Wall-clock nanoseconds since 1970 at system time 0. */
  get wallClockEpoch(): number {
    return this.#doubles[this.#epoch];
  }

  set wallClockEpoch(nanoseconds: number) {
    this.#doubles[this.#epoch] = nanoseconds;
  }
}

const TIME_OFFSET = { 64: vcpu_info.offset("time", 64), 32: vcpu_info.offset("time", 32) };
const TIME = {
  tscTimestamp: vcpu_time_info.offset("tsc_timestamp"),
  systemTime: vcpu_time_info.offset("system_time"),
  scale: vcpu_time_info.offset("tsc_to_system_mul"),
  shift: vcpu_time_info.offset("tsc_shift"),
  flags: vcpu_time_info.offset("flags"),
};

/**
 * Writes vcpu_time_info at a byte address by its version protocol (xen.h: odd while it changes). 2^31 shifted left by one is a scale of 1: the TSC
 * counts system time.
 */
export function writeTimeInfo(views: Views, address: number, nowNs: number): void {
  const { i32, u8 } = views;
  const word = address >>> 2;
  const lo = nowNs % 4294967296 | 0, hi = Math.floor(nowNs / 4294967296) | 0;
  const version = i32[word];
  Atomics.store(i32, word, (version | 1) + (version & 1 ? 2 : 0));
  i32[(address + TIME.tscTimestamp) >>> 2] = lo;
  i32[(address + TIME.tscTimestamp + 4) >>> 2] = hi;
  i32[(address + TIME.systemTime) >>> 2] = lo;
  i32[(address + TIME.systemTime + 4) >>> 2] = hi;
  i32[(address + TIME.scale) >>> 2] = 0x80000000 | 0;
  u8[address + TIME.shift] = 1;
  u8[address + TIME.flags] = XEN_PVCLOCK_TSC_STABLE_BIT;
  Atomics.store(i32, word, (Atomics.load(i32, word) + 1) & ~1);
}

/** The vCPU's own time area in its vcpu_info: at each schedule-in, and when its vcpu_info moves. */
export function updateVcpuTime(vcpu: Vcpu, nowNs: number): void {
  const { domain, state } = vcpu;
  if (state.vcpuInfo === 0) return;
  writeTimeInfo(domain.views, state.vcpuInfo + TIME_OFFSET[domain.header.width === 32 ? 32 : 64], nowNs);
}

/** The shared info's wall clock: the time of day at system time 0, with the domain's own offset (public/xen.h, wc_*). */
export function updateWallClock(domain: Domain): void {
  const { views, header } = domain;
  const width = header.width === 32 ? 32 : 64;
  const at = (field: "wc_version" | "wc_sec" | "wc_nsec" | "wc_sec_hi") =>
    (header.sharedInfo + shared_info.offset(field, width)) >>> 2;
  const epoch = domain.machine.clock.wallClockEpoch + header.timeOffsetSeconds * SECOND;
  const seconds = Math.floor(epoch / SECOND);
  const { i32 } = views;
  const version = at("wc_version");
  Atomics.store(i32, version, (i32[version] + 1) | 1);
  i32[at("wc_sec")] = seconds % 4294967296 | 0;
  i32[at("wc_nsec")] = Math.floor(epoch - seconds * SECOND);
  i32[at("wc_sec_hi")] = Math.floor(seconds / 4294967296);
  Atomics.store(i32, version, (i32[version] + 1) & ~1);
}
