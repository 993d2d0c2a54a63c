/**
 * Garbage collection on demand. What a destroyed domain leaves on a thread (an instance and its tables, views, the memory itself) is small for V8's
 * heap and large outside it, so V8 sees no reason to collect; a pCPU that sleeps never would.
 */
import v8 from "node:v8";
import vm from "node:vm";

type Collect = () => void;

/** V8's own `gc`, which a new context has once the flag is set. */
function find(): Collect | undefined {
  v8.setFlagsFromString("--expose-gc");
  const found: unknown = vm.runInNewContext("globalThis.gc");
  return typeof found === "function" ? () => void found() : undefined;
}

let collect: Collect | undefined;
let looked = false;

/** Collects now, on this thread: tens of milliseconds. @returns false when the runtime offers no way */
export function collectGarbage(): boolean {
  if (!looked) {
    looked = true;
    collect = find();
  }
  collect?.();
  return collect !== undefined;
}

/** Collects at every `period`-th call. */
export class Collector {
  #calls = 0;

  constructor(private readonly period: number) {}

  tick(): void {
    if (++this.#calls % this.period === 0) collectGarbage();
  }
}

/**
 * A thread's heap and what hangs from it has to grow so much before an idle collection, bytes: by much at any time, by little now and then. And by such
 * a part of what the last one kept: a collection takes time by what lives, and what grows while domains are created lives.
 */
const MUCH = 8 << 20;
const MUCH_OF_KEPT = 1 / 2;
const LITTLE = 3 << 20;
const LITTLE_OF_KEPT = 1 / 8;
/** Little garbage is left alone for so long after a collection, which takes 60 ms of CPU time: an idle guest's pCPU makes 3 MiB in 15 s. */
const REST_MS = 60_000;
/** Milliseconds between two looks. */
const LOOK_PERIOD_MS = 2000;

/** Collects when a thread has nothing to do and holds much more than after its last collection. */
export class IdleCollector {
  #lookedAt: number;
  #collectedAt = -Infinity;

  /** Held after the last collection. Starting leaves much behind already. */
  #kept = 0;

  constructor(
    private readonly held: () => number = heldBytes,
    private readonly collect: () => boolean = collectGarbage,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.#lookedAt = now();
  }

  /** To be called whenever the thread is about to wait. @returns true when it collected, which took tens of milliseconds */
  idle(): boolean {
    const now = this.now();
    if (now - this.#lookedAt < LOOK_PERIOD_MS) return false;
    this.#lookedAt = now;
    const kept = this.#kept;
    const enough = now - this.#collectedAt < REST_MS
      ? Math.max(MUCH, kept * MUCH_OF_KEPT)
      : Math.max(LITTLE, kept * LITTLE_OF_KEPT);
    if (this.held() - kept < enough || !this.collect()) return false;
    this.#collectedAt = now;
    this.#kept = this.held();
    return true;
  }
}

/** Memory that this thread's heap takes from the host: its pages, garbage too, and array buffers outside. Costs 2 us. */
function heldBytes(): number {
  const { total_physical_size, external_memory } = v8.getHeapStatistics();
  return total_physical_size + external_memory;
}
