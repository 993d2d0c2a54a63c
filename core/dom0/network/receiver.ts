/** Puts frames for a guest into the pages that it posted in its receive ring (netif.h, "Guest receive"). */
import type { BackRing } from "../backend/back_ring.ts";
import { type FrontendDomain, GrantError } from "../backend/frontend_domain.ts";
import { completeChecksum, findChecksum } from "./checksum.ts";
import type { Frame, Segmentation } from "./frame.ts";
import {
  ETHERNET_HEADER,
  ExtraInfo,
  ExtraType,
  GsoType,
  MAX_FRAME,
  PAGE_SIZE,
  RX_ENTRY_BYTES,
  RxFlag,
  RxRequest,
  RxResponse,
  Status,
} from "./netif.ts";
import { segment } from "./segment.ts";
import type { TrafficCounters } from "./traffic.ts";

/** Frames that wait for pages. */
const QUEUE_LENGTH = 256;
/** Of those frames, of which the largest are 64 KiB. */
const QUEUE_BYTES = 1 << 20;
/** How often to look for pages of a guest that does not tell of them (netback's drain timeout for those). */
const POLL_MS = 30;

export interface ReceiverParts {
  readonly frontend: FrontendDomain;
  readonly ring: BackRing;
  readonly counters: TrafficCounters;
  /** feature-sg: takes frames of more than a page. */
  readonly takesChains: boolean;
  /** feature-rx-notify: sends an event for posted pages. */
  readonly notifiesOfPages: boolean;
  /** By the version of IP: takes a frame with a blank checksum. */
  readonly takesBlank: Readonly<Record<4 | 6, boolean>>;
  /** By the version of IP: takes TCP that is not segmented, which takes chains and blank checksums too. */
  readonly takesGso: Readonly<Record<4 | 6, boolean>>;
  notify(): void;
}

interface Posted {
  readonly id: number;
  readonly gref: number;
}

export class Receiver {
  readonly #queue: Frame[] = [];
  #queuedBytes = 0;
  /** Taken from the ring for a frame that needs more of them: only with an empty ring can the next event be asked for. */
  readonly #posted: Posted[] = [];

  constructor(private readonly parts: ReceiverParts) {}

  enqueue(frame: Frame): void {
    const { bytes, gso } = frame;
    if (gso === undefined || this.parts.takesGso[gso.type]) this.#enqueue(frame);
    else for (const part of segment(bytes, gso)) this.#enqueue(part);
  }

  #enqueue(frame: Frame): void {
    const { length } = frame.bytes, limit = this.parts.takesChains ? MAX_FRAME : PAGE_SIZE;
    const isFull = this.#queue.length >= QUEUE_LENGTH || this.#queuedBytes + length > QUEUE_BYTES;
    if (isFull || length > limit) {
      this.parts.counters.rxDrops++;
      return;
    }
    this.#queue.push(frame);
    this.#queuedBytes += length;
  }

  /** Delivers while there are pages. @returns milliseconds after which it wants to go on; undefined: with the next event @throws RingError */
  service(): number | undefined {
    const { ring, notify } = this.parts;
    let isAnswered = false;
    while (this.#queue.length > 0) {
      const [{ bytes, gso }] = this.#queue;
      const slots = Math.ceil(bytes.length / PAGE_SIZE) + (gso === undefined ? 0 : 1);
      if (!this.#hasPosted(slots)) break;
      this.#queuedBytes -= bytes.length;
      this.#deliver(this.#queue.shift()!, this.#posted.splice(0, slots));
      isAnswered = true;
    }
    if (isAnswered && ring.push()) notify();
    return this.#queue.length > 0 && !this.parts.notifiesOfPages ? POLL_MS : undefined;
  }

  #hasPosted(slots: number): boolean {
    const { ring } = this.parts;
    while (this.#posted.length < slots) {
      const request = ring.next();
      if (request !== undefined) {
        this.#posted.push({
          id: request.getUint16(RxRequest.id, true),
          gref: request.getUint32(RxRequest.gref, true),
        });
      } else if (!ring.armAndCheck()) return false;
    }
    return true;
  }

  #deliver(frame: Frame, posted: readonly Posted[]): void {
    const { ring, counters } = this.parts;
    const { bytes, checksum, gso } = this.#forGuest(frame);
    // The extra info takes the second slot; the page that was posted with it stays as it is.
    const pages = gso === undefined ? posted : posted.toSpliced(1, 1);
    let isWhole = true;
    for (const [i, { id, gref }] of pages.entries()) {
      const part = bytes.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE);
      const isCopied = this.#copy(gref, part);
      isWhole &&= isCopied;
      let flags = i < pages.length - 1 ? RxFlag.MORE_DATA : 0;
      if (i === 0 && checksum !== "complete") flags |= RxFlag.DATA_VALIDATED;
      if (i === 0 && checksum === "blank") flags |= RxFlag.CSUM_BLANK;
      if (i === 0 && gso !== undefined) flags |= RxFlag.EXTRA_INFO;
      ring.respond((entry) => {
        entry.setUint16(RxResponse.id, id, true);
        entry.setUint16(RxResponse.offset, 0, true);
        entry.setUint16(RxResponse.flags, flags, true);
        entry.setInt16(RxResponse.status, isCopied ? part.length : Status.ERROR, true);
      });
      if (i === 0 && gso !== undefined) this.#respondExtra(gso);
    }
    if (!isWhole) {
      counters.rxErrors++;
      return;
    }
    counters.rxPackets++;
    // Linux's netfront counts after eth_type_trans has taken the header off, unlike what it sends.
    counters.rxBytes += bytes.length - ETHERNET_HEADER;
  }

  #respondExtra({ size, type }: Segmentation): void {
    this.parts.ring.respond((entry) => {
      for (let at = 0; at < RX_ENTRY_BYTES; at++) entry.setUint8(at, 0);
      entry.setUint8(ExtraInfo.type, ExtraType.GSO);
      entry.setUint16(ExtraInfo.gsoSize, size, true);
      entry.setUint8(ExtraInfo.gsoType, type === 4 ? GsoType.TCPV4 : GsoType.TCPV6);
    });
  }

  #copy(gref: number, part: Uint8Array): boolean {
    try {
      this.parts.frontend.copyToGrant(gref, 0, part);
      return true;
    } catch (error) {
      if (!(error instanceof GrantError)) throw error;
      return false;
    }
  }

  /** With the checksum completed where the guest does not do that itself. */
  #forGuest(frame: Frame): Frame {
    if (frame.checksum !== "blank") return frame;
    const found = findChecksum(frame.bytes);
    if (found === undefined || this.parts.takesBlank[found.version]) return frame;
    return { bytes: completeChecksum(frame.bytes, found), checksum: "complete" };
  }
}
