/**
 * Trace rings: one for each thread of the machine, in its shared buffer behind everything else, written by that thread alone and read by the main thread.
 * Records have a fixed size; what finds no room is counted as lost, and nobody ever waits. The pages of a ring that nobody traces into are never touched.
 */
import { Views } from "../struct.ts";

/** What can be traced; bits of DomainHeader.traceKinds. */
export const TraceKind = { HYPERCALL: 1, TRAP: 2, EVENT: 4, GRANT: 8 } as const;
export type TraceKind = typeof TraceKind[keyof typeof TraceKind];

/** `number` of TRAP records: vectors below 256, and what Xen does for a PV guest beside exceptions. */
export const TraceTrap = {
  SYSCALL: 256,
  SOFTWARE_INTERRUPT: 257,
  EMULATION: 258,
  TABLE_WRITE: 259,
  CPUID: 260,
} as const;
/** `number` of EVENT records: the guest sends, an event becomes pending for it, its callback is entered. */
export const TraceEvent = { SEND: 0, RAISE: 1, UPCALL: 2 } as const;

/** Bits of a record's flags. */
export const TraceFlag = {
  /** A hypercall inside a multicall. */
  INNER: 1,
  /** The hypercall goes on later, with the arguments that are left. */
  CONTINUES: 2,
  /** It gives no result: the registers are another context's now (iret). */
  NO_RESULT: 4,
} as const;

export const TRACE_ARGUMENTS = 6;
/** Bytes of the guest's memory that a record holds at most: what an argument points to. */
export const TRACE_PAYLOAD = 64;

/** Offsets in a record. */
const TIME = 0,
  DURATION = 8,
  RIP = 16,
  RESULT = 24,
  ARGUMENTS = 32,
  DOMID = 80,
  VCPU = 82,
  KIND = 84,
  FLAGS = 85;
const PAYLOAD_BYTES = 86, NUMBER = 88, PAYLOAD = 92;
const RECORD_BYTES = 160;

/** A boot of Linux makes some 100,000 in a second, and the main thread may be at something else for half of it. */
const RING_RECORDS = 65536;
const HEAD = 0, TAIL = 1, LOST = 2;
const RING_HEADER = 64;
const RING_BYTES = RING_HEADER + RING_RECORDS * RECORD_BYTES;

/** Bytes of the rings of a machine: the main thread's and one for each pCPU. */
export function traceBytes(pcpus: number): number {
  return (pcpus + 1) * RING_BYTES;
}

export interface TraceRecord {
  /** System time, nanoseconds. */
  readonly time: number;
  /** Nanoseconds it took, of hypercalls. */
  readonly duration: number;
  readonly domid: number;
  readonly vcpu: number;
  readonly kind: TraceKind;
  readonly number: number;
  readonly flags: number;
  readonly rip: bigint;
  readonly result: bigint;
  readonly args: readonly bigint[];
  readonly payload: Uint8Array;
}

/** What a thread writes: halves of 64-bit words, as handlers have them. */
export interface TraceEntry {
  readonly domid: number;
  readonly vcpu: number;
  readonly kind: TraceKind;
  readonly number: number;
  readonly time: number;
  readonly duration?: number;
  readonly flags?: number;
  readonly ripLo?: number;
  readonly ripHi?: number;
  readonly resultLo?: number;
  readonly resultHi?: number;
  /** Low and high half of each argument. */
  readonly args?: ArrayLike<number>;
  readonly payload?: Uint8Array;
}

/** Rings of a machine whose buffer has no room for them lose everything. */
export class TraceRing {
  readonly #views: Views;
  readonly #base: number;
  readonly #data: DataView;
  readonly #isThere: boolean;

  /** @param start byte offset of the rings in the machine's buffer; @param pcpu NONE (-1): the main thread */
  constructor(buffer: SharedArrayBuffer, start: number, pcpu: number) {
    this.#base = start + (pcpu + 1) * RING_BYTES;
    this.#isThere = this.#base + RING_BYTES <= buffer.byteLength;
    this.#views = new Views(buffer);
    this.#data = new DataView(buffer);
  }

  /** By the thread whose ring it is. */
  write(entry: TraceEntry): void {
    if (!this.#isThere) return;
    const { i32, u8 } = this.#views;
    const words = this.#base >>> 2;
    const head = Atomics.load(i32, words + HEAD);
    if (((head - Atomics.load(i32, words + TAIL)) >>> 0) >= RING_RECORDS) {
      Atomics.add(i32, words + LOST, 1);
      return;
    }
    const at = this.#record(head);
    const data = this.#data, word = at >>> 2;
    data.setFloat64(at + TIME, entry.time, true);
    data.setFloat64(at + DURATION, entry.duration ?? 0, true);
    i32[word + RIP / 4] = entry.ripLo ?? 0;
    i32[word + RIP / 4 + 1] = entry.ripHi ?? 0;
    i32[word + RESULT / 4] = entry.resultLo ?? 0;
    i32[word + RESULT / 4 + 1] = entry.resultHi ?? 0;
    for (let i = 0; i < TRACE_ARGUMENTS * 2; i++) i32[word + ARGUMENTS / 4 + i] = entry.args?.[i] ?? 0;
    data.setUint16(at + DOMID, entry.domid, true);
    data.setUint16(at + VCPU, entry.vcpu, true);
    u8[at + KIND] = entry.kind;
    u8[at + FLAGS] = entry.flags ?? 0;
    i32[word + NUMBER / 4] = entry.number;
    const size = Math.min(TRACE_PAYLOAD, entry.payload?.length ?? 0);
    u8[at + PAYLOAD_BYTES] = size;
    if (entry.payload !== undefined) u8.set(entry.payload.subarray(0, size), at + PAYLOAD);
    Atomics.store(i32, words + HEAD, (head + 1) | 0);
  }

  #record(count: number): number {
    return this.#base + RING_HEADER + (count & (RING_RECORDS - 1)) * RECORD_BYTES;
  }

  /** By the main thread: takes everything out. @returns how many records were lost since the last time */
  drain(take: (record: TraceRecord) => void): number {
    if (!this.#isThere) return 0;
    const { i32, u8 } = this.#views;
    const words = this.#base >>> 2;
    const head = Atomics.load(i32, words + HEAD);
    const data = this.#data;
    let tail = Atomics.load(i32, words + TAIL);
    while (tail !== head) {
      const at = this.#record(tail);
      const payload = u8.slice(at + PAYLOAD, at + PAYLOAD + u8[at + PAYLOAD_BYTES]);
      take({
        time: data.getFloat64(at + TIME, true),
        duration: data.getFloat64(at + DURATION, true),
        domid: data.getUint16(at + DOMID, true),
        vcpu: data.getUint16(at + VCPU, true),
        kind: u8[at + KIND] as TraceKind,
        number: data.getInt32(at + NUMBER, true),
        flags: u8[at + FLAGS],
        rip: data.getBigUint64(at + RIP, true),
        result: data.getBigInt64(at + RESULT, true),
        args: Array.from(
          { length: TRACE_ARGUMENTS },
          (_, i) => data.getBigUint64(at + ARGUMENTS + i * 8, true),
        ),
        payload,
      });
      tail = (tail + 1) | 0;
      Atomics.store(i32, words + TAIL, tail);
    }
    return Atomics.exchange(i32, words + LOST, 0);
  }
}
