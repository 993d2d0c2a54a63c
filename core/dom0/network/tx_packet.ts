/** One packet in the transmit ring: a first request, extra infos, further requests (netif.h, "Guest transmit"). */
import type { BackRing } from "../backend/back_ring.ts";
import { type FrontendDomain, GrantError } from "../backend/frontend_domain.ts";
import { RingError } from "../byte_ring.ts";
import { findChecksum } from "./checksum.ts";
import type { Frame, Segmentation } from "./frame.ts";
import {
  ETHERNET_HEADER,
  EXTRA_MORE,
  ExtraInfo,
  ExtraType,
  GsoType,
  MAX_SLOTS,
  PAGE_SIZE,
  Status,
  TxFlag,
  TxRequest,
  TxResponse,
} from "./netif.ts";
import { offload } from "./segment.ts";

/** A data slot. */
interface Slot {
  readonly gref: number;
  readonly offset: number;
  readonly flags: number;
  readonly id: number;
  readonly size: number;
}

/** The guest is told NETIF_RSP_ERROR. */
export class PacketError extends Error {
  override name = "PacketError";
}

function readSlot(request: DataView): Slot {
  return {
    gref: request.getUint32(TxRequest.gref, true),
    offset: request.getUint16(TxRequest.offset, true),
    flags: request.getUint16(TxRequest.flags, true),
    id: request.getUint16(TxRequest.id, true),
    size: request.getUint16(TxRequest.size, true),
  };
}

/** A guest pushes a packet's requests all at once, so there is nothing to wait for. */
function nextOf(ring: BackRing): DataView {
  const request = ring.next();
  if (request === undefined) throw new RingError("a packet goes on after the last request");
  return request;
}

export class TxPacket {
  private constructor(
    private readonly slots: readonly Slot[],
    private readonly extras: readonly DataView[],
  ) {}

  /** Takes its requests, be they right or wrong. undefined: none waits. @throws RingError: part of it is missing, or the ring is broken */
  static take(ring: BackRing): TxPacket | undefined {
    const first = ring.next();
    if (first === undefined) return undefined;
    const slots = [readSlot(first)];
    const extras: DataView[] = [];
    if (slots[0].flags & TxFlag.EXTRA_INFO) {
      do extras.push(nextOf(ring)); while (extras[extras.length - 1].getUint8(ExtraInfo.flags) & EXTRA_MORE);
    }
    while (slots[slots.length - 1].flags & TxFlag.MORE_DATA) slots.push(readSlot(nextOf(ring)));
    return new TxPacket(slots, extras);
  }

  /** What the guest says the frame's size is. */
  get size(): number {
    return this.slots[0].size;
  }

  /** Copies the frame out of the guest. @throws PacketError */
  copy(frontend: FrontendDomain): Frame {
    const { slots } = this, [{ flags }] = slots;
    const gso = readGso(this.extras);
    if (slots.length > MAX_SLOTS) throw new PacketError(`${slots.length} slots`);
    if (this.size < ETHERNET_HEADER) throw new PacketError(`a frame of ${this.size} bytes`);
    const sizes = slots.map(({ size }) => size);
    sizes[0] -= sizes.reduce((sum, size) => sum + size) - sizes[0];
    if (sizes[0] < 0) throw new PacketError("slots of more bytes than the packet");
    if (slots.some(({ offset }, i) => offset + sizes[i] > PAGE_SIZE)) {
      throw new PacketError("a slot beyond its page");
    }
    const bytes = new Uint8Array(this.size);
    let at = 0;
    for (const [i, { gref, offset }] of slots.entries()) {
      copyOut(frontend, gref, offset, bytes.subarray(at, at + sizes[i]));
      at += sizes[i];
    }
    const isBlank = (flags & TxFlag.CSUM_BLANK) !== 0;
    if (isBlank && findChecksum(bytes) === undefined) {
      throw new PacketError("no TCP or UDP whose checksum could be blank");
    }
    if (gso !== undefined) {
      const frame = offload(bytes, isBlank, gso);
      if (typeof frame === "string") throw new PacketError(frame);
      return frame;
    }
    return { bytes, checksum: isBlank ? "blank" : flags & TxFlag.DATA_VALIDATED ? "validated" : "complete" };
  }

  /** Answers its requests, in the order of the ring. */
  respond(ring: BackRing, status: number): void {
    for (const [i, { id }] of this.slots.entries()) {
      ring.respond((entry) => {
        entry.setUint16(TxResponse.id, id, true);
        entry.setInt16(TxResponse.status, status, true);
      });
      for (let extra = 0; i === 0 && extra < this.extras.length; extra++) {
        ring.respond((entry) => entry.setInt16(TxResponse.status, Status.NULL, true));
      }
    }
  }
}

/** @throws PacketError: multicast lists and hashes are not among what the backend offers */
function readGso(extras: readonly DataView[]): Segmentation | undefined {
  if (extras.length === 0) return undefined;
  const [extra] = extras, kind = extra.getUint8(ExtraInfo.type);
  if (extras.length > 1 || kind !== ExtraType.GSO) {
    throw new PacketError(`${extras.length} extra infos, the first of type ${kind}`);
  }
  const type = extra.getUint8(ExtraInfo.gsoType);
  if (type !== GsoType.TCPV4 && type !== GsoType.TCPV6) throw new PacketError(`GSO of type ${type}`);
  return { size: extra.getUint16(ExtraInfo.gsoSize, true), type: type === GsoType.TCPV4 ? 4 : 6 };
}

function copyOut(frontend: FrontendDomain, gref: number, offset: number, into: Uint8Array): void {
  if (into.length === 0) return;
  try {
    frontend.copyFromGrant(gref, offset, into);
  } catch (error) {
    if (!(error instanceof GrantError)) throw error;
    throw new PacketError(error.message);
  }
}
