/** What a process of the host holds in memory, and how much of it is the frames that its guest has touched. By Linux' /proc alone. */

const PAGE = 4096;
const MIB = 1 << 20;
/** /proc/PID/pagemap: 8 bytes a page; these bits say that it is in memory or swapped out (proc_pid_pagemap(5)). */
const ENTRY_BYTES = 8;
const PRESENT_OR_SWAPPED = 0xc0;

interface Mapping {
  readonly start: number;
  readonly bytes: number;
  readonly residentBytes: number;
}

/** The mappings in the text of /proc/PID/smaps that may be written and belong to no file. */
export function anonymousMappings(smaps: string): Mapping[] {
  const made: Mapping[] = [];
  for (const part of smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) rw-. \S+ \S+ 0 *\n/.exec(part);
    const resident = /^Rss: +(\d+) kB$/m.exec(part);
    if (head === null || resident === null) continue;
    const start = parseInt(head[1], 16);
    made.push({ start, bytes: parseInt(head[2], 16) - start, residentBytes: Number(resident[1]) * 1024 });
  }
  return made;
}

export interface HostMemory {
  /** The whole process. */
  readonly residentMiB: number;
  /** Frames of the guest that are in the host's memory: those that the guest or its builder has touched. */
  readonly touchedMiB: number;
  /** All the rest: program, heaps, the hypervisor's own part of the domain. */
  readonly beyondMiB: number;
}

/**
 * Measures a process that runs one domain.
 * @param memoryMiB the domain's memory, most of which no other mapping of the process has; its frames come first in their mapping
 */
export async function hostMemory(pid: number, memoryMiB: number): Promise<HostMemory> {
  const rollup = await Deno.readTextFile(`/proc/${pid}/smaps_rollup`);
  const residentMiB = Number(/^Rss: +(\d+) kB$/m.exec(rollup)?.[1]) / 1024;
  const mappings = anonymousMappings(await Deno.readTextFile(`/proc/${pid}/smaps`))
    .filter(({ bytes }) => bytes >= memoryMiB * MIB)
    .sort((a, b) => b.residentBytes - a.residentBytes);
  if (mappings.length === 0) throw new Error(`process ${pid} has no mapping of ${memoryMiB} MiB`);
  const [{ start, residentBytes }] = mappings;
  const pages = memoryMiB * MIB / PAGE;
  const entries = new Uint8Array(pages * ENTRY_BYTES);
  using pagemap = await Deno.open(`/proc/${pid}/pagemap`);
  await pagemap.seek(start / PAGE * ENTRY_BYTES, Deno.SeekMode.Start);
  for (let at = 0; at < entries.length;) {
    const read = await pagemap.read(entries.subarray(at));
    if (read === null) throw new Error(`/proc/${pid}/pagemap ends early`);
    at += read;
  }
  let touched = 0;
  for (let page = 0; page < pages; page++) {
    if ((entries[page * ENTRY_BYTES + 7] & PRESENT_OR_SWAPPED) !== 0) touched++;
  }
  // A page that was only read is the kernel's one page of zeros: in the page map, but nobody's memory.
  const touchedMiB = Math.min(touched * PAGE, residentBytes) / MIB;
  return { residentMiB, touchedMiB, beyondMiB: residentMiB - touchedMiB };
}
