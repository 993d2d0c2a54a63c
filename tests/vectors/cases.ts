import type { Form } from "../../core/isa/forms.ts";
import { type Addressing, type Encoded, encodeForm, patchDisplacement, patchOffset } from "./encode.ts";
import { type Bits, CANONICAL_WORDS, type Case, CODE, DATA, DATA_BYTES, LOW, SMALL_WORDS } from "./format.ts";
import { Random } from "./random.ts";
import { numberFormat, randomX87, usesX87 } from "./x87_cases.ts";

export const CASES_PER_FORM = 110;

/** A case with what is needed to judge it. */
export interface FormCase extends Case {
  readonly registers: number[];
  readonly immediates: (bigint | undefined)[];
  /** Linear address of the ModRM memory operand, if there is one. */
  readonly address: number | undefined;
}

/** Why a form cannot be recorded at user level on a 64-bit system; undefined where it can. */
export function notRecorded(form: Form): string | undefined {
  if (form.instruction.unrecorded) return form.instruction.unrecorded;
  if (form.operands.some((one) => one.spec.place === "far")) return "far transfer";
  if (recordedBits(form).length === 0) return "stack and code of different widths";
  return undefined;
}

/** The modes of a form that are recorded: 16-bit code has a 16-bit stack segment, 32-bit code a 32-bit one. */
export function recordedBits(form: Form): Bits[] {
  const stacks: Record<Bits, number> = { 64: 8, 32: 4, 16: 2 };
  return ([64, 32, 16] as const).filter((bits) =>
    form.modes.includes(bits) && (form.stackSize === 0 || form.stackSize === stacks[bits])
  );
}

/** How many cases of a form are made in a mode: a form that a wider mode has too is the same handler, a few show the decoder's part. */
export function caseCount(form: Form, bits: Bits): number {
  return recordedBits(form)[0] === bits ? CASES_PER_FORM : 20;
}

/** The cases of one form in one mode; the same each time. */
export function* casesOf(form: Form, bits: Bits): Generator<FormCase> {
  const count = caseCount(form, bits);
  for (let i = 0; i < count; i++) yield makeCase(form, bits, new Random(`${form.id}|${bits}|${i}`));
}

/** EDX:EAX says what XSAVE and XRSTOR take, so that these two cannot be part of the address. */
function encodeCaseOf(form: Form, bits: Bits, random: Random): Encoded {
  for (;;) {
    const made = encodeForm(form, bits, random);
    const { base, index } = made.addressing ?? { base: -1, index: -1 };
    if (!/^(xsave|xrstor)/.test(form.instruction.name) || ![base, index].some((r) => r === 0 || r === 2)) {
      return made;
    }
  }
}

function makeCase(form: Form, bits: Bits, random: Random): FormCase {
  const { code, addressing, registers, immediates } = encodeCaseOf(form, bits, random);
  const gpr = new BigUint64Array(16);
  for (let i = 0; i < 16; i++) gpr[i] = randomInteger(random);
  const name = form.instruction.name;
  // Near the end of the second page a few instructions straddle into the page that cannot be executed.
  const codeOffset = 0x800 + random.below(0x400);
  const gsBase = 0x4000000 + random.below(0x1000);

  const data = (form.addrSize || bits >> 3) === 2 ? LOW : DATA;
  if (/^(div|idiv)$/.test(name)) quietDivide(gpr, form, random);
  if (form.instruction.stack) gpr[4] = stackValue(stackOffset(random), bits, random);
  if (name === "leave" || name === "enter") gpr[5] = stackValue(0x800 + random.below(0x1000), bits, random);
  if (name === "xlatb") {
    gpr[0] = gpr[0] & ~0xffn | BigInt(random.below(256));
    gpr[3] = narrowed(data + 0x100 + random.below(0x1000), form, bits, random);
  }
  const source = form.operands.some((one) => one.from === "source");
  const destination = form.operands.some((one) => one.from === "destination") || name.startsWith("maskmov");
  if (source) gpr[6] = narrowed(data + targetOffset(form, 8, random), form, bits, random);
  if (destination) gpr[7] = narrowed(data + targetOffset(form, 8, random), form, bits, random);
  if (form.rep !== "none" || form.instruction.repeat) {
    gpr[1] = narrowed(random.chance(15) ? 0 : random.below(40), form, bits, random);
  }
  const initial = name.startsWith("xsave") && random.chance(25) ? new Uint8Array(256) : undefined;
  if (/^(xsave|xrstor)/.test(name)) {
    // Never what only the recording processor has.
    gpr[0] = BigInt(random.below(4));
    gpr[2] = 0n;
  }
  const xmm = initial ? initial : /^pcmp[ei]str/.test(name) ? textVectors(gpr, random) : undefined;
  let address: number | undefined;
  if (addressing && form.encoding.operands.some((one) => one.place === "offset")) {
    address = data + targetOffset(form, operandBytes(form), random);
    patchOffset(code, addressing.addrSize, address);
  } else if (addressing) {
    const wanted = DATA + targetOffset(form, operandBytes(form), random);
    address = solve(addressing, code, gpr, wanted, gsBase, codeOffset, bits, random);
  }
  // A register bit offset reaches beyond the operand: keep it within the data pages (or just outside).
  if (/^bt[src]?$/.test(name) && addressing) limitBitOffset(form, registers, gpr, addressing, random);
  if (form.instruction.flow === "jump" || form.instruction.flow === "call") {
    limitTarget(form, registers, gpr, bits);
  }

  const transfers = /^(jump|call|return)$/.test(form.instruction.flow ?? "") && !random.chance(10);
  const small = name === "ldmxcsr" || name.startsWith("fxrstor") || (transfers && bits === 16);
  const content = small && !random.chance(15) ? SMALL_WORDS : transfers ? CANONICAL_WORDS : 0;
  const status = random.u32() & 0x8d5;
  const direction = random.chance(form.instruction.repeat || source || destination ? 40 : 10) ? 0x400 : 0;
  return {
    gpr: bits < 64 ? gpr.map((value, i) => i < 8 ? value & 0xffffffffn : value) : gpr,
    xmm: xmm ?? randomVectors(random),
    rflags: 0x202 | status | direction,
    traced: /^(pushf|popf)/.test(name),
    gsBase,
    mxcsr: randomMxcsr(random),
    seed: (random.u32() & 0xffff) | content | numberFormat(form, random),
    codeOffset,
    bits,
    code,
    registers,
    immediates,
    address,
    x87: usesX87(form) ? randomX87(form, random) : undefined,
  };
}

const CORNERS = [
  0n,
  1n,
  2n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
];
const WIDE_CORNERS = [
  ...CORNERS,
  0x7fffffffffffffffn,
  0x8000000000000000n,
  0xffffffffffffffffn,
  0xffffffff80000000n,
];

function randomInteger(random: Random): bigint {
  if (random.chance(25)) return random.pick(WIDE_CORNERS);
  if (random.chance(20)) return BigInt(random.below(128));
  if (random.chance(10)) return BigInt.asUintN(64, -BigInt(random.below(128)));
  return random.u64();
}

/** A stack address; a 16-bit stack lies in the low data pages and leaves the upper half of ESP alone. */
function stackValue(offset: number, bits: Bits, random: Random): bigint {
  return bits === 16 ? BigInt(LOW + offset) | BigInt(random.u32() & 0x7fff0000) : BigInt(DATA + offset);
}

/** An address or count at the form's address size: above it the register holds anything. */
function narrowed(value: number, form: Form, bits: number, random: Random): bigint {
  const size = form.addrSize || (bits >> 3);
  return BigInt(value) | (size === 8 ? 0n : random.u64() << BigInt(8 * size) & (1n << 64n) - 1n);
}

/** Mostly dividends whose quotient fits. */
function quietDivide(gpr: BigUint64Array, form: Form, random: Random): void {
  if (random.chance(25)) return;
  gpr[2] = BigInt(random.below(4));
  if (random.chance(30)) {
    gpr[2] = 0xffffffffffffffffn;
    gpr[0] |= 1n << BigInt(8 * (form.operands[0]?.size ?? 8) - 1);
  }
  if (form.operands[0]?.size === 1) gpr[0] &= ~0xff00n;
}

function stackOffset(random: Random): number {
  const kind = random.below(100);
  if (kind < 84) return 0x200 + 8 * random.below(0x300);
  if (kind < 86) return 0x200 + random.below(0x1000);
  if (kind < 92) return 0x1000 - random.below(9); // across the two pages
  if (kind < 95) return 0x2000 + random.below(9); // pushes end in the writable page
  return 0x2100 + random.below(0xd00); // pushes fault: read-only
}

/** An offset from DATA: mostly inside, sometimes across a page's end, read-only or without access. */
function targetOffset(form: Form, size: number, random: Random): number {
  const aligned = form.instruction.flow !== undefined || form.lock || (size === 16 && !random.chance(12)) ||
    random.chance(50);
  const align = (offset: number) =>
    size === 10
      ? offset & ~15
      : size === 576 && !random.chance(8)
      ? offset & ~63
      : aligned && size > 0
      ? offset & ~(Math.min(size, 16) - 1)
      : offset;
  // A locked access across a cache line is a bus lock, which systems may refuse.
  const inLine = (offset: number) =>
    form.lock && (offset & 63) + size > 64 ? (offset & ~63) + 64 - size : offset;
  const kind = random.below(100);
  if (kind < 74) return inLine(align(0x400 + random.below(0x1800)));
  if (kind < 84) return form.lock ? 0x1000 : 0x1000 - random.below(Math.max(size, 1) + 1);
  if (kind < 88) return form.lock ? 0x2000 : 0x2000 - random.below(Math.max(size, 1));
  if (kind < 94) return inLine(align(0x2010 + random.below(0xf00)));
  if (kind < 97) return form.lock ? 0x3000 : DATA_BYTES - random.below(Math.max(size, 1) + 1);
  return align(0x3000 + random.below(0xfe0));
}

function operandBytes(form: Form): number {
  const memory = form.operands.find((one) => one.kind === "mem");
  return memory ? memory.size : 8;
}

/** Chooses register values and a displacement so that the operand lies at `wanted`; where that cannot be, says where it lies. */
function solve(
  a: Addressing,
  code: Uint8Array,
  gpr: BigUint64Array,
  wanted: number,
  gsBase: number,
  codeOffset: number,
  bits: Bits,
  random: Random,
): number {
  const segment = a.gs && bits === 64 ? gsBase : 0;
  const effective = wanted - segment;
  if (a.addrSize === 2) {
    // 32-bit code only. BX, BP, SI, DI: their sum with the displacement, modulo 64 KiB.
    const low = LOW + wanted - DATA;
    const sum = [a.base, a.index].reduce((total, r) => r < 0 ? total : total + Number(gpr[r] & 0xffffn), 0);
    patchDisplacement(code, 2, low - sum);
    return low;
  }
  if (a.ripRelative) {
    a.displacement = effective - (CODE + codeOffset + code.length);
    patchDisplacement(code, 4, a.displacement);
    return wanted;
  }
  const small = random.below(0x2000) - 0x1000;
  const scale = 1 << a.scale;
  if (a.base < 0 && a.index < 0) a.displacement = effective;
  else if (a.index < 0) {
    a.displacement = small;
    gpr[a.base] = BigInt.asUintN(64, BigInt(effective - small));
  } else if (a.base < 0) {
    const part = random.below(0x1000);
    gpr[a.index] = BigInt(part);
    a.displacement = effective - part * scale;
  } else if (a.base === a.index) {
    const part = random.below(0x1000000);
    gpr[a.base] = BigInt(part);
    a.displacement = effective - part * (scale + 1);
  } else {
    const part = random.below(0x10000) - 0x8000;
    a.displacement = small;
    gpr[a.index] = BigInt.asUintN(64, BigInt(part));
    gpr[a.base] = BigInt.asUintN(64, BigInt(effective - small - part * scale));
  }
  // With 32-bit addresses the registers' upper halves do not count.
  if (a.addrSize === 4 && bits === 64) {
    for (const r of [a.base, a.index]) {
      if (r >= 0) gpr[r] = gpr[r] & 0xffffffffn | (random.u64() & ~0xffffffffn);
    }
  }
  patchDisplacement(code, 4, a.displacement);
  return wanted;
}

function limitBitOffset(
  form: Form,
  registers: number[],
  gpr: BigUint64Array,
  a: Addressing,
  random: Random,
): void {
  const operand = form.operands[1];
  if (operand.kind !== "reg") return;
  const r = registers[1];
  // The offset register is also part of the address: leave it, the address was solved for it; its size bounds the reach.
  if (r === a.base || r === a.index) return;
  const reach = BigInt(random.below(16000) - 8000);
  const mask = (1n << BigInt(operand.size * 8)) - 1n;
  gpr[r] = gpr[r] & ~mask | BigInt.asUintN(64, reach) & mask;
}

/** Computed jumps stay in the lower half, where addresses are canonical. */
function limitTarget(form: Form, registers: number[], gpr: BigUint64Array, bits: Bits): void {
  if (form.operands[0]?.kind === "reg") gpr[registers[0]] &= bits === 16 ? 0xffffn : 0x7fffffffffffn;
}

const FLOATS = [
  0x3f800000,
  0xbf800000,
  0,
  0x80000000,
  0x7f800000,
  0xff800000,
  0x7fc00000,
  0xffc01234,
  0x7f800001,
  0xff812345,
  1,
  0x807fffff,
  0x00800000,
  0x7f7fffff,
  0x4f000000,
  0xcf000000,
  0x5f000000,
  0x4effffff,
  0x3f000000,
  0x3fc00000,
];
const DOUBLES = [
  0x3ff0000000000000n,
  0xbff0000000000000n,
  0n,
  1n << 63n,
  0x7ff0000000000000n,
  0xfff0000000000000n,
  0x7ff8000000000000n,
  0xfff8000000001234n,
  0x7ff0000000000001n,
  0xfff0000000012345n,
  1n,
  0x800fffffffffffffn,
  0x0010000000000000n,
  0x7fefffffffffffffn,
  0x41e0000000000000n,
  0xc1e0000000000000n,
  0x43e0000000000000n,
  0x41dfffffffc00000n,
  0x3fe0000000000000n,
  0x3ff8000000000000n,
  0x36a0000000000000n,
  0x47efffffe0000000n,
];

function randomVectors(random: Random): Uint8Array {
  const bytes = new Uint8Array(256);
  const view = new DataView(bytes.buffer);
  for (let r = 0; r < 16; r++) {
    const kind = random.below(10);
    for (let i = 0; i < 16; i += 8) {
      const at = r * 16 + i;
      if (kind < 3) view.setBigUint64(at, random.u64(), true);
      else if (kind < 6) {
        for (const half of [0, 4]) view.setUint32(at + half, single(random), true);
      } else if (kind < 9) view.setBigUint64(at, double(random), true);
      else view.setBigUint64(at, random.pick(WIDE_CORNERS), true);
    }
  }
  return bytes;
}

/** Few different characters, some of them zero, and lengths to go with them. */
function textVectors(gpr: BigUint64Array, random: Random): Uint8Array {
  const bytes = new Uint8Array(256);
  for (let i = 0; i < 256; i++) {
    bytes[i] = random.chance(4) ? 0 : random.pick([0x61, 0x61, 0x62, 0x63, 0x7f, 0x80, 0xff]);
    if (i & 1 && random.chance(40)) bytes[i] = 0;
  }
  for (const r of [0, 2]) {
    if (random.chance(60)) gpr[r] = BigInt.asUintN(64, BigInt(random.below(40) - 20));
  }
  return bytes;
}

function single(random: Random): number {
  if (random.chance(35)) return random.pick(FLOATS);
  // Exponents near each other, so that sums round and cancel.
  return (random.u32() & 0x807fffff | (120 + random.below(16)) << 23) >>> 0;
}

function double(random: Random): bigint {
  if (random.chance(35)) return random.pick(DOUBLES);
  return random.u64() & 0x800fffffffffffffn | BigInt(1016 + random.below(16)) << 52n;
}

/** Mostly the default; some rounding modes, DAZ and FTZ, sticky flags, unmasked exceptions. */
function randomMxcsr(random: Random): number {
  let mxcsr = 0x1f80;
  if (random.chance(50)) mxcsr |= random.u32() & 0x3f;
  if (random.chance(25)) mxcsr |= random.below(4) << 13;
  if (random.chance(10)) mxcsr |= 0x8000;
  if (random.chance(10)) mxcsr |= 0x40;
  if (random.chance(8)) mxcsr &= ~(random.u32() & 0x1f80) & 0xffc0;
  return mxcsr;
}
