/** Prints decoded instructions in the syntax that the assembler reads. */
import { type Decoded, NO_REGISTER } from "./decoder.ts";
import { showsSize, writtenOperands } from "./emit.ts";
import { operandSize, type OperandSpec, SEGMENT_NAMES, sizeInBytes, UNWRITTEN_SIZES } from "./encoding.ts";
import { type Form, type FormOperand, forms, registerName } from "./forms.ts";
import { SIZE_WORDS } from "./operand_text.ts";

const sizeWord = new Map<number, string>();
for (const [word, size] of Object.entries(SIZE_WORDS)) if (!sizeWord.has(size)) sizeWord.set(size, word);

/** 64 bits from two int32 halves. */
const wide = (low: number, high: number): bigint =>
  BigInt.asIntN(64, BigInt(high) << 32n | BigInt(low >>> 0));

const hex = (n: bigint): string => n < 0n ? `-${hex(-n)}` : n < 10n ? `${n}` : `0x${n.toString(16)}`;
const signed = (n: bigint): string => n < 0n ? hex(n) : `+${hex(n)}`;

/**
 * @param mode of the code, 16, 32 or 64
 * @param address of the instruction, for the targets of relative branches
 */
export function disassemble(d: Decoded, mode: 16 | 32 | 64, address = 0n): string {
  const form = forms()[d.form];
  const { encoding, instruction } = form;
  const specs = writtenOperands(encoding);
  const words: string[] = [];
  if (d.lock) words.push("lock");
  if (form.rep !== "none") words.push(form.rep);
  const memory = form.operands.some((one) => one.kind === "mem" && one.from === "modrm");
  if (!memory && d.segment !== 3) words.push(SEGMENT_NAMES[d.segment]);
  if (d.addrSize !== mode / 8 && encoding.addrSizes.length > 1 && !(memory && hasRegister(d))) {
    words.push(`a${d.addrSize * 8}`);
  }
  if (form.opSize !== 0 && encoding.opSizes.length > 1 && !showsSize(encoding, form.memory)) {
    if (form.opSize !== operandSize(encoding.sizing, mode, false, false)) words.push(`o${form.opSize * 8}`);
  }
  const isFar = instruction.name === "jmpf" || instruction.name === "callf";
  words.push(isFar ? instruction.name.slice(0, -1) : instruction.name);
  // A far pointer is one operand in text and two in the form.
  const operands = specs.map((spec, i) =>
    spec.place === "far"
      ? `${hex(BigInt(d.second))}:${hex(BigInt(d.immediate >>> 0))}`
      : operandText(spec, i, form, d, mode, address)
  );
  const text = words.join(" ") + (isFar && memory ? " far" : "");
  return operands.length > 0 ? `${text} ${operands.join(", ")}` : text;
}

const hasRegister = (d: Decoded) => d.base !== NO_REGISTER || d.index !== NO_REGISTER || d.ripRelative;

function operandText(
  spec: OperandSpec,
  position: number,
  form: Form,
  d: Decoded,
  mode: number,
  address: bigint,
): string {
  const operand = form.operands[position];
  switch (operand.kind) {
    case "mem":
      return memoryText(spec, form, d, mode);
    case "rel": {
      const target = address + BigInt(d.length) + wide(d.immediate, d.immediateHigh);
      return hex(BigInt.asUintN(form.opSize * 8, target));
    }
    case "imm":
      return immediateText(operand, d);
    default: {
      const number = operand.from === "fixed" ? operand.number : d.registers[position];
      return registerName(operand.file!, number, operand.size);
    }
  }
}

function immediateText({ from, size, spec, number }: FormOperand, d: Decoded): string {
  if (from === "fixed") return String(number);
  if (from === "second") return hex(BigInt(d.second));
  const value = wide(d.immediate, d.immediateHigh);
  // What the processor sign-extends to 8 bytes reads best signed.
  const extended = size === 8 && (spec.signed || spec.size === "z");
  return hex(extended ? value : BigInt.asUintN(size * 8, value));
}

function memoryText(spec: OperandSpec, form: Form, d: Decoded, mode: number): string {
  const { encoding, opSize } = form;
  const size = spec.memorySize === "p" ? opSize : sizeInBytes(spec.memorySize, d.opSize, mode);
  const word = UNWRITTEN_SIZES.has(spec.memorySize) && spec.memorySize !== "" ||
      (spec.memorySize === "p" && encoding.opcode !== 0xff)
    ? undefined
    : sizeWord.get(size);
  return `${word ? `${word} ` : ""}[${addressText(spec, form, d, mode)}]`;
}

function addressText(spec: OperandSpec, form: Form, d: Decoded, mode: number): string {
  const stackBased = d.base === 4 || d.base === 5;
  const segment = d.segment !== (stackBased ? 2 : 3) ? `${SEGMENT_NAMES[d.segment]}:` : "";
  const register = (n: number) => registerName("gpr", n, d.addrSize);
  let disp = wide(d.disp, d.dispHigh);
  if (spec.place === "offset") {
    return `${segment}${mode === 64 ? "qword " : ""}${hex(BigInt.asUintN(d.addrSize * 8, disp))}`;
  }
  // The decoder has added the pop to a displacement from rSP.
  if (form.encoding.flags.has("pop") && d.base === 4) disp -= BigInt(d.opSize);
  if (d.ripRelative) return `${segment}${d.addrSize === 8 ? "rip" : "eip"}${signed(disp)}`;
  const terms: string[] = [];
  if (d.base !== NO_REGISTER) terms.push(register(d.base));
  if (d.index !== NO_REGISTER) {
    terms.push(d.addrSize === 2 ? register(d.index) : `${register(d.index)}*${1 << d.scale}`);
  }
  if (terms.length === 0) {
    const absolute = d.addrSize === 8 ? disp : BigInt.asUintN(d.addrSize * 8, disp);
    return `${segment}${hex(absolute)}`;
  }
  return segment + terms.join("+") + (disp === 0n ? "" : signed(disp));
}
