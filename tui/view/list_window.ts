/** Which part of a list shows, so that the chosen entry is in it. */

/** @returns index of the first entry that shows */
export function listStart(index: number, count: number, height: number): number {
  if (count <= height) return 0;
  return Math.max(0, Math.min(index - Math.floor(height / 2), count - height));
}
