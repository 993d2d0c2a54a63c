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
