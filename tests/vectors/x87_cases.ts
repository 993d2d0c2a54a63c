/** States of the x87 unit to start from: registers with corner values, control, status and tags. */
import type { Form } from "../../core/isa/forms.ts";
import { INITIAL_X87, NUMBERS, type X87State } from "./format.ts";
import type { Random } from "./random.ts";

/** Whether a form's cases set the x87 unit and keep what became of it. */
export function usesX87({ encoding, instruction, operands }: Form): boolean {
  const escape = encoding.map === 0 && (encoding.opcode & 0xf8) === 0xd8 ||
    encoding.opcode === 0x9b && encoding.map === 0;
  return escape || operands.some((one) => one.kind === "mm") ||
    /^(emms|movq2dq|movdq2q|cvt.*pi.*|fx.*|xsave.*|xrstor.*)$/.test(instruction.name);
}

const isEscape = ({ encoding }: Form) => encoding.map === 0 && (encoding.opcode & 0xf8) === 0xd8;

/** What the data pages hold for a memory operand; 0 (no draw from `random`) for forms that have none in the unit's formats. */
export function numberFormat(form: Form, random: Random): number {
  if (/^xrstor/.test(form.instruction.name)) return random.chance(90) ? NUMBERS.header : 0;
  if (/^xsave/.test(form.instruction.name)) return 0;
  if (!isEscape(form)) return 0;
  const memory = form.operands.find((one) => one.kind === "mem");
  if (!memory || random.chance(10)) return 0;
  const { name } = form.instruction;
  if (name === "fbld") return NUMBERS.decimal;
  if (name.startsWith("fi") || !memory.access.includes("r")) return 0;
  if (memory.size === 10) return NUMBERS.extended;
  if (memory.size === 8 && name !== "fild") return NUMBERS.double;
  return memory.size === 4 && name !== "fild" ? NUMBERS.single : 0;
}

const EXPONENTS = [
  0,
  1,
  2,
  0x7ffe,
  0x7ffd,
  0x3fff,
  0x3f80,
  0x407f,
  0x3bff,
  0x43ff,
  0x3fbe,
  0x403e,
  0x401e,
  0x400e,
];
const SIGNIFICANDS = [
  0x8000000000000000n,
  0xffffffffffffffffn,
  0x8000000000000001n,
  0xc000000000000000n,
  0xfffffffffffff800n,
  0xffffff0000000000n,
  0xffffff8000000000n,
  0x8000008000000000n,
  0x8000000000000400n,
];

function registerValue(form: Form, random: Random): [significand: bigint, exponent: number] {
  const sign = random.chance(50) ? 0x8000 : 0;
  const top = 1n << 63n;
  const significand = () =>
    random.chance(30)
      ? random.pick(SIGNIFICANDS)
      : random.chance(20)
      ? top | random.u64() << BigInt(random.below(64)) & top - 1n
      : top | random.u64();
  const kind = random.below(100);
  const trigonometric = /^(fsin|fcos|fptan|fsincos|f2xm1|fyl2xp1)$/.test(form.instruction.name);
  if (kind < 45 && trigonometric) return [significand(), sign | 0x3fff - random.below(12)];
  if (kind < 40) return [significand(), sign | 0x3ff8 + random.below(16)];
  if (kind < 60) {
    // A whole number, or one and a half.
    const value = BigInt(random.below(random.pick([4, 300, 70000])) + 1);
    const bits = value.toString(2).length;
    return [value << BigInt(64 - bits), sign | 0x3fff + bits - 1 - random.below(2)];
  }
  if (kind < 70) return [significand(), sign | random.pick(EXPONENTS)];
  if (kind < 76) return [significand(), sign | random.below(0x7fff)];
  if (kind < 82) return [0n, sign];
  if (kind < 86) return [random.u64() >> BigInt(random.below(64)), sign];
  if (kind < 90) return [top, sign | 0x7fff];
  if (kind < 96) {
    const payload = random.chance(50) ? random.u64() >> 1n : BigInt(random.below(4));
    return [top | payload | (random.chance(60) ? 1n << 62n : 0n), sign | 0x7fff];
  }
  if (kind < 98) return [random.u64(), random.u32() & 0xffff];
  // What no operation produces: a significand without its leading one.
  return [random.u64() >> 1n, sign | random.pick([1, 0x3fff, 0x7fff, random.below(0x8000)])];
}

const VALID_PRECISIONS = [0, 2, 3];

export function randomX87(form: Form, random: Random): X87State {
  if (form.instruction.name.startsWith("xsave") && random.chance(30)) return INITIAL_X87;
  const registers = new Uint8Array(128);
  const view = new DataView(registers.buffer);
  for (let i = 0; i < 8; i++) {
    let [significand, exponent] = registerValue(form, random);
    if (i > 0 && random.chance(15)) {
      // Close to the one before: sums cancel, comparisons are equal.
      significand = view.getBigUint64(i * 16 - 16, true);
      exponent = view.getUint16(i * 16 - 8, true);
      if (random.chance(50)) significand ^= BigInt(random.below(4));
      if (random.chance(50)) exponent ^= 0x8000;
    }
    view.setBigUint64(i * 16, significand, true);
    view.setUint16(i * 16 + 8, exponent, true);
  }
  let fcw = 0x37f;
  if (random.chance(45)) fcw = fcw & ~0xf00 | random.below(4) << 10 | random.pick(VALID_PRECISIONS) << 8;
  if (random.chance(30)) fcw &= ~(random.chance(50) ? 1 << random.below(6) : random.u32() & 0x3f);
  const top = random.below(8);
  let fsw = top << 11 | random.u32() & 0x4700;
  if (random.chance(30)) {
    // Sticky flags, rarely of an exception that waits.
    fsw |= random.u32() & 0x7f;
    if (!random.chance(15)) fsw &= ~(~fcw & 0x3f);
  }
  if (fsw & ~fcw & 0x3f) fsw |= 0x8080;
  const below = 1 << (top - 1 & 7);
  const kind = random.below(100);
  const ftw = kind < 60 ? 0xff & ~below : kind < 80 ? 0xff : random.u32() & 0xff;
  return { registers, fcw, fsw, ftw };
}
