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

/** The x87 unit: registers by physical number, 16 bytes each (10 count); the tag word is FXSAVE's. */
export interface X87State {
  readonly registers: Uint8Array;
  readonly fcw: number;
  readonly fsw: number;
  readonly ftw: number;
}
export interface X87Outcome extends X87State {
  readonly fop: number;
  readonly fip: bigint;
  readonly fdp: bigint;
}

/** As FNINIT leaves it. */
export const INITIAL_X87: X87State = { registers: new Uint8Array(128), fcw: 0x37f, fsw: 0, ftw: 0 };

/** Registers in the order of FXSAVE, from ST(0), to or from the physical order. */
function turned(registers: Uint8Array, by: number): Uint8Array {
  const made = new Uint8Array(128);
  for (let i = 0; i < 8; i++) made.set(registers.subarray(i * 16, i * 16 + 16), (i + by & 7) * 16);
  return made;
}
const topOf = (fsw: number): number => fsw >> 11 & 7;

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
  /** Of forms that use the x87 unit; where it is missing the unit is at its start, and its outcome is not kept. */
  readonly x87?: X87State;
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
  readonly x87: X87Outcome;
}

/** Without the x87 unit. */
export const PLAIN_BYTES = 16 * 8 + 256 + 8 + 8 + 4 + 4 + 2 + 1 + 1 + 20;
const INPUT_BYTES = PLAIN_BYTES + 128 + 6;
const OUTCOME_X87 = 16 * 8 + 256 + 24 + 12;
const OUTCOME_BYTES = OUTCOME_X87 + 128 + 8 + 16 + 4;

/** In a seed: every aligned quadword of the data pages is a canonical address. */
export const CANONICAL_WORDS = 0x10000;
/** In a seed: every aligned doubleword is below 65536 (a valid MXCSR, an offset in a 16-bit segment). */
export const SMALL_WORDS = 0x20000;

/** In a seed: the data pages hold numbers of a format, each at its alignment (extended ones in 16 bytes). */
export const NUMBERS = {
  single: 1 << 18,
  double: 2 << 18,
  extended: 3 << 18,
  decimal: 4 << 18,
  header: 5 << 18,
} as const;

const SINGLES = [0, 0x80000000, 0x7f800000, 0xffc00000, 0x7fa00000, 0x00400000, 1, 0x7f7fffff];
const UPPER_HALVES = [0, 0x80000000, 0x7ff00000, 0xfff80000, 0x7ff40000, 0, 0x36a00000, 0x47efffff];
const EXPONENTS = [0, 0x7fff, 0xffff, 0x8000, 1, 0x7ffe, 0x3c00, 0x43ff];

/** A doubleword of such a number, at a byte offset, from a random one. */
function number(format: number, at: number, x: number): number {
  const corner = (x >>> 8 & 3) === 0;
  const choice = x >>> 13 & 7;
  switch (format) {
    case 1:
      return corner ? SINGLES[choice] : (x & 0x807fffff) | (120 + (x >>> 23 & 15)) << 23;
    case 2:
      if ((at & 4) === 0) return corner ? 0 : x;
      return corner ? UPPER_HALVES[choice] : (x & 0x800fffff) | (1016 + (x >>> 20 & 15)) << 20;
    case 3:
      if ((at & 12) === 0) return corner ? 0 : x;
      if ((at & 12) === 4) return (x >>> 10 & 7) === 0 ? x : x & 0x40 ? x | 0x80000000 : 0x80000000;
      return corner ? EXPONENTS[choice] : 0x3ff8 + (x & 15) + (x & 0x8000);
    case 4:
      // Digits from 10 up lose their eight.
      return x - (x >>> 1 & x >>> 3 & 0x11111111) * 8 - (x >>> 2 & x >>> 3 & 0x11111111 & ~(x >>> 1)) * 8;
    case 5:
      // Of an XSAVE area: two components at most, what must be zero.
      if ((at & 60) === 0) return (x >>> 8 & 15) === 0 ? x : x & 3;
      return (at & 60) <= 20 ? 0 : (at & 60) === 24 ? x & 0xffff : x;
    default:
      return x;
  }
}

/** What the data pages hold at the start of a case: xorshift32. */
export function fill(seed: number, into: Uint8Array): void {
  const words = new Int32Array(into.buffer, into.byteOffset, DATA_BYTES >> 2);
  let x = seed | 1;
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    words[i] = (seed & CANONICAL_WORDS) !== 0 && (i & 1) === 1
      ? x & 0x7fff
      : number(seed >>> 18 & 7, i * 4, x);
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
  const { registers, fcw, fsw, ftw } = one.x87 ?? INITIAL_X87;
  bytes.set(turned(registers, -topOf(fsw)), PLAIN_BYTES);
  view.setUint16(PLAIN_BYTES + 128, fcw, true);
  view.setUint16(PLAIN_BYTES + 130, fsw, true);
  view.setUint16(PLAIN_BYTES + 132, ftw, true);
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
  const x = OUTCOME_X87 + 128;
  const fsw = view.getUint16(x + 2, true);
  const x87 = {
    registers: turned(bytes.subarray(at + OUTCOME_X87, at + x), topOf(fsw)),
    fcw: view.getUint16(x, true),
    fsw,
    ftw: view.getUint16(x + 4, true) & 0xff,
    fop: view.getUint16(x + 6, true),
    fip: view.getBigUint64(x + 8, true),
    fdp: view.getBigUint64(x + 16, true),
  };
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
    x87,
  };
  return [outcome, at + OUTCOME_BYTES + count * 3];
}
