/**
 * Locks in shared memory. Each is one int32 word: 0 free, 1 held, 2 held and someone sleeps for it (Drepper's futex mutex).
 * Held for short, bounded work only and never while guest code runs.
 *
 * Order: machine lock, then domain locks by rising domid, then the scheduler's, then the clock's. Not recursive.
 */

const SPINS = 200;

/** What one thread holds, so that a worker that failed can let go of everything. */
const held = new Set<Lock>();

export class Lock {
  /** @param index of the word in `words`, which lies over a SharedArrayBuffer */
  constructor(private readonly words: Int32Array, private readonly index: number, readonly name: string) {}

  acquire(): void {
    const { words, index } = this;
    if (Atomics.compareExchange(words, index, 0, 1) !== 0) this.#contend();
    held.add(this);
  }

  #contend(): void {
    const { words, index } = this;
    for (let spin = 0; spin < SPINS; spin++) {
      if (Atomics.load(words, index) === 0 && Atomics.compareExchange(words, index, 0, 1) === 0) return;
    }
    if (held.has(this)) throw new Error(`lock ${this.name}: taken twice by one thread`);
    // A bounded sleep: a holder that was descheduled between its exchange and its notify costs a millisecond, never a hang.
    while (Atomics.exchange(words, index, 2) !== 0) Atomics.wait(words, index, 2, 1);
  }

  release(): void {
    held.delete(this);
    if (Atomics.exchange(this.words, this.index, 0) === 2) Atomics.notify(this.words, this.index, 1);
  }

  /**
   * A thread is gone and may have held this. Locks are held for short: one that is not free for so long is the lost thread's, and becomes
   * free. @returns whether it was
   */
  reclaim(patienceMs: number): boolean {
    const { words, index } = this;
    for (const end = performance.now() + patienceMs;;) {
      const state = Atomics.load(words, index);
      if (state === 0) return false;
      Atomics.wait(words, index, state, 1);
      if (performance.now() < end) continue;
      if (Atomics.exchange(words, index, 0) === 2) Atomics.notify(words, index);
      return true;
    }
  }

  /** Runs `work` with the lock held. */
  with<T>(work: () => T): T {
    this.acquire();
    try {
      return work();
    } finally {
      this.release();
    }
  }

  /** True when this thread holds it. */
  get isHeld(): boolean {
    return held.has(this);
  }
}

/** Releases all that this thread holds: after an internal error, so that the others go on. @returns their names */
export function releaseAllLocks(): string[] {
  const names = [...held].map((lock) => lock.name);
  for (const lock of [...held]) lock.release();
  return names;
}

/** Takes two domains' locks in order (once, when they are the same). @returns what releases them */
export function lockBoth(
  first: { domid: number; lock: Lock },
  second: { domid: number; lock: Lock },
): () => void {
  if (first === second || first.domid === second.domid) {
    first.lock.acquire();
    return () => first.lock.release();
  }
  const [low, high] = first.domid < second.domid ? [first.lock, second.lock] : [second.lock, first.lock];
  low.acquire();
  high.acquire();
  return () => {
    high.release();
    low.release();
  };
}
