/** A test case for one instruction, what a processor made of it, and the binary forms that tools/recorder/recorder.c reads and writes. */

/** The address space of a case; the same in recorder.c. */
export const DATA = 0x10000000;
/** The data pages are seen here too, for 16-bit addresses. */
export const LOW = 0x4000;
/** Two pages that can be read and written, one that can only be read; then one that cannot be accessed. */
export const DATA_BYTES = 3 * 4096;
export const CODE = 0x20000000;
/** Two pages; behind them nothing can be executed. */
export const CODE_BYTES = 2 * 4096;

/** Width of the code: 64-bit, 32-bit, or 16-bit with a 16-bit stack segment. */
export type Bits = 16 | 32 | 64;

/** RIP of a case's instruction: 16-bit code lies in a segment whose base is CODE. */
export function startRip(one: Case): number {
  return one.bits === 16 ? one.codeOffset : CODE + one.codeOffset;
}

export interface Case {
  /** In encoding order, unsigned. */
  readonly gpr: BigUint64Array;
  /** 16 x 16 bytes. */
  readonly xmm: Uint8Array;
  readonly rflags: number;
  /** The instruction shows or changes TF, which the recorder has set: it must be set here too. */
  readonly traced: boolean;
  readonly gsBase: number;
  readonly mxcsr: number;
  /** Of the data pages, see `fill`. */
  readonly seed: number;
  readonly codeOffset: number;
  readonly bits: Bits;
  readonly code: Uint8Array;
}

export interface Outcome {
  readonly gpr: BigUint64Array;
  readonly xmm: Uint8Array;
  readonly rip: number | bigint;
  readonly rflags: number;
  readonly mxcsr: number;
  /** -1: completed. */
  readonly vector: number;
  readonly error: number;
  /** Of a page fault. */
  readonly cr2: bigint;
  /** Changed bytes of the data pages: offset, value. */
  readonly memory: readonly (readonly [number, number])[];
}

const INPUT_BYTES = 16 * 8 + 256 + 8 + 8 + 4 + 4 + 2 + 1 + 1 + 20;
const OUTCOME_BYTES = 16 * 8 + 256 + 24 + 16;

/** In a seed: every aligned quadword of the data pages is a canonical address. */
export const CANONICAL_WORDS = 0x10000;
/** In a seed: every aligned doubleword is below 65536 (a valid MXCSR, an offset in a 16-bit segment). */
export const SMALL_WORDS = 0x20000;

/** What the data pages hold at the start of a case: xorshift32. */
export function fill(seed: number, into: Uint8Array): void {
  const words = new Int32Array(into.buffer, into.byteOffset, DATA_BYTES >> 2);
  let x = seed | 1;
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    words[i] = (seed & CANONICAL_WORDS) !== 0 && (i & 1) === 1 ? x & 0x7fff : x;
    if (seed & SMALL_WORDS) words[i] &= 0xffff;
  }
}

/** `struct input`. */
export function encodeCase(one: Case): Uint8Array {
  const bytes = new Uint8Array(INPUT_BYTES);
  const view = new DataView(bytes.buffer);
  one.gpr.forEach((value, i) => view.setBigUint64(i * 8, value, true));
  bytes.set(one.xmm, 128);
  view.setBigUint64(384, BigInt(one.rflags), true);
  view.setBigUint64(392, BigInt(one.gsBase), true);
  view.setUint32(400, one.mxcsr, true);
  view.setUint32(404, one.seed, true);
  view.setUint16(408, one.codeOffset, true);
  bytes[410] = one.code.length;
  bytes[411] = one.bits;
  bytes.set(one.code, 412);
  return bytes;
}

/** Reads `struct outcome` and its differences at `at`; gives the outcome and where the next one begins. */
export function decodeOutcome(bytes: Uint8Array, at: number): [Outcome, number] {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at);
  const gpr = new BigUint64Array(16);
  for (let i = 0; i < 16; i++) gpr[i] = view.getBigUint64(i * 8, true);
  const count = view.getUint32(OUTCOME_BYTES - 4, true);
  const memory: [number, number][] = [];
  for (let i = 0; i < count; i++) {
    const d = OUTCOME_BYTES + i * 3;
    memory.push([view.getUint16(d, true), view.getUint8(d + 2)]);
  }
  const outcome = {
    gpr,
    xmm: bytes.slice(at + 128, at + 384),
    rip: view.getBigUint64(384, true),
    rflags: view.getUint32(392, true),
    cr2: view.getBigUint64(400, true),
    mxcsr: view.getUint32(408, true),
    error: view.getUint32(412, true),
    vector: view.getInt32(416, true),
    memory,
  };
  return [outcome, at + OUTCOME_BYTES + count * 3];
}
