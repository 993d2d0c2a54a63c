/** What a process has in its address space: /proc/PID/maps (proc_pid_maps(5)). */

export interface Mapping {
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
  /** As in "rw-p". */
  readonly may: string;
}

/** In order; neighbours with the same permissions are one. */
export function mappings(pid: number | "self"): Mapping[] {
  const made: Mapping[] = [];
  for (const line of Deno.readTextFileSync(`/proc/${pid}/maps`).trim().split("\n")) {
    const [, from, to, may] = /^([0-9a-f]+)-([0-9a-f]+) (\S+)/.exec(line)!;
    const mapping = { from: parseInt(from, 16), to: parseInt(to, 16), may };
    const last = made.at(-1);
    if (last?.to === mapping.from && last.may === may) {
      made[made.length - 1] = { ...mapping, from: last.from };
    } else made.push(mapping);
  }
  return made;
}
