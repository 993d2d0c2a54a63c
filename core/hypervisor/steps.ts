/** Long work in steps, for a thread that has others to serve meanwhile. */

/** Each step takes a millisecond or so. */
export type Steps<T> = Generator<void, T>;

/** Takes all steps at once. */
export function runSteps<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** So long this thread works without a break. */
const BREAK_MS = 8;

/** Resolves when what has come in meanwhile (requests, guests' console output) is served. */
const served = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

/** Takes them with breaks in between; without any when the whole is short. */
export async function runStepsWithBreaks<T>(steps: Steps<T>): Promise<T> {
  for (let since = performance.now();;) {
    const { done, value } = steps.next();
    if (done) return value;
    if (performance.now() - since < BREAK_MS) continue;
    await served();
    since = performance.now();
  }
}
