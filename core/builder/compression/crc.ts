/** The CRC-64 that XZ uses (ECMA-182, reflected); CRC-32 is node:zlib's. */
const POLYNOMIAL_HIGH = 0xc96c5795 | 0;
const POLYNOMIAL_LOW = 0xd7870f42 | 0;
const SLICES = 4;

/** Tables for four bytes at a time, low and high halves: entry (slice * 256 + byte). */
const tableLow = new Int32Array(SLICES * 256);
const tableHigh = new Int32Array(SLICES * 256);

function fillTables(): void {
  for (let byte = 0; byte < 256; byte++) {
    let low = byte;
    let high = 0;
    for (let bit = 0; bit < 8; bit++) {
      const carry = low & 1;
      low = (low >>> 1) | (high << 31);
      high >>>= 1;
      if (carry !== 0) {
        low ^= POLYNOMIAL_LOW;
        high ^= POLYNOMIAL_HIGH;
      }
    }
    tableLow[byte] = low;
    tableHigh[byte] = high;
  }
  for (let entry = 256; entry < SLICES * 256; entry++) {
    const low = tableLow[entry - 256];
    const high = tableHigh[entry - 256];
    tableLow[entry] = ((low >>> 8) | (high << 24)) ^ tableLow[low & 0xff];
    tableHigh[entry] = (high >>> 8) ^ tableHigh[low & 0xff];
  }
}

/** The checksum of some bytes, as XZ writes it: 64 bits, little endian. */
export function crc64(bytes: Uint8Array): bigint {
  if (tableHigh[1] === 0) fillTables();
  let low = -1;
  let high = -1;
  let at = 0;
  for (const whole = bytes.length & ~(SLICES - 1); at < whole; at += SLICES) {
    const word = low ^ (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24));
    const a = 768 + (word & 0xff);
    const b = 512 + (word >>> 8 & 0xff);
    const c = 256 + (word >>> 16 & 0xff);
    const d = word >>> 24;
    low = high ^ tableLow[a] ^ tableLow[b] ^ tableLow[c] ^ tableLow[d];
    high = tableHigh[a] ^ tableHigh[b] ^ tableHigh[c] ^ tableHigh[d];
  }
  for (; at < bytes.length; at++) {
    const entry = (low ^ bytes[at]) & 0xff;
    low = ((low >>> 8) | (high << 24)) ^ tableLow[entry];
    high = (high >>> 8) ^ tableHigh[entry];
  }
  return BigInt(~high >>> 0) << 32n | BigInt(~low >>> 0);
}
