/** Packets whose checksums another implementation computed, from domain 1 to domain 2. */
import { findChecksum } from "./checksum.ts";

const ETHERNET = "00163e000002 00163e000001";

/** 10.0.0.1 to 10.0.0.2, with options. */
export const TCP_SYN = packet(
  `${ETHERNET} 0800 4500003c1c46400040060a740a0000010a000002
   c35000161234567800000000a002faf0f1c30000020405b40402080a000a1b2c0000000001030307`,
);
/** An odd number of bytes. */
export const UDP_V4 = packet(
  `${ETHERNET} 0800 45000027000100004011f6abc0a80101c0a801c89c40003500134922616e206f6464206f6e6521`,
);
export const UDP_V6 = packet(
  `${ETHERNET} 86dd 6000000000121140fe8000000000000002163efffe000001fe8000000000000002163efffe000002
   14e900350012a5b668656c6c6f2c2058656e`,
);

/** Of 32 bytes, where IPv6's has no extensions and IPv4's no options. */
export const TCP_HEADER = 32;

export interface TcpOptions {
  readonly version?: 4 | 6;
  readonly size: number;
  readonly sequence?: number;
  readonly flags?: number;
  /** IPv4's. */
  readonly id?: number;
  /** Between the headers of IP and of TCP: IPv4's options, IPv6's extensions with the last one's next header. */
  readonly between?: readonly number[];
}

/** A TCP packet with timestamps and a blank checksum, from domain 1 to domain 2, as Linux sends it with GSO. */
export function tcpPacket(options: TcpOptions): Uint8Array {
  const { version = 4, size, sequence = 1000, flags = 0x10, id = 7, between = [] } = options;
  const header = (version === 4 ? 20 : 40) + between.length, total = header + TCP_HEADER + size;
  const bytes = new Uint8Array(14 + total), view = new DataView(bytes.buffer);
  bytes.set(version === 4 ? TCP_SYN.subarray(0, 54) : UDP_V6.subarray(0, 54));
  bytes.set(between, 14 + header - between.length);
  if (version === 4) {
    bytes[14] = 0x40 | header / 4;
    view.setUint16(16, total);
    view.setUint16(18, id);
    view.setUint16(24, 0);
    let sum = 0;
    for (let at = 14; at < 14 + header; at += 2) sum += view.getUint16(at);
    view.setUint16(24, 0xffff - sum % 0xffff);
  } else {
    view.setUint16(18, total - 40);
    bytes[20] = between.length > 0 ? 0 : 6;
  }
  const at = 14 + header;
  view.setUint32(at, 0x80_1234);
  view.setUint32(at + 4, sequence);
  view.setUint32(at + 8, 0x87654321);
  bytes.set([0x80, flags, 0x20, 0x00], at + 12);
  bytes.set([1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8], at + 20);
  for (let i = 0; i < size; i++) bytes[at + TCP_HEADER + i] = (i * 31 + (i >> 8)) & 255;
  return blank(bytes);
}

function packet(hex: string): Uint8Array {
  return Uint8Array.from(hex.replace(/\s/g, "").match(/../g)!, (byte) => parseInt(byte, 16));
}

/** The same with only the pseudo header's sum in its checksum, as Linux sends it. */
export function blank(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice(), view = new DataView(copy.buffer);
  const { version, start, end, field } = findChecksum(bytes)!;
  const addresses = version === 4 ? [26, 34] : [22, 54];
  let sum = end - start + (field - start === 16 ? 6 : 17);
  for (let at = addresses[0]; at < addresses[1]; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(field, sum);
  return copy;
}

/**
 * Whether the checksums of IPv4 and TCP are right, computed as RFC 1071 defines them, byte by byte and over a pseudo header
 * that is written out; nothing of it is the backend's. IPv6's extensions are not looked through: they are given.
 */
export function hasRightChecksums(bytes: Uint8Array, extensions = 0): boolean {
  const is4 = bytes[14] >> 4 === 4, length = (at: number) => bytes[at] * 256 + bytes[at + 1];
  const header = is4 ? (bytes[14] & 15) * 4 : 40 + extensions;
  const tcp = bytes.subarray(14 + header, 14 + (is4 ? length(16) : 40 + length(18)));
  const addresses = is4 ? bytes.subarray(26, 34) : bytes.subarray(22, 54);
  const pseudo = [...addresses, 0, 6, tcp.length >> 8, tcp.length & 255, ...tcp];
  return isRight(pseudo) && (!is4 || isRight([...bytes.subarray(14, 14 + header)]));
}

function isRight(bytes: readonly number[]): boolean {
  const sum = bytes.reduce((sum, byte, i) => sum + BigInt(byte) * (i % 2 === 0 ? 256n : 1n), 0n);
  return sum > 0n && sum % 0xffffn === 0n;
}
