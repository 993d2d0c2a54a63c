import { EM_X86_64, parseElf, PT_LOAD, SHT_NOTE } from "./elf.ts";
import type { ElfImage } from "./elf.ts";
import { featureNames, XENFEAT } from "./features.ts";
import { hex, ImageError } from "./errors.ts";
import { type XenNotes, xenNotes } from "./notes.ts";
import { unpackKernel } from "./payload.ts";
import { bsdSymtabSize } from "./bsd_symtab.ts";

const ADDRESS_MASK = (1n << 64n) - 1n;

/** The modes in which a kernel can be started. */
export type KernelMode = "64-bit PV" | "32-bit PV (PAE)" | "PVH";

/** A kernel file, understood: its ELF content, what it tells Xen, and the modes it can be started in. */
export interface KernelImage {
  readonly elf: ElfImage;
  readonly notes: XenNotes;
  readonly modes: readonly KernelMode[];
  /** Physical extent of the loadable segments, as their headers give it. */
  readonly physicalStart: bigint;
  readonly physicalEnd: bigint;
}

/** Where a kernel wants to lie when it is started as a PV guest (libelf's elf_dom_parms); virtual addresses. */
export interface PvPlacement {
  readonly width: 32 | 64;
  /** Virtual address of pfn 0 of the bootstrap area. */
  readonly virtBase: bigint;
  /** Added to a segment's physical address (modulo 2^64) to give its virtual one. */
  readonly virtOffset: bigint;
  readonly kernelStart: bigint;
  readonly kernelEnd: bigint;
  /** Start of the BSD symbol table inside the kernel area, if it asks for one. */
  readonly symtabStart?: bigint;
  readonly entry: bigint;
  readonly hypercallPage?: bigint;
  readonly initP2m?: bigint;
  readonly unmappedRamdisk: boolean;
}

function isPv(notes: XenNotes): boolean {
  const known = notes.loader?.startsWith("generic") || notes.guestOs?.startsWith("linux");
  if (!known || !notes.xenVersion?.startsWith("xen-3.0")) return false;
  // A kernel built for PVH and HVM only still carries the notes that name itself; every PV kernel has one of these.
  const pvOnly = notes.entry ?? notes.virtBase ?? notes.hypercallPage ?? notes.initP2m ?? notes.paddrOffset ??
    notes.hvStartLow;
  return notes.phys32Entry === undefined || pvOnly !== undefined || notes.paeMode !== "no";
}

function modesOf(elf: ElfImage, notes: XenNotes): KernelMode[] {
  const modes: KernelMode[] = [];
  if (isPv(notes)) {
    if (elf.machine === EM_X86_64) modes.push("64-bit PV");
    else if (notes.paeMode !== "no") modes.push("32-bit PV (PAE)");
  }
  if (notes.phys32Entry !== undefined) modes.push("PVH");
  return modes;
}

/**
 * Understands a kernel file: an ELF image with Xen notes, plain or inside gzip.
 * Which modes it supports is in the result; asking for one that is missing is `pvPlacement`'s error.
 * @throws ImageError
 */
export function parseKernel(file: Uint8Array): KernelImage {
  const elf = parseElf(unpackKernel(file));
  const notes = xenNotes(elf);
  if (notes === undefined) {
    const other = elf.notes.length > 0 || elf.sections.some(({ type }) => type === SHT_NOTE)
      ? " of Xen's"
      : "";
    throw new ImageError(
      "no-xen-notes",
      `the ELF file has no notes${other} and no __xen_guest section: it is not built for Xen ` +
        `(${elf.width}-bit, neither PV nor PVH)`,
    );
  }
  let physicalStart = ADDRESS_MASK;
  let physicalEnd = 0n;
  for (const segment of elf.segments) {
    if (segment.type !== PT_LOAD) continue;
    const end = segment.paddr + segment.memSize;
    if (end > ADDRESS_MASK) {
      throw new ImageError("corrupt", `a segment ends at ${hex(end)}, beyond all memory`);
    }
    if (segment.paddr < physicalStart) physicalStart = segment.paddr;
    if (end > physicalEnd) physicalEnd = end;
  }
  if (physicalEnd <= physicalStart) {
    throw new ImageError("corrupt", "the ELF file has no loadable segment");
  }
  return { elf, notes, modes: modesOf(elf, notes), physicalStart, physicalEnd };
}

/** Says in a clause why a kernel has no PV mode. */
function whyNotPv({ elf, notes, modes }: KernelImage): string {
  if (modes.length > 0) return `it supports ${modes.join(" and ")} only`;
  const known = notes.loader?.startsWith("generic") || notes.guestOs?.startsWith("linux");
  if (!known) {
    return `its notes name neither the generic loader nor Linux (LOADER "${notes.loader ?? ""}", ` +
      `GUEST_OS "${notes.guestOs ?? ""}")`;
  }
  if (!notes.xenVersion?.startsWith("xen-3.0")) {
    return `it is built for "${notes.xenVersion ?? "no Xen version"}", not for xen-3.0`;
  }
  if (elf.machine !== EM_X86_64) return "it is a 32-bit kernel without PAE";
  return "its notes name no entry for it";
}

/** Features that a PV kernel may support, but not require, of us. */
const REFUSED: readonly (readonly [number, string])[] = [
  [XENFEAT.dom0, "the kernel can only run as Domain-0, not as an unprivileged domain"],
  [
    XENFEAT.auto_translated_physmap,
    "the kernel requires auto_translated_physmap, which PV domains do not have",
  ],
  [XENFEAT.supervisor_mode_kernel, "the kernel requires supervisor_mode_kernel, which no longer exists"],
];

/**
 * Works out where a kernel lies as a PV guest.
 * @throws ImageError wrong-mode, unsupported-feature, corrupt (addresses out of bounds)
 */
export function pvPlacement(image: KernelImage): PvPlacement {
  const { elf, notes, modes } = image;
  const width = elf.machine === EM_X86_64 ? 64 : 32;
  if (!modes.includes("64-bit PV") && !modes.includes("32-bit PV (PAE)")) {
    throw new ImageError("wrong-mode", `the kernel does not support PV: ${whyNotPv(image)}`);
  }
  for (const [feature, message] of REFUSED) {
    if ((notes.features.required & (1 << feature)) !== 0) {
      throw new ImageError("unsupported-feature", message);
    }
  }
  const unknown = notes.features.required & ~notes.features.supported;
  if (unknown !== 0) {
    const names = featureNames(unknown).join(", ");
    throw new ImageError(
      "unsupported-feature",
      `the kernel requires features that it does not support: ${names}`,
    );
  }
  if (notes.paddrOffset !== undefined && notes.virtBase === undefined) {
    throw new ImageError("corrupt", "the kernel has a PADDR_OFFSET note but no VIRT_BASE note");
  }
  const virtBase = notes.virtBase ?? 0n;
  // Older kernels, those with a __xen_guest section, write virtual addresses into p_paddr.
  const paddrOffset = notes.paddrOffset ?? (notes.source === "notes" ? 0n : virtBase);
  const virtOffset = (virtBase - paddrOffset) & ADDRESS_MASK;
  const kernelStart = (image.physicalStart + virtOffset) & ADDRESS_MASK;
  let kernelEnd = (image.physicalEnd + virtOffset) & ADDRESS_MASK;
  let symtabStart: bigint | undefined;
  if (notes.bsdSymtab) {
    const word = width === 64 ? 8n : 4n;
    const size = bsdSymtabSize(elf);
    if (size !== undefined) {
      symtabStart = (kernelEnd + word - 1n) / word * word;
      kernelEnd = symtabStart + BigInt(size);
    }
  }
  const entry = notes.entry ?? elf.entry;
  const bounds = `(kernel ${hex(kernelStart)} to ${hex(kernelEnd)}, base ${hex(virtBase)}, entry ${
    hex(entry)
  })`;
  if (kernelStart > kernelEnd || entry < kernelStart || entry > kernelEnd || virtBase > kernelStart) {
    throw new ImageError("corrupt", `the kernel's addresses are out of bounds ${bounds}`);
  }
  if (kernelStart % 4096n !== 0n || virtBase % 4096n !== 0n) {
    throw new ImageError("corrupt", `the kernel does not start on a page boundary ${bounds}`);
  }
  const { initP2m } = notes;
  if (initP2m !== undefined && initP2m >= kernelStart && initP2m < kernelEnd) {
    throw new ImageError(
      "corrupt",
      `the kernel wants its P2M list inside itself, at ${hex(initP2m)} ${bounds}`,
    );
  }
  const { hypercallPage } = notes;
  if (hypercallPage !== undefined && (hypercallPage < virtBase || hypercallPage >= kernelEnd)) {
    throw new ImageError(
      "corrupt",
      `the hypercall page ${hex(hypercallPage)} is outside the kernel ${bounds}`,
    );
  }
  return {
    width,
    virtBase,
    virtOffset,
    kernelStart,
    kernelEnd,
    symtabStart,
    entry,
    hypercallPage,
    // libxenguest honours it in 64-bit guests only, page-aligned and below the kernel's own area.
    initP2m: width === 64 && initP2m !== undefined && initP2m < virtBase && initP2m % 4096n === 0n
      ? initP2m
      : undefined,
    unmappedRamdisk: notes.modStartPfn,
  };
}
