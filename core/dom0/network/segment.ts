/**
 * TCP segmentation offload (GSO): what a frame must be for it, and the segmenting for a receiver that takes none, as
 * Linux's tcp_gso_segment and inet_gso_segment do it.
 */
import { findChecksum, fold, pseudoHeader, type TransportChecksum } from "./checksum.ts";
import type { Frame, Segmentation } from "./frame.ts";
import { ETHERNET_HEADER } from "./netif.ts";

/** TCP_MIN_GSO_SIZE: less is nothing that a TCP sends, nor what Linux's TCP as the receiver counts on. */
const MIN_SIZE = 8;
/** A frame costs no more work than this, whatever its sender says. 64 KiB take 45 with Ethernet's MTU, 123 with the least of IPv4. */
const MAX_SEGMENTS = 256;
const IPV6_HEADER = 40;
/** Offsets in the headers of IP and TCP. */
const Ipv4 = { totalLength: 2, id: 4, checksum: 10 } as const, Ipv6 = { payloadLength: 4 } as const;
const Tcp = { sequence: 4, dataOffset: 12, flags: 13 } as const;
const FIN = 0x01, PSH = 0x08, CWR = 0x80;

interface TcpFrame extends TransportChecksum {
  /** Where TCP's data begins, in the frame. */
  readonly data: number;
}

/** undefined: not TCP over this version of IP, or malformed. */
function findTcp(bytes: Uint8Array, version: 4 | 6): TcpFrame | undefined {
  const found = findChecksum(bytes);
  if (found?.protocol !== "tcp" || found.version !== version) return undefined;
  const header = (bytes[found.start + Tcp.dataOffset] >> 4) * 4, data = found.start + header;
  return header < 20 || data > found.end ? undefined : { ...found, data };
}

/**
 * Makes a frame one that is segmented later. The bytes are the caller's alone: like Linux, it forgives a checksum that is
 * not blank and makes it so, since that is what GSO is about.
 * @returns what is wrong with it instead
 */
export function offload(bytes: Uint8Array, isBlank: boolean, gso: Segmentation): Frame | string {
  if (gso.size < MIN_SIZE) return `segments of ${gso.size} bytes`;
  const tcp = findTcp(bytes, gso.type);
  if (tcp === undefined) return `no TCP over IPv${gso.type} to segment`;
  const count = Math.ceil((tcp.end - tcp.data) / gso.size);
  if (count > MAX_SEGMENTS) return `${count} segments`;
  if (!isBlank) new DataView(bytes.buffer, bytes.byteOffset).setUint16(tcp.field, pseudoHeader(bytes, tcp));
  const frame: Frame = { bytes, checksum: "blank" };
  // What is one segment anyway needs nothing of this, and a Linux that had to segment it would drop it.
  return count > 1 ? { ...frame, gso } : frame;
}

/** The segments of a frame that `offload` accepted; their checksums are blank as the frame's is. */
export function* segment(bytes: Uint8Array, { size, type }: Segmentation): Generator<Frame> {
  const tcp = findTcp(bytes, type)!;
  for (let at = tcp.data; at < tcp.end; at += size) {
    yield { bytes: segmentAt(bytes, tcp, at, size), checksum: "blank" };
  }
}

function segmentAt(whole: Uint8Array, tcp: TcpFrame, at: number, size: number): Uint8Array {
  const { version, start, field, data, end } = tcp;
  const isFirst = at === tcp.data, isLast = at + size >= end;
  const length = Math.min(size, end - at);
  const bytes = new Uint8Array(data + length), view = new DataView(bytes.buffer);
  bytes.set(whole.subarray(0, data));
  bytes.set(whole.subarray(at, at + length), data);
  const ip = ETHERNET_HEADER;
  if (version === 4) {
    view.setUint16(ip + Ipv4.totalLength, bytes.length - ip);
    view.setUint16(ip + Ipv4.id, view.getUint16(ip + Ipv4.id) + (at - data) / size);
    view.setUint16(ip + Ipv4.checksum, 0);
    let sum = 0;
    for (let word = ip; word < start; word += 2) sum += view.getUint16(word);
    view.setUint16(ip + Ipv4.checksum, ~fold(sum));
  } else {
    view.setUint16(ip + Ipv6.payloadLength, bytes.length - ip - IPV6_HEADER);
  }
  view.setUint32(start + Tcp.sequence, view.getUint32(start + Tcp.sequence) + (at - data));
  if (!isLast) bytes[start + Tcp.flags] &= ~(FIN | PSH);
  if (!isFirst) bytes[start + Tcp.flags] &= ~CWR;
  // The length in the pseudo header's sum is replaced: only the sender knows which addresses it has summed (IPv6's routing header).
  view.setUint16(field, fold(view.getUint16(field) + (0xffff - (end - start)) + (bytes.length - start)));
  return bytes;
}
