/** Kernel images and start-of-day memory: what libelf and libxenguest are in Xen. */
export { ImageError, type ImageErrorKind } from "./errors.ts";
export { describeFile } from "./identify.ts";
export { readKernel } from "./image_reader.ts";
export { type KernelImage, type KernelMode, parseKernel, type PvPlacement, pvPlacement } from "./kernel.ts";
export { XEN_ELFNOTE, type XenNotes } from "./notes.ts";
export {
  buildPv,
  buildPvWithBreaks,
  type DomainFrames,
  type PageTableFrame,
  planPv,
  type PvDomain,
  type PvImages,
  type PvPlan,
  type PvStart,
} from "./pv.ts";
export { type PvLayout } from "./pv_layout.ts";
export { type ElfFile, makeElf } from "./elf_writer.ts";
export { type InitramfsEntry, makeInitramfs } from "./initramfs.ts";
