/**
 * Memories of domains, each with address space of its own around it.
 *
 * Generated code reaches a memory by a 32-bit index and a small constant. A memory that declares 65,536 pages as its maximum has 4 GiB of address space
 * from V8, inaccessible behind the pages that exist; with a guard behind those, no index leads outside, whether V8 emits bounds checks or not
 * (--no-wasm-bounds-checks: the hot loop is a quarter faster without them). Without checks what would be a trap is a segmentation fault of the process.
 *
 * V8 has no way to ask for the guard: address space is taken with it at its end, and all but the guard is given back just before V8 asks for as much.
 */
import { reserveMemory } from "../cpu/layout.ts";
import { openLibc } from "./libc.ts";

const RESERVATION = 1n << 32n;
/** More than any constant of an access and its size. */
const GUARD = 1n << 16n;
const ATTEMPTS = 8;

// sys/mman.h of Linux on x86-64 and AArch64.
const PROT_NONE = 0;
const MAP_PRIVATE = 0x2;
const MAP_ANONYMOUS = 0x20;
const MAP_NORESERVE = 0x4000;
const MAP_FIXED_NOREPLACE = 0x100000;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

/** Address space of this process; what tests replace. */
export interface AddressSpace {
  /** Inaccessible pages somewhere, or exactly at `at`; undefined: not to be had. */
  map(bytes: bigint, at?: bigint): bigint | undefined;
  unmap(address: bigint, bytes: bigint): void;
  addressOf(memory: WebAssembly.Memory): bigint;
}

function open(): AddressSpace | undefined {
  const libc = openLibc({
    mmap: { parameters: ["usize", "usize", "i32", "i32", "i32", "i64"], result: "usize" },
    munmap: { parameters: ["usize", "usize"], result: "i32" },
  });
  if (libc === undefined) return undefined;
  const unmap = (address: bigint, bytes: bigint) => void libc.munmap(address, bytes);
  return {
    map(bytes, at) {
      const exact = at === undefined ? 0 : MAP_FIXED_NOREPLACE;
      const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | exact;
      const address = libc.mmap(at ?? 0n, bytes, PROT_NONE, flags, -1, 0n);
      if (address === MAP_FAILED) return undefined;
      if (at === undefined || address === at) return address;
      // A kernel before 4.17 takes it for a hint.
      unmap(address, bytes);
      return undefined;
    },
    unmap,
    addressOf: ({ buffer }) => Deno.UnsafePointer.value(Deno.UnsafePointer.of(new Uint8Array(buffer))),
  };
}

let opened: { space: AddressSpace | undefined } | undefined;

/**
 * A zeroed shared memory of `pages` 64 KiB pages with 4 GiB of address space and a guard behind it, where the host has a way to make one.
 * @throws RangeError when there is not that much address space
 */
export function guardedMemory(
  pages: number,
  space = (opened ??= { space: open() }).space,
): WebAssembly.Memory {
  if (space === undefined) return reserveMemory(pages);
  // What lies beside something else is kept until the end, so that the next one lies elsewhere.
  const passed: WebAssembly.Memory[] = [];
  while (passed.length < ATTEMPTS) {
    const start = space.map(RESERVATION + GUARD);
    if (start === undefined) break;
    space.unmap(start, RESERVATION);
    const memory = reserveMemory(pages);
    const end = space.addressOf(memory) + RESERVATION;
    if (end === start + RESERVATION) return memory;
    space.unmap(start + RESERVATION, GUARD);
    if (space.map(GUARD, end) !== undefined) return memory;
    passed.push(memory);
  }
  throw new RangeError(
    "no address space for a domain's memory: 4 GiB with a guard behind it (see ulimit -v)",
  );
}
