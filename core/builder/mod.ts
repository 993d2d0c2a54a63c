/** Kernel images and start-of-day memory: what libelf and libxenguest are in Xen. */
export { ImageError, type ImageErrorKind } from "./errors.ts";
export { describeFile } from "./identify.ts";
export { type KernelImage, type KernelMode, parseKernel, type PvPlacement, pvPlacement } from "./kernel.ts";
export type { XenNotes } from "./notes.ts";
export {
  buildPv,
  type DomainFrames,
  type PageTableFrame,
  type PvDomain,
  type PvImages,
  type PvStart,
} from "./pv.ts";
export { memoryNeeded } from "./pv_layout.ts";
