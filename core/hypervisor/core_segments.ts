/**
 * What gdb needs of a core, which knows nothing of Xen's sections: program headers for the linear addresses that vCPU 0's page tables map, and each vCPU's
 * registers as a note of the kind that Linux's cores have.
 */
import type { ViewOf } from "./abi/cstruct.ts";
import {
  ROOT_PAGETABLE_FIRST_XEN_SLOT,
  ROOT_PAGETABLE_LAST_XEN_SLOT,
  vcpu_guest_context,
} from "./abi/xen.ts";
import type { Domain } from "./domain.ts";
import { PAGE } from "./layout.ts";

type Context = ViewOf<typeof vcpu_guest_context>;

export interface Segment {
  readonly address: bigint;
  /** In the file. */
  readonly offset: number;
  bytes: number;
  /** PF_R, PF_W, PF_X. */
  readonly flags: number;
}

/** How often one frame or table may show up: Linux fills the gaps of its p2m list with one page, 65,000 times. */
const MOST_MAPPINGS = 8;
/** PN_XNUM ends the numbers that e_phnum can hold. */
const MOST_SEGMENTS = 0xfff0;
const PF = { X: 1, W: 2, R: 4 } as const;
const PTE = { PRESENT: 1, WRITABLE: 2, LARGE: 0x80 } as const;
const LARGE_FRAMES = 512;

/** Linear addresses in rising order, as long runs as can be. @param fileOffset of a frame's page, undefined for those that are not in the file */
export function segments(domain: Domain, fileOffset: (frame: number) => number | undefined): Segment[] {
  const { views } = domain;
  const words = views.u32;
  const found: Segment[] = [];
  const mappings = new Uint8Array(domain.layout.totalFrames);
  const isNew = (frame: number) => frame >= 0 && mappings[frame] < MOST_MAPPINGS && ++mappings[frame] > 0;
  const add = (slot: number[], mfn: number, flags: number) => {
    const frame = domain.frameOf(mfn);
    const offset = isNew(frame) ? fileOffset(frame) : undefined;
    if (offset === undefined) return;
    const last = found.at(-1);
    const address = linear(slot);
    if (
      last !== undefined && last.flags === flags && last.offset + last.bytes === offset &&
      last.address + BigInt(last.bytes) === address
    ) last.bytes += PAGE;
    else if (found.length < MOST_SEGMENTS) found.push({ address, offset, bytes: PAGE, flags });
  };
  const walk = (mfn: number, path: number[], writable: boolean, executable: boolean) => {
    const frame = domain.frameOf(mfn);
    if (!domain.isGuestFrame(frame) || !isNew(frame)) return;
    for (let slot = 0; slot < 512; slot++) {
      if (
        path.length === 0 && slot >= ROOT_PAGETABLE_FIRST_XEN_SLOT && slot <= ROOT_PAGETABLE_LAST_XEN_SLOT
      ) continue;
      const index = frame * (PAGE / 4) + slot * 2;
      const lo = words[index], hi = words[index + 1];
      if ((lo & PTE.PRESENT) === 0) continue;
      const target = (hi & 0xfffff) * 2 ** 20 + (lo >>> 12);
      const isWritable = writable && (lo & PTE.WRITABLE) !== 0, isExecutable = executable && hi >>> 31 === 0;
      const here = [...path, slot];
      const flags = PF.R | (isWritable ? PF.W : 0) | (isExecutable ? PF.X : 0);
      if (path.length === 3) add(here, target, flags);
      else if (path.length === 2 && (lo & PTE.LARGE) !== 0) {
        const first = target - target % LARGE_FRAMES;
        for (let page = 0; page < LARGE_FRAMES; page++) add([...here, page], first + page, flags);
      } else walk(target, here, isWritable, isExecutable);
    }
  };
  walk(domain.vcpus[0].state.kernelCr3, [], true, true);
  return found;
}

/** The canonical address of a slot in each of the four levels. */
function linear([l4, l3, l2, l1]: number[]): bigint {
  const address = (BigInt(l4) << 39n) | (BigInt(l3) << 30n) | BigInt(l2 * 2 ** 21 + l1 * PAGE);
  return l4 < 256 ? address : address | 0xffff000000000000n;
}

/** elf_prstatus of x86-64 (linux/elfcore.h, asm/user_64.h). */
const PRSTATUS = { bytes: 336, pid: 32, registers: 112 };
const NT_PRSTATUS = 1;
const REGISTERS = [
  "user_regs.r15",
  "user_regs.r14",
  "user_regs.r13",
  "user_regs.r12",
  "user_regs.rbp",
  "user_regs.rbx",
  "user_regs.r11",
  "user_regs.r10",
  "user_regs.r9",
  "user_regs.r8",
  "user_regs.rax",
  "user_regs.rcx",
  "user_regs.rdx",
  "user_regs.rsi",
  "user_regs.rdi",
  undefined, // orig_rax
  "user_regs.rip",
  "user_regs.cs",
  "user_regs.rflags",
  "user_regs.rsp",
  "user_regs.ss",
  "fs_base",
  undefined, // gs_base: the kernel's or the user's
  "user_regs.ds",
  "user_regs.es",
  "user_regs.fs",
  "user_regs.gs",
] as const;
const GS_BASE = 22;
const VGCF_IN_KERNEL = 4;

/** A thread for each vCPU; the first one's number is 1. */
export function registerNotes(contexts: readonly Context[]): Uint8Array {
  const size = 12 + 8 + PRSTATUS.bytes;
  const notes = new Uint8Array(size * contexts.length);
  const view = new DataView(notes.buffer);
  contexts.forEach((context, index) => {
    const at = index * size;
    view.setUint32(at, 5, true);
    view.setUint32(at + 4, PRSTATUS.bytes, true);
    view.setUint32(at + 8, NT_PRSTATUS, true);
    notes.set(new TextEncoder().encode("CORE"), at + 12);
    const status = at + 20;
    view.setUint32(status + PRSTATUS.pid, index + 1, true);
    REGISTERS.forEach((name, number) => {
      const gs = context.get("flags") & VGCF_IN_KERNEL ? "gs_base_kernel" : "gs_base_user";
      const field = number === GS_BASE ? gs : name;
      if (field === undefined) return;
      const place = status + PRSTATUS.registers + number * 8;
      const isSelector = /\.(cs|ss|ds|es|fs|gs)$/.test(field);
      view.setInt32(place, isSelector ? context.get(field) : context.lo(field), true);
      view.setInt32(place + 4, isSelector ? 0 : context.hi(field), true);
    });
  });
  return notes;
}

const PT = { LOAD: 1, NOTE: 4 } as const;
export const PHDR_BYTES = 56;

/** The program headers. @param notes offsets and sizes of notes in the file */
export function programHeaders(
  loads: readonly Segment[],
  notes: readonly { readonly offset: number; readonly bytes: number }[],
): Uint8Array {
  const view = new DataView(new ArrayBuffer((loads.length + notes.length) * PHDR_BYTES));
  const put = (
    index: number,
    type: number,
    flags: number,
    offset: number,
    address: bigint,
    bytes: number,
  ) => {
    const at = index * PHDR_BYTES;
    view.setUint32(at, type, true);
    view.setUint32(at + 4, flags, true);
    view.setBigUint64(at + 8, BigInt(offset), true);
    view.setBigUint64(at + 16, address, true);
    view.setBigUint64(at + 32, BigInt(bytes), true);
    view.setBigUint64(at + 40, BigInt(type === PT.NOTE ? 0 : bytes), true);
    view.setBigUint64(at + 48, BigInt(type === PT.NOTE ? 4 : PAGE), true);
  };
  notes.forEach(({ offset, bytes }, index) => put(index, PT.NOTE, 0, offset, 0n, bytes));
  loads.forEach(({ flags, offset, address, bytes }, index) =>
    put(notes.length + index, PT.LOAD, flags, offset, address, bytes)
  );
  return new Uint8Array(view.buffer);
}
