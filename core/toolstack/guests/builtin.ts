/** The guests that Xenolith brings along: assembled from text by our own assembler, wrapped in an ELF file with Xen's notes. */
import { readFileSync } from "node:fs";
import { makeElf, XEN_ELFNOTE } from "../../builder/mod.ts";
import { assemble } from "../../isa/mod.ts";
import { asset } from "../assets.ts";

const VIRT_BASE = 0xffffffff80000000n;
const GUESTS = { echo: "core/toolstack/guests/echo.asm" } as const;

function isGuest(name: string): name is keyof typeof GUESTS {
  return Object.hasOwn(GUESTS, name);
}

/**
 * Assembles a 64-bit PV kernel whose text has the labels `entry` and `hypercall_page`, and makes an ELF file of it.
 * @throws AssemblyError with the line
 */
export function pvKernel(name: string, text: string): Uint8Array {
  const { bytes, labels } = assemble(text, { mode: 64, origin: VIRT_BASE });
  const address = (label: string) => {
    const value = labels.get(label);
    if (value === undefined) throw new Error(`${name}: there is no label ${label}`);
    return value;
  };
  return makeElf({
    entry: address("entry"),
    segments: [{ vaddr: VIRT_BASE, paddr: 0n, data: bytes }],
    notes: [
      { type: XEN_ELFNOTE.GUEST_OS, desc: `xenolith-${name}` },
      { type: XEN_ELFNOTE.GUEST_VERSION, desc: "1" },
      { type: XEN_ELFNOTE.XEN_VERSION, desc: "xen-3.0" },
      { type: XEN_ELFNOTE.LOADER, desc: "generic" },
      { type: XEN_ELFNOTE.VIRT_BASE, desc: VIRT_BASE },
      { type: XEN_ELFNOTE.PADDR_OFFSET, desc: 0n },
      { type: XEN_ELFNOTE.ENTRY, desc: address("entry") },
      { type: XEN_ELFNOTE.HYPERCALL_PAGE, desc: address("hypercall_page") },
    ],
  });
}

/** Assembling takes tens of milliseconds, and domains are made from the same one by the hundred. */
const assembled = new Map<string, Uint8Array>();

/** A built-in guest's kernel image (not to be changed), or undefined when there is none of that name. */
export function builtinGuest(name: string): Uint8Array | undefined {
  if (!isGuest(name)) return undefined;
  let image = assembled.get(name);
  if (image === undefined) {
    image = pvKernel(name, readFileSync(asset(GUESTS[name]), "utf8"));
    assembled.set(name, image);
  }
  return image;
}
