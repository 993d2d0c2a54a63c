/**
 * TCP's and UDP's checksum in an Ethernet frame (RFC 1071), over IPv4 and IPv6. A frame whose checksum is "blank" is one that
 * Linux's skb_checksum_setup accepts, since a receiver drops any other.
 */
import { ETHERNET_HEADER } from "./netif.ts";

const IPV4 = 0x0800, IPV6 = 0x86dd;
const HOP_BY_HOP = 0, TCP = 6, UDP = 17, ROUTING = 43, DESTINATION_OPTIONS = 60;
const IPV6_HEADER = 40;
/** MAX_IPV6_HDR_LEN: Linux looks no further for the transport's header. */
const MAX_IPV6_HEADERS = 256;
/** Of the fragment offset's field: all that is 0 in a whole packet (more fragments, offset). */
const FRAGMENT = 0x3fff;

export interface TransportChecksum {
  readonly version: 4 | 6;
  readonly protocol: "tcp" | "udp";
  /** Of the transport's header, in the frame. */
  readonly start: number;
  /** Of the transport's data; Ethernet's padding may follow. */
  readonly end: number;
  /** Of the checksum. */
  readonly field: number;
}

/** Where the checksum is. undefined: not TCP or UDP, a fragment, or malformed. */
export function findChecksum(bytes: Uint8Array): TransportChecksum | undefined {
  if (bytes.length < ETHERNET_HEADER) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (view.getUint16(12)) {
    case IPV4:
      return inIpv4(view);
    case IPV6:
      return inIpv6(view);
    default:
      return undefined;
  }
}

function inIpv4(view: DataView): TransportChecksum | undefined {
  const at = ETHERNET_HEADER;
  if (view.byteLength < at + 20) return undefined;
  const header = (view.getUint8(at) & 15) * 4;
  if (view.getUint8(at) >> 4 !== 4 || header < 20 || view.getUint16(at + 6) & FRAGMENT) return undefined;
  return transport(view, 4, view.getUint8(at + 9), at + header, at + view.getUint16(at + 2));
}

function inIpv6(view: DataView): TransportChecksum | undefined {
  const at = ETHERNET_HEADER;
  if (view.byteLength < at + IPV6_HEADER || view.getUint8(at) >> 4 !== 6) return undefined;
  const end = at + IPV6_HEADER + view.getUint16(at + 4);
  let next = view.getUint8(at + 6), start = at + IPV6_HEADER;
  while (next === HOP_BY_HOP || next === ROUTING || next === DESTINATION_OPTIONS) {
    if (start + 8 > view.byteLength) return undefined;
    next = view.getUint8(start);
    start += (view.getUint8(start + 1) + 1) * 8;
  }
  return start - at > MAX_IPV6_HEADERS ? undefined : transport(view, 6, next, start, end);
}

function transport(
  view: DataView,
  version: 4 | 6,
  number: number,
  start: number,
  end: number,
): TransportChecksum | undefined {
  if (number !== TCP && number !== UDP || end > view.byteLength) return undefined;
  const protocol = number === TCP ? "tcp" : "udp";
  const [header, field] = protocol === "tcp" ? [20, 16] : [8, 6];
  return start + header > end ? undefined : { version, protocol, start, end, field: start + field };
}

/** To 16 bits, as the ones' complement sums. */
export function fold(sum: number): number {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

/** The pseudo header's sum: what a blank checksum's field has. */
export function pseudoHeader(
  bytes: Uint8Array,
  { version, protocol, start, end }: TransportChecksum,
): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [from, to] = version === 4
    ? [ETHERNET_HEADER + 12, ETHERNET_HEADER + 20]
    : [ETHERNET_HEADER + 8, ETHERNET_HEADER + 40];
  let sum = (protocol === "tcp" ? TCP : UDP) + end - start;
  for (let at = from; at < to; at += 2) sum += view.getUint16(at);
  return fold(sum);
}

/** A copy of a frame whose checksum is blank, with the checksum (skb_checksum_help). */
export function completeChecksum(bytes: Uint8Array, { start, end, field }: TransportChecksum): Uint8Array {
  const complete = bytes.slice();
  const view = new DataView(complete.buffer);
  // The pseudo header's sum is in the field, and is summed with the rest.
  let sum = 0;
  for (let at = start; at + 1 < end; at += 2) sum += view.getUint16(at);
  if ((end - start) % 2 === 1) sum += view.getUint8(end - 1) << 8;
  // 0 would be UDP's "no checksum".
  view.setUint16(field, ~fold(sum) & 0xffff || 0xffff);
  return complete;
}
