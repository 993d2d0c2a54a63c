/** Random decoded instructions of a form: what the tests of decoder, assembler and disassembler go through. */
import { Decoded, NO_REGISTER } from "./decoder.ts";
import { operandSize } from "./encoding.ts";
import { type Form, type FormOperand, MODES } from "./forms.ts";

/** xorshift32: repeatable numbers from a seed. */
export class Random {
  #x: number;
  constructor(seed: number) {
    this.#x = seed | 1;
  }
  next(): number {
    this.#x ^= this.#x << 13;
    this.#x ^= this.#x >>> 17;
    this.#x ^= this.#x << 5;
    return this.#x | 0;
  }
  below(n: number): number {
    return (this.next() >>> 0) % n;
  }
  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }
}

type Mode = typeof MODES[number];

function registerFor(operand: FormOperand, form: Form, mode: Mode, rexAllowed: boolean, r: Random): number {
  const numbers = mode === 64 && rexAllowed ? 16 : 8;
  switch (operand.file) {
    case "seg":
      return r.of(operand.access === "r" ? [0, 1, 2, 3, 4, 5] : [0, 2, 3, 4, 5]);
    case "cr":
      return r.of(mode === 64 ? [0, 2, 3, 4, 8] : [0, 2, 3, 4]);
    case "dr":
      return r.below(8);
    case "gpr": {
      if (operand.size === 1) {
        return rexAllowed && mode === 64 ? r.below(16) : r.of([0, 1, 2, 3, 16, 17, 18, 19]);
      }
      const number = r.below(numbers);
      // 90 is NOP, not an exchange of rAX with itself.
      return form.encoding.opcode === 0x90 && form.encoding.plusR && number === 0 ? 1 : number;
    }
    case "mm":
    case "st":
      return r.below(8);
    default:
      return r.below(numbers);
  }
}

function memory(d: Decoded, form: Form, mode: Mode, rexAllowed: boolean, r: Random): void {
  const registers = mode === 64 && rexAllowed ? 16 : 8;
  d.disp = r.of([0, 1, -1, 127, -128, 128, r.next() >> 16, d.addrSize === 2 ? 0x7fff : r.next()]);
  if (d.addrSize === 2) {
    [d.base, d.index] = r.of([[3, 6], [3, 7], [5, 6], [5, 7], [6, 16], [7, 16], [5, 16], [3, 16], [16, 16]]);
  } else {
    d.base = r.of([r.below(registers), r.below(registers), 4, 5, NO_REGISTER]);
    d.index = r.of([NO_REGISTER, r.below(registers)]);
    if (d.index === 4) d.index = NO_REGISTER;
    if (d.index !== NO_REGISTER) d.scale = r.below(4);
    d.ripRelative = mode === 64 && d.base === NO_REGISTER && d.index === NO_REGISTER && r.below(2) === 0;
  }
  if (form.encoding.flags.has("pop") && d.base === 4) d.disp = d.disp + form.opSize | 0;
  d.dispHigh = d.disp >> 31;
  d.segment = d.base === 4 || d.base === 5 ? 2 : 3;
}

function immediates(d: Decoded, form: Form, r: Random): void {
  for (const { from, kind, size, spec, number } of form.operands) {
    if (kind === "rel") {
      // From the end of an instruction whose length the caller may not know: some room is left.
      d.immediate = spec.size === "b"
        ? r.next() >> 25
        : form.opSize === 2
        ? r.next() >> 16
        : r.next() >> r.below(24);
      d.immediateHigh = d.immediate >> 31;
    } else if (from === "second") d.second = r.next() >>> (spec.size === "b" ? 24 : 16);
    else if (from === "fixed" && kind === "imm") d.immediate = number;
    else if (from === "first") {
      const value = spec.signed ? r.next() >> 24 : r.of([r.next(), r.next() >> 24, r.next() >> 16]);
      d.immediate = size === 1 ? value & 0xff : size === 2 ? value & 0xffff : value;
      if (size === 8) d.immediateHigh = spec.size === "v" ? r.next() : value >> 31;
    }
  }
}

/** One instruction of the form as the decoder would give it, but for its length and prefixes. */
export function sample(form: Form, mode: Mode, r: Random): Decoded {
  const { encoding } = form;
  const d = new Decoded();
  d.form = form.number;
  d.opSize = form.opSize || operandSize(encoding.sizing, mode, false, false);
  const sizes = (mode === 64 ? [4, 8] : [2, 4]).filter((size) => encoding.addrSizes.includes(size));
  const usual = sizes.includes(mode / 8) ? mode / 8 : sizes[0];
  const inModrm = form.operands.some((one) => one.kind === "mem" && one.from === "modrm");
  d.addrSize = form.addrSize || (inModrm ? r.of([usual, usual, r.of(sizes)]) : usual);
  d.lock = form.lock && form.instruction.lockable === true;
  d.rep = encoding.prefix === "F3"
    ? 1
    : encoding.prefix === "F2"
    ? 2
    : ["none", "rep", "repne"].indexOf(form.rep);
  // AH and its like exclude whatever needs a REX prefix.
  const rexAllowed = mode === 64 && r.below(3) > 0 ||
    d.opSize === 8 && (encoding.sizing === "normal" || encoding.sizing === "ignored");
  form.operands.forEach((operand, i) => {
    if (operand.from === "fixed" && operand.kind !== "imm") d.registers[i] = operand.number;
    else if (operand.from === "decoded") d.registers[i] = registerFor(operand, form, mode, rexAllowed, r);
    else if (operand.spec.place === "offset") {
      d.disp = d.addrSize === 2 ? r.next() & 0xffff : r.next();
      d.dispHigh = d.addrSize === 8 ? r.next() : 0;
    } else if (operand.kind === "mem" && operand.from === "modrm") memory(d, form, mode, rexAllowed, r);
  });
  if (r.below(4) === 0 && form.operands.some((one) => one.kind === "mem")) {
    d.segment = mode === 64 ? 4 + r.below(2) : r.below(6);
  }
  immediates(d, form, r);
  return d;
}
