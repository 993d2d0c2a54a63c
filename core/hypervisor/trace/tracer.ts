/** The main thread's side: turns tracing of domains on and off, and hands their records to whoever reads them. */
import type { Domain } from "../domain.ts";
import { MACHINE, NONE } from "../layout.ts";
import type { Machine } from "../machine.ts";
import { type TraceRecord, TraceRing } from "./ring.ts";

/** Far below the time in which a ring fills. */
const DRAIN_PERIOD_MS = 10;

export interface TraceReader {
  /** TraceKind bits that are wanted. */
  readonly kinds: number;
  /** Records of one domain, by time; called from a timer of the main thread. */
  take(records: readonly TraceRecord[]): void;
  /** So many records of all domains found no room since the last time. */
  lost(count: number): void;
}

export class Tracer {
  readonly #readers = new Map<number, Set<TraceReader>>();
  readonly #rings: TraceRing[];
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly machine: Machine, pcpus: number) {
    this.#rings = Array.from(
      { length: pcpus + 1 },
      (_, index) => new TraceRing(machine.buffer, MACHINE.bytes, index + NONE),
    );
  }

  /** Until the returned function is called, which hands over what is left first. */
  start(domain: Domain, reader: TraceReader): () => void {
    const { domid } = domain;
    const readers = this.#readers.get(domid) ?? new Set();
    // What others traced so far is not this reader's.
    this.drain();
    this.#readers.set(domid, readers.add(reader));
    this.#select(domain);
    this.#timer ??= setInterval(() => this.drain(), DRAIN_PERIOD_MS);
    return () => {
      if (!readers.has(reader)) return;
      this.drain();
      readers.delete(reader);
      if (this.machine.attached(domid) === domain) this.#select(domain);
      if (readers.size === 0 && this.#readers.get(domid) === readers) this.#readers.delete(domid);
      if (this.#readers.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  #select(domain: Domain): void {
    let kinds = 0;
    for (const reader of this.#readers.get(domain.domid) ?? []) kinds |= reader.kinds;
    domain.header.traceKinds = kinds;
  }

  /** Hands out everything that is in the rings. */
  drain(): void {
    const byDomain = new Map<number, TraceRecord[]>();
    let lost = 0;
    for (const ring of this.#rings) {
      lost += ring.drain((record) => {
        if (!this.#readers.has(record.domid)) return;
        const records = byDomain.get(record.domid);
        if (records === undefined) byDomain.set(record.domid, [record]);
        else records.push(record);
      });
    }
    for (const [domid, readers] of this.#readers) {
      const records = byDomain.get(domid)?.sort((a, b) => a.time - b.time) ?? [];
      for (const reader of readers) {
        if (lost > 0) reader.lost(lost);
        const wanted = records.filter(({ kind }) => (kind & reader.kinds) !== 0);
        if (wanted.length > 0) reader.take(wanted);
      }
    }
  }

  /** No reader hears any more. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#readers.clear();
  }
}
