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
