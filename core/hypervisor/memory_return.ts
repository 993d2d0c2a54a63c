/**
 * Gives memory back to the host. A memory's pages: madvise(MADV_DONTNEED) on Linux through FFI, after which they read as zero (which is the scrub too).
 * What the runtime freed: malloc_trim(3) of glibc. Where it cannot be used `returnPages` says
 * so and the memory is dropped instead.
 */
import { openGlibc, openLibc } from "./libc.ts";

const MADV_DONTNEED = 4;
const PAGE = 4096;

type Madvise = (address: Deno.PointerValue, length: bigint, advice: number) => number;
/** The same by an address as a number. */
type MadviseAt = (address: bigint, length: bigint, advice: number) => number;

function open(): { madvise: Madvise; madviseAt: MadviseAt } | undefined {
  return openLibc({
    madvise: { parameters: ["pointer", "usize", "i32"], result: "i32" },
    madviseAt: { name: "madvise", parameters: ["usize", "usize", "i32"], result: "i32" },
  });
}

let madvise: Madvise | undefined;
let madviseAt: MadviseAt | undefined;
let opened = false;

/** True when pages can be given back on this host. */
export function canReturnPages(): boolean {
  if (!opened) {
    ({ madvise, madviseAt } = open() ?? {});
    opened = true;
  }
  return madvise !== undefined;
}

/**
 * Returns whole pages of `bytes` of a memory to the host; they read as zero afterwards. Nobody may be using them.
 * @returns false when the host offers no way: the contents stay
 */
export function returnPages(
  memory: WebAssembly.Memory,
  offset = 0,
  bytes = memory.buffer.byteLength - offset,
): boolean {
  if (!canReturnPages() || madvise === undefined) return false;
  if (offset % PAGE !== 0) throw new RangeError(`offset ${offset} is not page aligned`);
  const pointer = Deno.UnsafePointer.of(new Uint8Array(memory.buffer, offset, bytes));
  return madvise(pointer, BigInt(bytes), MADV_DONTNEED) === 0;
}

/** Of malloc.h. */
const M_TRIM_THRESHOLD = -1;
const M_MMAP_THRESHOLD = -3;
const M_ARENA_MAX = -8;

/**
 * malloc raises both to twice the largest block that was ever freed (an unpacked kernel), after which each thread's arena keeps what its compilers used
 * at most at its end, where malloc_trim does not look: 13 MB.
 */
const THRESHOLD_BYTES = 1 << 20;

function openMalloc() {
  return openGlibc({
    malloc_trim: { parameters: ["usize"], result: "i32" },
    mallopt: { parameters: ["i32", "i32"], result: "i32" },
  });
}

let malloc: ReturnType<typeof openMalloc>;
let openedMalloc = false;

function glibcMalloc(): typeof malloc {
  if (!openedMalloc) {
    malloc = openMalloc();
    openedMalloc = true;
  }
  return malloc;
}

/**
 * Makes malloc keep little of what is freed: threads yet to come share the arenas of those that run (what one leaves free is another's to use: 15 MB less
 * with two pCPUs), and an arena's end is given back.
 * @returns false when the host offers no way
 */
export function makeMallocFrugal(): boolean {
  const options = [[M_ARENA_MAX, 1], [M_TRIM_THRESHOLD, THRESHOLD_BYTES], [
    M_MMAP_THRESHOLD,
    THRESHOLD_BYTES,
  ]];
  return options.every(([option, value]) => glibcMalloc()?.mallopt(option, value) === 1);
}

/**
 * Returns what the runtime has freed on any thread and malloc keeps (the compiler's working memory above all): some milliseconds.
 * @returns false when the host offers no way or nothing was returned
 */
export function returnFreedMemory(): boolean {
  return glibcMalloc()?.malloc_trim(0n) === 1;
}

/**
 * The mappings of files in the text of /proc/PID/smaps (proc_pid_smaps(5)) whose pages are all the files' own: not writable, and nothing in them was ever
 * written (relocated data is).
 */
export function cleanMappings(smaps: string): { start: bigint; bytes: bigint }[] {
  const made: { start: bigint; bytes: bigint }[] = [];
  for (const part of smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)) {
    const [head, from, to] = /^([0-9a-f]+)-([0-9a-f]+) r-[x-][ps] \S+ \S+ \d+ +\//.exec(part) ?? [];
    if (head === undefined || !/^Anonymous: +0 kB$/m.test(part)) continue;
    const start = BigInt(`0x${from}`);
    made.push({ start, bytes: BigInt(`0x${to}`) - start });
  }
  return made;
}

/**
 * Takes code and constants of the executable and its libraries out of this process's memory: most of it was used once, at the start. It stays in the
 * host's page cache, and what is needed again is mapped again, 64 KiB at a fault.
 * @returns false when the host offers no way
 */
export function returnCode(): boolean {
  if (!canReturnPages() || madviseAt === undefined) return false;
  let smaps: string;
  try {
    smaps = Deno.readTextFileSync("/proc/self/smaps");
  } catch (error) {
    // No permission, no /proc: the code stays.
    if (!(error instanceof Error)) throw error;
    return false;
  }
  for (const { start, bytes } of cleanMappings(smaps)) {
    madviseAt(start, bytes, MADV_DONTNEED);
  }
  return true;
}
