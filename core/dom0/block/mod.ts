/** Disks: blkif the protocol, block_backend Domain-0's end of a disk, image what it serves, raw_image files and block devices. @module */
export { BlockBackend, type BlockFigures } from "./block_backend.ts";
export type { BlockImage } from "./image.ts";
export { RawImage } from "./raw_image.ts";
