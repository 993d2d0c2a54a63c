/** A guest's netfront, for tests: rings, pages and nodes over a FakeFrontendDomain. */
import assert from "node:assert/strict";
import { FrontendError, type FrontendNodes } from "../backend/driver.ts";
import { FakeFrontendDomain, FrontRing } from "../backend/testing.ts";
import type { Bridge } from "./frame.ts";
import {
  ExtraInfo,
  ExtraType,
  RX_ENTRY_BYTES,
  RxFlag,
  RxRequest,
  RxResponse,
  TX_ENTRY_BYTES,
  TxFlag,
  TxRequest,
} from "./netif.ts";
import { Switch } from "./switch.ts";
import { VifBackend, type VifOptions } from "./vif_backend.ts";

const PORT = 5;
const RX_FRAMES = 300, TX_FRAMES = 2;

export interface TxEntry {
  gref: number;
  offset?: number;
  flags?: number;
  id: number;
  size: number;
}

export interface Received {
  readonly bytes: Uint8Array;
  readonly flags: number;
  readonly slots: number;
  /** What the extra info says, if one came. */
  readonly gso?: WireGso;
}

/** As it is in an extra info: a type of 1 is TCP over IPv4, of 2 over IPv6. */
export interface WireGso {
  readonly size: number;
  readonly type: number;
}

export function nodesOf(values: Readonly<Record<string, string | number>>): FrontendNodes {
  const number = (name: string) => values[name] === undefined ? undefined : Number(values[name]);
  return {
    text: (name) => values[name]?.toString(),
    number,
    requiredNumber(name) {
      const value = number(name);
      if (value === undefined) throw new FrontendError(`${name} is missing`);
      return value;
    },
  };
}

export function turn(milliseconds = 1): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** A frame of `size` bytes from one guest to another. */
export function frameOf(to: number, from: number, size = 60, fill = 0x5a): Uint8Array {
  const bytes = new Uint8Array(size).fill(fill);
  bytes.set([...macOf(to), ...macOf(from), 0x88, 0xb5]);
  for (let i = 14; i < size; i++) bytes[i] = fill + i;
  return bytes;
}

export function macOf(domid: number): number[] {
  return [0, 0x16, 0x3e, 0, domid >> 8, domid & 255];
}

export class FakeGuest {
  readonly lost: string[] = [];
  readonly log: string[] = [];
  readonly backend: VifBackend;
  tx!: FrontRing;
  rx!: FrontRing;
  #nextId = 0;
  /** By the slot of the receive ring, as Linux's netfront finds its pages. */
  readonly #posted: { id: number; frame: number }[] = [];
  #txFrame = 0;
  readonly #rxGrants: number[] = [];
  readonly #txGrants: number[] = [];

  constructor(bridge: Bridge, domid: number, options: VifOptions = {}, readonly domain = fakeDomain(domid)) {
    this.backend = new VifBackend(domain, bridge, { log: (line) => this.log.push(line), ...options });
    for (let i = 0; i < 256; i++) {
      this.#rxGrants.push(domain.grant(RX_FRAMES + i));
      this.#txGrants.push(domain.grant(TX_FRAMES + i, true));
    }
  }

  nodes(): Record<string, number> {
    const { domain } = this;
    this.tx = new FrontRing(domain.frame(0), TX_ENTRY_BYTES);
    this.rx = new FrontRing(domain.frame(1), RX_ENTRY_BYTES);
    domain.offered.add(PORT);
    return {
      "tx-ring-ref": domain.grant(0),
      "rx-ring-ref": domain.grant(1),
      "event-channel": PORT,
      "request-rx-copy": 1,
      "feature-rx-notify": 1,
      "feature-sg": 1,
      "feature-ipv6-csum-offload": 1,
    };
  }

  connect(changes: Readonly<Record<string, number>> = {}): this {
    this.backend.connect(nodesOf({ ...this.nodes(), ...changes }), (why) => this.lost.push(why));
    return this;
  }

  get events(): number {
    return this.domain.events.get(PORT) ?? 0;
  }

  kick(): void {
    this.domain.send(PORT);
  }

  /** Puts requests in the transmit ring as they are. */
  transmit(...entries: TxEntry[]): void {
    for (const { gref, offset = 0, flags = 0, id, size } of entries) {
      this.tx.request((entry) => {
        entry.setUint32(TxRequest.gref, gref, true);
        entry.setUint16(TxRequest.offset, offset, true);
        entry.setUint16(TxRequest.flags, flags, true);
        entry.setUint16(TxRequest.id, id, true);
        entry.setUint16(TxRequest.size, size, true);
      });
    }
  }

  extra(type: number, flags = 0, gso: WireGso = { size: 0, type: 0 }): void {
    this.tx.request((entry) => {
      for (let i = 0; i < TX_ENTRY_BYTES; i++) entry.setUint8(i, 0);
      entry.setUint8(ExtraInfo.type, type);
      entry.setUint8(ExtraInfo.flags, flags);
      entry.setUint16(ExtraInfo.gsoSize, gso.size, true);
      entry.setUint8(ExtraInfo.gsoType, gso.type);
    });
  }

  pushAndKick(): void {
    if (this.tx.push()) this.kick();
  }

  /** A page with these bytes in it. */
  page(bytes: Uint8Array, offset = 0): number {
    const i = this.#txFrame++ % 256;
    this.domain.frame(TX_FRAMES + i).set(bytes, offset);
    return this.#txGrants[i];
  }

  /** Sends a frame in slots of these sizes, by default one, as netfront does. */
  send(
    bytes: Uint8Array,
    { flags = 0, sizes = [bytes.length], gso }: { flags?: number; sizes?: number[]; gso?: WireGso } = {},
  ): void {
    if (gso !== undefined) flags |= TxFlag.EXTRA_INFO;
    let at = 0;
    for (const [i, size] of sizes.entries()) {
      const offset = (i * 7) % (4097 - size);
      const more = i < sizes.length - 1 ? TxFlag.MORE_DATA : 0;
      this.transmit({
        gref: this.page(bytes.subarray(at, at + size), offset),
        offset,
        flags: more | (i === 0 ? flags : 0),
        id: 1000 + i,
        size: i === 0 ? bytes.length : size,
      });
      if (i === 0 && gso !== undefined) this.extra(ExtraType.GSO, 0, gso);
      at += size;
    }
    this.pushAndKick();
  }

  /** The transmit ring's responses as [id, status]; those of extra info have no id. */
  answers(): (readonly [number, number])[] {
    return this.tx.responses().map((entry) => [entry.getUint16(0, true), entry.getInt16(2, true)] as const);
  }

  /** Posts pages to receive into. @param gref instead of a good page's */
  post(count: number, gref?: number): void {
    for (let i = 0; i < count; i++) {
      const id = this.#nextId++ % 256;
      this.#posted.push({ id, frame: RX_FRAMES + id });
      this.rx.request((entry) => {
        entry.setUint16(RxRequest.id, id, true);
        entry.setUint32(RxRequest.gref, gref ?? this.#rxGrants[id], true);
      });
    }
    if (this.rx.push()) this.kick();
  }

  /** Frames that have come since. undefined in a frame's place: a slot of it has an error. */
  received(): (Received | undefined)[] {
    const frames: (Received | undefined)[] = [];
    let parts: Uint8Array[] = [], first = 0, isBad = false, isFirst = true;
    let gso: WireGso | undefined;
    const entries = this.rx.responses();
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i], { id, frame } = this.#posted.shift()!;
      const flags = entry.getUint16(RxResponse.flags, true), status = entry.getInt16(RxResponse.status, true);
      if (entry.getUint16(RxResponse.id, true) !== id || entry.getUint16(RxResponse.offset, true) !== 0) {
        throw new Error(`not the response to ${id}`);
      }
      if (isFirst) first = flags & ~RxFlag.MORE_DATA;
      if (isFirst && flags & RxFlag.EXTRA_INFO) {
        gso = readGso(entries[++i]);
        this.#posted.shift();
      }
      isFirst = false;
      if (status < 0) isBad = true;
      else parts.push(this.domain.frame(frame).slice(0, status));
      if (flags & RxFlag.MORE_DATA) continue;
      const whole = { bytes: concat(parts), flags: first, slots: parts.length, ...(gso && { gso }) };
      frames.push(isBad ? undefined : whole);
      [parts, isBad, isFirst, gso] = [[], false, true, undefined];
    }
    return frames;
  }
}

/** Two guests on a switch; ends without a mapping left. */
export async function withPair(
  use: (one: FakeGuest, two: FakeGuest, bridge: Switch) => void | Promise<void>,
  nodes: Readonly<Record<string, number>> = {},
): Promise<void> {
  const bridge = new Switch();
  const one = new FakeGuest(bridge, 1).connect(), two = new FakeGuest(bridge, 2).connect(nodes);
  await use(one, two, bridge);
  for (const { backend, domain, lost } of [one, two]) {
    assert.deepEqual(lost, []);
    backend.close();
    backend.close();
    assert.equal(domain.mappings, 0);
    assert.equal(domain.handlers.size, 0);
  }
}

/** Of a response that must be one. */
function readGso(extra: DataView): WireGso {
  const [type, flags] = [extra.getUint8(ExtraInfo.type), extra.getUint8(ExtraInfo.flags)];
  if (type !== ExtraType.GSO || flags !== 0) throw new Error(`extra info ${type} with flags ${flags}`);
  if (extra.getUint8(5) !== 0 || extra.getUint16(6, true) !== 0) {
    throw new Error("padding or features of GSO");
  }
  return { size: extra.getUint16(ExtraInfo.gsoSize, true), type: extra.getUint8(ExtraInfo.gsoType) };
}

export function fakeDomain(domid: number): FakeFrontendDomain {
  return new FakeFrontendDomain(domid, 600);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
