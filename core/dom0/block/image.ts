/** What a block backend serves. */

/** Sectors of the block protocol, whatever the image's own are (xen/io/blkif.h, "sector-size"). */
export const SECTOR_BYTES = 512;

/** Operations take effect in the order in which they were asked for; each rejects with what the host said. */
export interface BlockImage {
  /** Its size. */
  readonly sectors: number;
  readonly readOnly: boolean;
  /** Fills all of `into`, whole sectors inside the image. */
  read(sector: number, into: Uint8Array): Promise<void>;
  write(sector: number, from: Uint8Array): Promise<void>;
  /** When it resolves everything that was written before is on the medium. */
  flush(): Promise<void>;
  /** Lets go of it when what was asked for is done. */
  close(): void;
}
