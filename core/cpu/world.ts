/**
 * How the workers of one domain stay out of each other's way: a lock for the code cache, and stopping every vCPU of the domain.
 *
 * A context's epoch is odd while its code runs in wasm. Whoever must be sure that no vCPU holds on to something (a TLB tag, a record) takes
 * the lock, sets STOP and waits until every epoch is even; a vCPU about to enter looks at STOP after making its epoch odd.
 */
import { CONTEXT_BYTES, CTX, KICK_ENGINE } from "./context.ts";
import type { DomainLayout } from "./layout.ts";

/** Words at layout.engine. */
export const EngineWord = {
  /** 0 new, 1 being made, 2 ready */
  READY: 0,
  /** 0 free, 1 taken, 2 taken and waited for */
  LOCK: 1,
  STOP: 2,
  /** Next free byte of the code arena. */
  ARENA_NEXT: 3,
  /** How often the arena was emptied. */
  GENERATION: 4,
  /** Goes up when every space of the domain becomes stale. */
  STALE: 5,
} as const;

/** The main thread of a page may not wait; Deno's may. */
const PATIENCE_MS = 5;

export class World {
  readonly #i32: Int32Array;
  readonly #words: number;
  readonly #layout: DomainLayout;
  #held = 0;

  constructor(buffer: ArrayBufferLike, layout: DomainLayout) {
    this.#i32 = new Int32Array(buffer);
    this.#words = layout.engine >>> 2;
    this.#layout = layout;
  }

  word(which: number): number {
    return Atomics.load(this.#i32, this.#words + which);
  }
  setWord(which: number, value: number): void {
    Atomics.store(this.#i32, this.#words + which, value);
  }
  addWord(which: number, value: number): void {
    Atomics.add(this.#i32, this.#words + which, value);
  }

  /** Runs `make` once for the domain, whichever worker comes first; the others wait for it. */
  once(make: () => void): void {
    const at = this.#words + EngineWord.READY;
    if (Atomics.compareExchange(this.#i32, at, 0, 1) === 0) {
      make();
      Atomics.store(this.#i32, at, 2);
      Atomics.notify(this.#i32, at);
    }
    while (Atomics.load(this.#i32, at) !== 2) Atomics.wait(this.#i32, at, 1, PATIENCE_MS);
  }

  /** With the domain's code lock; may be nested on one worker. */
  locked<T>(action: () => T): T {
    const at = this.#words + EngineWord.LOCK;
    if (this.#held === 0 && Atomics.compareExchange(this.#i32, at, 0, 1) !== 0) {
      while (Atomics.exchange(this.#i32, at, 2) !== 0) Atomics.wait(this.#i32, at, 2, PATIENCE_MS);
    }
    this.#held++;
    try {
      return action();
    } finally {
      if (--this.#held === 0 && Atomics.exchange(this.#i32, at, 0) === 2) Atomics.notify(this.#i32, at, 1);
    }
  }

  /** With the lock, while no vCPU of the domain is in wasm. Never from inside wasm's own callbacks. */
  stopped<T>(action: () => T): T {
    return this.locked(() => {
      const stop = this.#words + EngineWord.STOP;
      const outermost = Atomics.exchange(this.#i32, stop, 1) === 0;
      try {
        for (let vcpu = 0; vcpu < this.#layout.vcpus; vcpu++) {
          const ctx = this.#layout.contexts + vcpu * CONTEXT_BYTES;
          const epoch = (ctx + CTX.epoch) >>> 2;
          const seen = Atomics.load(this.#i32, epoch);
          if ((seen & 1) === 0) continue;
          Atomics.or(this.#i32, (ctx + CTX.kick) >>> 2, KICK_ENGINE);
          while (Atomics.load(this.#i32, epoch) === seen);
        }
        return action();
      } finally {
        if (outermost) {
          Atomics.store(this.#i32, stop, 0);
          Atomics.notify(this.#i32, stop);
        }
      }
    });
  }

  /** Before wasm runs a context's code. */
  enter(ctx: number): void {
    const epoch = (ctx + CTX.epoch) >>> 2;
    const stop = this.#words + EngineWord.STOP;
    for (;;) {
      Atomics.add(this.#i32, epoch, 1);
      if (Atomics.load(this.#i32, stop) === 0 || this.#held > 0) return;
      Atomics.add(this.#i32, epoch, 1);
      Atomics.wait(this.#i32, stop, 1, PATIENCE_MS);
    }
  }
  leave(ctx: number): void {
    Atomics.add(this.#i32, (ctx + CTX.epoch) >>> 2, 1);
  }
}
