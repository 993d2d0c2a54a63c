/**
 * The guest's memory as hypercalls reach it: by linear address, through the engine. Every function tells failure (-EFAULT) by its result;
 * addresses of Xen's own range fail too.
 */
import { type CStruct, type Fields, type Path, StructView } from "../abi/cstruct.ts";
import type { HypercallContext } from "../context.ts";
import { isGuestAddress } from "../mm/walk.ts";

/** A linear address in halves, as a guest handle holds it. */
export interface GuestPointer {
  readonly lo: number;
  readonly hi: number;
}

export function offset(pointer: GuestPointer, bytes: number): GuestPointer {
  const lo = (pointer.lo >>> 0) + bytes;
  return { lo: lo | 0, hi: (pointer.hi + Math.floor(lo / 4294967296)) | 0 };
}

function isAccessible(lo: number, hi: number, length: number): boolean {
  if (!isGuestAddress(hi)) return false;
  const end = (lo >>> 0) + length - 1;
  return end < 4294967296 || isGuestAddress((hi + 1) | 0);
}

/** copy_from_guest of raw bytes. */
export function copyFrom(cx: HypercallContext, lo: number, hi: number, bytes: Uint8Array): boolean {
  if (bytes.length === 0) return true;
  return isAccessible(lo, hi, bytes.length) && cx.engine.readVirtual(cx.vcpu.ctx, lo, hi, bytes);
}

/** copy_to_guest of raw bytes. */
export function copyTo(cx: HypercallContext, lo: number, hi: number, bytes: Uint8Array): boolean {
  if (bytes.length === 0) return true;
  return isAccessible(lo, hi, bytes.length) && cx.engine.writeVirtual(cx.vcpu.ctx, lo, hi, bytes);
}

export function readStruct<F extends Fields>(
  cx: HypercallContext,
  type: CStruct<F>,
  lo: number,
  hi: number,
): StructView<F> | undefined {
  const view = StructView.create(type, widthOf(cx));
  return copyFrom(cx, lo, hi, view.bytes) ? view : undefined;
}

/** Reads one structure after another into the same room: for hypercalls that come often. */
export class StructReader<F extends Fields> {
  readonly #views: { 64?: StructView<F>; 32?: StructView<F> } = {};

  constructor(readonly type: CStruct<F>) {}

  /** What was read is good until the next call. */
  read(cx: HypercallContext, lo: number, hi: number): StructView<F> | undefined {
    const width = widthOf(cx);
    const view = this.#views[width] ??= StructView.create(this.type, width);
    return copyFrom(cx, lo, hi, view.bytes) ? view : undefined;
  }
}

export function writeStruct<F extends Fields>(
  cx: HypercallContext,
  view: StructView<F>,
  lo: number,
  hi: number,
): boolean {
  return copyTo(cx, lo, hi, view.bytes);
}

/** Writes one field of a structure back, as Xen does for results. */
export function writeField<F extends Fields>(
  cx: HypercallContext,
  view: StructView<F>,
  path: Path<F>,
  lo: number,
  hi: number,
): boolean {
  const placed = view.type.layout(view.width).fields.get(path);
  if (placed === undefined) throw new RangeError(`${view.type.name} has no field ${path}`);
  const at = offset({ lo, hi }, placed.offset);
  return copyTo(cx, at.lo, at.hi, view.bytes.subarray(placed.offset, placed.offset + placed.size));
}

/** The caller's width: what its structures and handles are made of. */
export function widthOf(cx: HypercallContext): 64 | 32 {
  return cx.domain.header.width === 32 ? 32 : 64;
}

const scratch = new Uint8Array(8);
const scratchView = new DataView(scratch.buffer);

/** One 32-bit value, or undefined. */
export function readU32(cx: HypercallContext, lo: number, hi: number): number | undefined {
  return copyFrom(cx, lo, hi, scratch.subarray(0, 4)) ? scratchView.getUint32(0, true) : undefined;
}

export function writeU32(cx: HypercallContext, lo: number, hi: number, value: number): boolean {
  scratchView.setUint32(0, value, true);
  return copyTo(cx, lo, hi, scratch.subarray(0, 4));
}

/** One xen_ulong_t or xen_pfn_t as a number (exact below 2^53), or undefined. */
export function readUlong(cx: HypercallContext, pointer: GuestPointer, index = 0): number | undefined {
  const size = widthOf(cx) / 8;
  const at = offset(pointer, index * size);
  if (!copyFrom(cx, at.lo, at.hi, scratch.subarray(0, size))) return undefined;
  const lo = scratchView.getUint32(0, true);
  return size === 4 ? lo : scratchView.getUint32(4, true) * 4294967296 + lo;
}

export function writeUlong(
  cx: HypercallContext,
  pointer: GuestPointer,
  index: number,
  value: number,
): boolean {
  const size = widthOf(cx) / 8;
  const at = offset(pointer, index * size);
  scratchView.setUint32(0, value % 4294967296, true);
  scratchView.setInt32(4, Math.floor(value / 4294967296), true);
  return copyTo(cx, at.lo, at.hi, scratch.subarray(0, size));
}
