/** What all of Domain-0's tests share. */

/** Whole numbers from 0 to below a limit, the same ones for the same seed. */
export function randomNumbers(seed: number): (below: number) => number {
  return (below) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    const mixed = Math.imul(seed ^ (seed >>> 15), 0x2c1b3c6d);
    return ((mixed ^ (mixed >>> 12)) >>> 0) % below;
  };
}
