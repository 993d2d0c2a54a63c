/** The block protocol's requests as xen/io/blkif.h lays them out for x86_64 ("x86_64-abi"); ring entries have 112 bytes. */

export const ENTRY_BYTES = 112;

export const Operation = {
  READ: 0,
  WRITE: 1,
  WRITE_BARRIER: 2,
  FLUSH_DISKCACHE: 3,
  DISCARD: 5,
  INDIRECT: 6,
} as const;
export const Status = { OKAY: 0, ERROR: -1, EOPNOTSUPP: -2 } as const;
/** The `info` node. */
export const VDISK_CDROM = 1, VDISK_REMOVABLE = 2, VDISK_READONLY = 4;

/** BLKIF_MAX_SEGMENTS_PER_REQUEST. */
const MAX_SEGMENTS = 11;
const MAX_INDIRECT_PAGES = 8;
const SEGMENT_BYTES = 8;
const SEGMENTS_A_PAGE = 4096 / SEGMENT_BYTES;
/** So many segments of an indirect request are offered: 256 KiB. */
export const MAX_INDIRECT_SEGMENTS = 64;
const SECTORS_A_PAGE = 8;

/** Part of a granted frame, in bytes. */
export interface Segment {
  readonly ref: number;
  readonly offset: number;
  readonly length: number;
}

export interface BlockRequest {
  readonly operation: number;
  readonly sector: number;
  readonly segments: readonly Segment[];
}

/** `id` is the frontend's own. */
export const requestId = (entry: DataView) => entry.getBigUint64(8, true);

/** What a response names: of an indirect request what it asks for, which Linux's frontend insists on. */
export function requestOperation(entry: DataView): number {
  const operation = entry.getUint8(0);
  return operation === Operation.INDIRECT ? entry.getUint8(1) : operation;
}

/** What makes a request invalid; it is answered with BLKIF_RSP_ERROR. */
export class RequestError extends Error {
  override name = "RequestError";
}

/**
 * Reads a request.
 * @param copy out of a granted frame, for indirect segments; its errors pass
 * @throws RequestError
 */
export function parseRequest(
  entry: DataView,
  copy: (ref: number, into: Uint8Array) => void,
): BlockRequest {
  const operation = entry.getUint8(0);
  const sector = entry.getUint32(16, true) + entry.getUint32(20, true) * 2 ** 32;
  if (operation === Operation.INDIRECT) {
    const segments = indirectSegments(entry, copy);
    const inner = entry.getUint8(1);
    if (inner !== Operation.READ && inner !== Operation.WRITE) {
      throw new RequestError(`indirect operation ${inner}`);
    }
    return { operation: inner, sector, segments };
  }
  if (operation === Operation.DISCARD) return { operation, sector, segments: [] };
  const count = entry.getUint8(1);
  if (count > MAX_SEGMENTS) throw new RequestError(`${count} segments`);
  return { operation, sector, segments: readSegments(entry, 24, count) };
}

function indirectSegments(entry: DataView, copy: (ref: number, into: Uint8Array) => void): Segment[] {
  const count = entry.getUint16(2, true);
  if (count > MAX_INDIRECT_SEGMENTS) throw new RequestError(`${count} indirect segments`);
  const pages = Math.ceil(count / SEGMENTS_A_PAGE);
  const segments: Segment[] = [];
  for (let page = 0; page < Math.min(pages, MAX_INDIRECT_PAGES); page++) {
    const here = Math.min(count - page * SEGMENTS_A_PAGE, SEGMENTS_A_PAGE);
    const bytes = new Uint8Array(here * SEGMENT_BYTES);
    copy(entry.getUint32(28 + page * 4, true), bytes);
    segments.push(...readSegments(new DataView(bytes.buffer), 0, here));
  }
  return segments;
}

function readSegments(view: DataView, at: number, count: number): Segment[] {
  return Array.from({ length: count }, (_, index): Segment => {
    const base = at + index * SEGMENT_BYTES;
    const first = view.getUint8(base + 4), last = view.getUint8(base + 5);
    if (last >= SECTORS_A_PAGE || first > last) {
      throw new RequestError(`sectors ${first} to ${last} of a frame`);
    }
    return { ref: view.getUint32(base, true), offset: first * 512, length: (last - first + 1) * 512 };
  });
}

export function writeResponse(entry: DataView, id: bigint, operation: number, status: number): void {
  entry.setBigUint64(0, id, true);
  entry.setUint8(8, operation);
  entry.setInt16(10, status, true);
}
