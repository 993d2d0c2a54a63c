import { cString, type ElfImage, type Note } from "./elf.ts";
import { type KernelFeatures, parseFeatures } from "./features.ts";

/** XEN_ELFNOTE_* by number (elfnote.h). */
export const XEN_ELFNOTE = {
  INFO: 0,
  ENTRY: 1,
  HYPERCALL_PAGE: 2,
  VIRT_BASE: 3,
  PADDR_OFFSET: 4,
  XEN_VERSION: 5,
  GUEST_OS: 6,
  GUEST_VERSION: 7,
  LOADER: 8,
  PAE_MODE: 9,
  FEATURES: 10,
  BSD_SYMTAB: 11,
  HV_START_LOW: 12,
  L1_MFN_VALID: 13,
  SUSPEND_CANCEL: 14,
  INIT_P2M: 15,
  MOD_START_PFN: 16,
  SUPPORTED_FEATURES: 17,
  PHYS32_ENTRY: 18,
  PHYS32_RELOC: 19,
} as const;

/** How a 32-bit kernel uses PAE: "extended" tables may have their L3 above 4 GiB. */
export type PaeMode = "no" | "yes" | "extended" | "bimodal";

/** What a kernel tells Xen about itself; addresses are virtual unless named otherwise, absent notes are undefined. */
export interface XenNotes {
  /** ELF notes, or the older comma-separated __xen_guest section. */
  readonly source: "notes" | "__xen_guest";
  readonly info: readonly string[];
  readonly entry?: bigint;
  readonly hypercallPage?: bigint;
  readonly virtBase?: bigint;
  readonly paddrOffset?: bigint;
  readonly xenVersion?: string;
  readonly guestOs?: string;
  readonly guestVersion?: string;
  readonly loader?: string;
  readonly paeMode: PaeMode;
  readonly features: KernelFeatures;
  readonly bsdSymtab: boolean;
  readonly hvStartLow?: bigint;
  /** Mask and value pairs that recognise non-present L1 entries which carry an mfn. */
  readonly l1MfnValid: readonly { readonly mask: bigint; readonly value: bigint }[];
  readonly suspendCancel: boolean;
  readonly initP2m?: bigint;
  /** The kernel accepts a ramdisk that its first page tables do not map. */
  readonly modStartPfn: boolean;
  /** Physical address of the 32-bit PVH entry. */
  readonly phys32Entry?: number;
  readonly phys32Reloc?: { readonly align?: number; readonly min?: number; readonly max?: number };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function emptyNotes(source: XenNotes["source"]): Mutable<XenNotes> {
  return {
    source,
    info: [],
    paeMode: "no",
    features: { supported: 0, required: 0 },
    bsdSymtab: false,
    l1MfnValid: [],
    suspendCancel: false,
    modStartPfn: false,
  };
}

/** A number of 1, 2, 4 or 8 bytes; other sizes count as 0, as in libelf. */
function numeric(desc: Uint8Array): bigint {
  if (![1, 2, 4, 8].includes(desc.length)) return 0n;
  let value = 0n;
  for (let i = desc.length - 1; i >= 0; i--) value = value << 8n | BigInt(desc[i]);
  return value;
}

function numericArray(desc: Uint8Array, size: 4 | 8): bigint[] {
  const values: bigint[] = [];
  for (let at = 0; at + size <= desc.length; at += size) values.push(numeric(desc.subarray(at, at + size)));
  return values;
}

function merge(a: KernelFeatures, b: KernelFeatures): KernelFeatures {
  return { supported: a.supported | b.supported, required: a.required | b.required };
}

function pairs(values: readonly bigint[]): { mask: bigint; value: bigint }[] {
  const result = [];
  for (let i = 0; i + 1 < values.length; i += 2) result.push({ mask: values[i], value: values[i + 1] });
  return result;
}

function applyNote(into: Mutable<XenNotes>, { type, desc }: Note): void {
  const text = () => cString(desc, 0);
  const number = () => numeric(desc);
  switch (type) {
    case XEN_ELFNOTE.INFO:
      into.info = [...into.info, text()];
      break;
    case XEN_ELFNOTE.ENTRY:
      into.entry = number();
      break;
    case XEN_ELFNOTE.HYPERCALL_PAGE:
      into.hypercallPage = number();
      break;
    case XEN_ELFNOTE.VIRT_BASE:
      into.virtBase = number();
      break;
    case XEN_ELFNOTE.PADDR_OFFSET:
      into.paddrOffset = number();
      break;
    case XEN_ELFNOTE.XEN_VERSION:
      into.xenVersion = text();
      break;
    case XEN_ELFNOTE.GUEST_OS:
      into.guestOs = text();
      break;
    case XEN_ELFNOTE.GUEST_VERSION:
      into.guestVersion = text();
      break;
    case XEN_ELFNOTE.LOADER:
      into.loader = text();
      break;
    case XEN_ELFNOTE.PAE_MODE:
      // Kernels new enough for notes mean extended-cr3 by "yes" (elfnote.h).
      if (text() === "yes") into.paeMode = "extended";
      if (text().includes("bimodal")) into.paeMode = "bimodal";
      break;
    case XEN_ELFNOTE.FEATURES:
      into.features = merge(into.features, parseFeatures(text()));
      break;
    case XEN_ELFNOTE.SUPPORTED_FEATURES:
      into.features = merge(into.features, {
        supported: Number((numericArray(desc, 4)[0] ?? 0n) & 0xffff_ffffn) | 0,
        required: 0,
      });
      break;
    case XEN_ELFNOTE.BSD_SYMTAB:
      into.bsdSymtab = text() === "yes";
      break;
    case XEN_ELFNOTE.HV_START_LOW:
      into.hvStartLow = number();
      break;
    case XEN_ELFNOTE.L1_MFN_VALID:
      into.l1MfnValid = pairs(numericArray(desc, desc.length % 16 === 0 ? 8 : 4));
      break;
    case XEN_ELFNOTE.SUSPEND_CANCEL:
      into.suspendCancel = number() !== 0n;
      break;
    case XEN_ELFNOTE.INIT_P2M:
      into.initP2m = number();
      break;
    case XEN_ELFNOTE.MOD_START_PFN:
      into.modStartPfn = number() !== 0n;
      break;
    case XEN_ELFNOTE.PHYS32_ENTRY:
      into.phys32Entry = Number(number() & 0xffff_ffffn);
      break;
    case XEN_ELFNOTE.PHYS32_RELOC: {
      const [align, min, max] = numericArray(desc, 4).map(Number);
      into.phys32Reloc = { align, min, max };
      break;
    }
    default: // Later notes and crash notes say nothing about how to start the kernel.
      break;
  }
}

/** C's strtoull(text, NULL, 0): decimal, hexadecimal or octal prefix of the text, 0 if there is none. */
function strtoull(text: string): bigint {
  const match = /^\s*\+?(0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)/i.exec(text);
  if (match === null) return 0n;
  const digits = match[1];
  return BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
}

/** Parses the string of a __xen_guest section: NAME=VALUE,NAME,... (the LEGACY remarks of elfnote.h). */
export function parseXenGuest(text: string): XenNotes {
  const notes = emptyNotes("__xen_guest");
  let hypercallPfn: bigint | undefined;
  for (const item of text.split(",")) {
    const equals = item.indexOf("=");
    const name = equals < 0 ? item : item.slice(0, equals);
    const value = equals < 0 ? "" : item.slice(equals + 1);
    switch (name) {
      case "LOADER":
        notes.loader = value;
        break;
      case "GUEST_OS":
        notes.guestOs = value;
        break;
      case "GUEST_VER":
        notes.guestVersion = value;
        break;
      case "XEN_VER":
        notes.xenVersion = value;
        break;
      case "PAE":
        if (value === "yes[extended-cr3]") notes.paeMode = "extended";
        else if (value.startsWith("yes")) notes.paeMode = "yes";
        break;
      case "BSD_SYMTAB":
        notes.bsdSymtab = true;
        break;
      case "VIRT_BASE":
        notes.virtBase = strtoull(value);
        break;
      case "VIRT_ENTRY":
        notes.entry = strtoull(value);
        break;
      case "ELF_PADDR_OFFSET":
        notes.paddrOffset = strtoull(value);
        break;
      case "HYPERCALL_PAGE":
        hypercallPfn = strtoull(value);
        break;
      case "FEATURES":
        notes.features = merge(notes.features, parseFeatures(value));
        break;
    }
  }
  if (hypercallPfn !== undefined) notes.hypercallPage = (hypercallPfn << 12n) + (notes.virtBase ?? 0n);
  return notes;
}

/**
 * Collects what an ELF file says to Xen: its notes, else its __xen_guest section, else undefined.
 * @throws ImageError unsupported-feature for an unknown required feature
 */
export function xenNotes(elf: ElfImage): XenNotes | undefined {
  const own = elf.notes.filter(({ owner }) => owner === "Xen");
  if (own.length > 0) {
    const notes = emptyNotes("notes");
    for (const note of own) applyNote(notes, note);
    return notes;
  }
  const section = elf.sections.find(({ name }) => name === "__xen_guest");
  return section === undefined ? undefined : parseXenGuest(cString(elf.bytes, section.offset));
}
