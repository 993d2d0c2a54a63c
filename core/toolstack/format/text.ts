/** printf's fields, as C and Python have them: never cut, only filled. */

/** "%-Ns" */
export function left(value: string | number, width: number): string {
  return String(value).padEnd(width);
}

/** "%Ns" and "%Nd" */
export function right(value: string | number, width: number): string {
  return String(value).padStart(width);
}

/** "%N.1f" */
export function decimal(value: number, width: number): string {
  return value.toFixed(1).padStart(width);
}

/** Ascending numbers as ranges: 0-2,5 */
export function ranges(numbers: readonly number[]): string {
  const sorted = [...new Set(numbers)].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let start = 0; start < sorted.length;) {
    let end = start;
    while (sorted[end + 1] === sorted[end] + 1) end++;
    parts.push(end === start ? `${sorted[start]}` : `${sorted[start]}-${sorted[end]}`);
    start = end + 1;
  }
  return parts.join(",");
}

/** A list of pCPUs as xl prints it. @param count of the host's pCPUs */
export function cpuList(numbers: readonly number[], count: number): string {
  if (numbers.length === 0) return "none";
  return new Set(numbers).size >= count ? "all" : ranges(numbers);
}
