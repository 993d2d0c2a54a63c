/**
 * Offsets between threads' clocks. performance.now() begins at zero in every thread and runs at one rate, so one offset a thread is enough. It is found
 * by round trips over two words of the machine's buffer: the server writes its clock when asked, the reply of the shortest round trip counts.
 */
import { MACHINE } from "./layout.ts";

const ROUNDS = 200;
/** Where other programs want the cores too a round trip can take a time slice: then fewer must do. Nanoseconds. */
const LEAST_ROUNDS = 12, ENOUGH_NS = 4e6;
/** i32 words of a calibration cell: what the worker asks and what the server answered; then the server's clock, f64. */
const ASKED = 0, ANSWERED = 1, CLOCK_F64 = 1;
const DONE = -1;

function cell(buffer: SharedArrayBuffer, pcpu: number): { words: Int32Array; clock: Float64Array } {
  const at = MACHINE.clocks + 64 * pcpu;
  return { words: new Int32Array(buffer, at, 4), clock: new Float64Array(buffer, at, 2) };
}

/** Worker: nanoseconds to add to its own clock for the server's. Blocks until `serveOffset` serves it. */
export function measureOffset(buffer: SharedArrayBuffer, pcpu: number, now: () => number): number {
  const { words, clock } = cell(buffer, pcpu);
  let best = Infinity, offset = 0;
  const begun = now();
  for (let round = 1; round <= ROUNDS; round++) {
    const before = now();
    Atomics.store(words, ASKED, round);
    Atomics.notify(words, ASKED);
    for (let spins = 0; Atomics.load(words, ANSWERED) !== round; spins++) {
      if (spins > 10_000) Atomics.wait(words, ANSWERED, round - 1, 1);
    }
    const after = now();
    if (after - before < best) {
      best = after - before;
      offset = clock[CLOCK_F64] - (before + after) / 2;
    }
    if (round >= LEAST_ROUNDS && after - begun > ENOUGH_NS) break;
  }
  Atomics.store(words, ASKED, DONE);
  Atomics.notify(words, ASKED);
  return offset;
}

/**
 * Server: answers one worker's round trips with `now()`. Sleeps until the worker begins, then blocks this thread for less than a millisecond.
 * @throws Error when the worker does not begin in time
 */
export async function serveOffset(
  buffer: SharedArrayBuffer,
  pcpu: number,
  now: () => number,
  timeoutMs: number,
): Promise<void> {
  const { words, clock } = cell(buffer, pcpu);
  let last = 0;
  const begun = Atomics.waitAsync(words, ASKED, 0, timeoutMs);
  if (await begun.value === "timed-out") throw new Error(`pCPU ${pcpu} did not start within ${timeoutMs} ms`);
  const end = performance.now() + timeoutMs;
  for (;;) {
    const asked = Atomics.load(words, ASKED);
    if (asked === DONE) break;
    if (asked !== last) {
      clock[CLOCK_F64] = now();
      last = asked;
      Atomics.store(words, ANSWERED, asked);
      Atomics.notify(words, ANSWERED);
    } else if (performance.now() > end) {
      throw new Error(`pCPU ${pcpu} stopped while its clock was measured`);
    }
  }
  words.fill(0);
}
