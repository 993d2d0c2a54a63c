/** One instruction from operands of assembly text to bytes, by the encodings that the decoder uses. */
import { AssemblyError } from "./assembler_error.ts";
import { NO_REGISTER } from "./decoder.ts";
import { type Encoding, operandSize, type OperandSpec, sizeInBytes, UNWRITTEN_SIZES } from "./encoding.ts";
import { evaluate, type Lookup, names } from "./expression.ts";
import { SIZES } from "./forms.ts";
import { type Instruction, instructions } from "./instruction.ts";
import type { FarText, ImmediateText, MemoryText, OperandText, RegisterText } from "./operand_text.ts";

/** An instruction as written. */
export interface InstructionText {
  readonly mnemonic: string;
  readonly operands: readonly OperandText[];
  /** Prefixes written before it: lock rep repne, segment names, o16.. and a16... */
  readonly prefixes: readonly string[];
}

export interface EmitOptions {
  readonly mode: 16 | 32 | 64;
  /** Address of the instruction. */
  readonly address: bigint;
  readonly lookup: Lookup;
  /** Only this encoding (tests, and text that must give certain bytes). */
  readonly encoding?: Encoding;
  /** Shorter results are not wanted (a jump that was longer in an earlier pass). */
  readonly minimum?: number;
}

let byName: Map<string, { instruction: Instruction; encoding: Encoding }[]> | undefined;

/** Every encoding of a mnemonic, aliases included. */
function encodingsOf(mnemonic: string): readonly { instruction: Instruction; encoding: Encoding }[] {
  if (!byName) {
    byName = new Map();
    const add = (name: string, instruction: Instruction) => {
      const list = byName!.get(name) ?? [];
      byName!.set(name, list);
      for (const encoding of instruction.parsed) list.push({ instruction, encoding });
    };
    // Where an alias is another instruction's name, that one comes first.
    for (const instruction of instructions()) add(instruction.name, instruction);
    for (const instruction of instructions()) {
      for (const alias of instruction.aliases ?? []) add(alias, instruction);
    }
  }
  return byName.get(mnemonic) ?? [];
}

/** Operands that stand in text: string instructions are written without. */
export function writtenOperands(encoding: Encoding): readonly OperandSpec[] {
  const implicit = encoding.operands.some((one) => one.place === "source" || one.place === "destination");
  return implicit ? [] : encoding.operands;
}

const BY_OPERAND_SIZE = new Set(["v", "z", "y", "p", "a"]);

/** Whether the text of its operands shows the operand size. */
export function showsSize(encoding: Encoding, memory: boolean): boolean {
  return writtenOperands(encoding).some((one) =>
    one.place !== "imm" && one.place !== "rel" && one.place !== "far" &&
    BY_OPERAND_SIZE.has(one.place === "rm" && memory ? one.memorySize : one.size)
  );
}

const hasMemory = (text: InstructionText) => text.operands.some((one) => one.kind === "mem");

/** Whether `value` can be an operand of `size` bytes, written signed or unsigned. */
function fits(value: bigint, size: number): boolean {
  return value >= -(1n << BigInt(size * 8 - 1)) && value < 1n << BigInt(size * 8);
}

/** Whether the sign extension of its low `bytes` to `size` bytes gives the value. */
function fitsSigned(value: bigint, bytes: number, size: number): boolean {
  const bits = size * 8;
  return fits(value, size) && BigInt.asIntN(bits, value) === BigInt.asIntN(bytes * 8, value);
}

interface Attempt {
  readonly encoding: Encoding;
  readonly instruction: Instruction;
  readonly opSize: number;
  readonly addrSize: number;
  readonly operands: readonly OperandText[];
  readonly text: InstructionText;
  readonly options: EmitOptions;
}

/** Throws AssemblyError when nothing matches or a memory operand's size is open. */
export function emit(text: InstructionText, options: EmitOptions): Uint8Array {
  const far = text.operands.some((one) => one.kind === "far" || (one.kind === "mem" && one.far));
  const mnemonic = far && (text.mnemonic === "jmp" || text.mnemonic === "call")
    ? `${text.mnemonic}f`
    : text.mnemonic;
  const all = encodingsOf(mnemonic);
  if (all.length === 0) throw new AssemblyError(`${text.mnemonic} is no instruction`);
  let best: Uint8Array | undefined;
  const openSizes = new Set<number>();
  let failure: AssemblyError | undefined;
  for (const { instruction, encoding } of all) {
    if (options.encoding ? encoding !== options.encoding : encoding.flags.has("noasm")) continue;
    if ((encoding.modes & (options.mode === 64 ? 2 : 1)) === 0) continue;
    for (const opSize of wantedSizes(encoding, text, options.mode)) {
      const attempt = match(instruction, encoding, opSize, text, options);
      if (!attempt) continue;
      let bytes: Uint8Array | undefined;
      try {
        bytes = new Emission(attempt, false).bytes();
        // A displacement that was unknown in an earlier pass keeps its four bytes.
        if (bytes.length < (options.minimum ?? 0)) bytes = new Emission(attempt, true).bytes();
      } catch (error) {
        if (!(error instanceof AssemblyError)) throw error;
        failure ??= error;
      }
      if (!bytes || bytes.length < (options.minimum ?? 0)) continue;
      openSizes.add(openSize(attempt, options.mode));
      if (!best || bytes.length < best.length) best = bytes;
      // The first operand size that matches is the natural one of its encoding, where sizes are not written.
      if (!showsSize(encoding, hasMemory(text))) break;
    }
  }
  if (!best) {
    throw failure ??
      new AssemblyError(`${text.mnemonic} does not take these operands in ${options.mode}-bit code`);
  }
  if (openSizes.size > 1 && !openSizes.has(-1)) {
    throw new AssemblyError(`${text.mnemonic}: size of the memory operand is not given`);
  }
  return best;
}

/** The size that an unsized memory operand got, or -1 when there is none such, or its size does not matter. */
function openSize({ encoding, opSize, operands, options }: Attempt, mode: number): number {
  const specs = writtenOperands(encoding);
  const at = operands.findIndex((one) => one.kind === "mem" && one.size === 0);
  if (at < 0) return -1;
  // Stack and branch instructions have a natural size.
  if (
    encoding.sizing !== "normal" && encoding.sizing !== "ignored" &&
    opSize === operandSize(encoding.sizing, options.mode, false, false)
  ) {
    return -1;
  }
  const spec = specs[at];
  if (UNWRITTEN_SIZES.has(spec.memorySize)) return -1;
  return sizeInBytes(spec.memorySize, opSize, mode);
}

function wantedSizes(encoding: Encoding, text: InstructionText, mode: number): number[] {
  const normal = operandSize(encoding.sizing, mode, false, false);
  const written = text.prefixes.find((prefix) => /^o(16|32|64)$/.test(prefix));
  const possible = SIZES.filter((size) =>
    encoding.opSizes.includes(size) &&
    [false, true].some((p66) =>
      [false, mode === 64].some((w) => operandSize(encoding.sizing, mode, p66, w) === size)
    )
  );
  if (written) return possible.filter((size) => size === Number(written.slice(1)) / 8);
  if (showsSize(encoding, hasMemory(text)) || encoding.opSizes.length === 1) return possible;
  if (possible.includes(normal as 2)) return [normal];
  return possible.slice(0, 1);
}

function match(
  instruction: Instruction,
  encoding: Encoding,
  opSize: number,
  text: InstructionText,
  options: EmitOptions,
): Attempt | undefined {
  const { mode } = options;
  const specs = writtenOperands(encoding);
  const { operands } = text;
  if (specs.length !== operands.length) return undefined;
  if (!specs.every((spec, i) => operandMatches(spec, operands[i], encoding, opSize, options))) {
    return undefined;
  }
  const memory = operands.find((one) => one.kind === "mem");
  const written = text.prefixes.find((prefix) => /^a(16|32|64)$/.test(prefix));
  const normal = mode / 8;
  const addrSize = written
    ? Number(written.slice(1)) / 8
    : memory?.addrSize || (encoding.addrSizes.length === 1 ? encoding.addrSizes[0] : normal);
  if (!encoding.addrSizes.includes(addrSize)) return undefined;
  if (mode === 64 ? addrSize === 2 : addrSize === 8) return undefined;
  if (memory && memory.addrSize !== 0 && memory.addrSize !== addrSize) return undefined;
  return { encoding, instruction, opSize, addrSize, operands, text, options };
}

function operandMatches(
  spec: OperandSpec,
  operand: OperandText,
  encoding: Encoding,
  opSize: number,
  { mode, lookup }: EmitOptions,
): boolean {
  switch (operand.kind) {
    case "reg":
      return spec.register && (spec.place !== "rm" || encoding.register) &&
        registerMatches(spec, operand, opSize, mode);
    case "mem": {
      if (spec.place === "offset") {
        if (operand.base !== NO_REGISTER || operand.index !== NO_REGISTER) return false;
        if (operand.relation === "rip" || operand.relation === "rel") return false;
        if (mode === 64 && operand.relation !== "offset") return false;
      } else if (spec.place !== "rm" || !spec.memory || !encoding.memory || operand.relation === "offset") {
        return false;
      }
      if (operand.far !== (spec.memorySize === "p" && encoding.opcode === 0xff)) return false;
      if (operand.size === 0 || UNWRITTEN_SIZES.has(spec.memorySize)) return true;
      return operand.size === (spec.memorySize === "p" ? opSize : sizeInBytes(spec.memorySize, opSize, mode));
    }
    case "far":
      return spec.place === "far";
    case "imm": {
      if (!["imm", "rel", "const"].includes(spec.place)) return false;
      const value = resolved(operand, lookup);
      if (spec.place === "const") return value === BigInt(spec.value);
      if (spec.place === "rel") return !(operand.short && spec.size !== "b");
      if (operand.size !== 0 && operand.size !== immediateSize(spec, opSize, mode)) return false;
      // A name not known yet gets no byte that would have to be sign-extended.
      if (value === undefined) return !spec.signed;
      if (spec.signed) return fitsSigned(value, 1, opSize);
      if (spec.size === "z" && opSize === 8) return fitsSigned(value, 4, 8);
      return fits(value, sizeInBytes(spec.size, opSize, mode));
    }
  }
}

const immediateSize = (spec: OperandSpec, opSize: number, mode: number) =>
  spec.signed || spec.size === "z" ? opSize : sizeInBytes(spec.size, opSize, mode);

function resolved(operand: ImmediateText, lookup: Lookup): bigint | undefined {
  return names(operand.value).some((name) => lookup(name) === undefined)
    ? undefined
    : evaluate(operand.value, lookup);
}

function registerMatches(spec: OperandSpec, operand: RegisterText, opSize: number, mode: number): boolean {
  if (spec.file !== operand.file) return false;
  if (spec.place === "fixed" && spec.value !== operand.number) return false;
  return operand.file !== "gpr" || operand.size === sizeInBytes(spec.size, opSize, mode);
}

/** Puts one attempt into bytes. */
class Emission {
  readonly #out: number[] = [];
  readonly #a: Attempt;
  #rex = 0;
  #needsRex = false;
  #highByte = false;
  #modrm = -1;
  /** SIB and displacement. */
  #address: number[] = [];
  /** A displacement relative to the end of the instruction: what it points at. */
  #relative: bigint | undefined;
  #relativeKnown = true;

  constructor(attempt: Attempt, readonly wide: boolean) {
    this.#a = attempt;
  }

  bytes(): Uint8Array {
    const { encoding, opSize, addrSize, options, operands, text } = this.#a;
    const { mode } = options;
    let opcode = encoding.opcode;
    let segment = -1;
    if (encoding.modrm) this.#modrm = encoding.fixedModrm >= 0 ? encoding.fixedModrm : 0xc0;
    if (encoding.extension >= 0 && encoding.fixedModrm < 0) this.#modrm |= encoding.extension << 3;
    const immediates: number[] = [];
    writtenOperands(encoding).forEach((spec, i) => {
      const operand = operands[i];
      if (operand.kind === "reg") opcode += this.#register(spec, operand);
      else if (operand.kind === "mem") {
        segment = operand.segment;
        if (spec.place === "offset") immediates.push(...little(this.#value(operand.displacement), addrSize));
        else this.#memory(operand);
      } else if (operand.kind === "far") immediates.push(...this.#far(operand));
      else if (spec.place === "imm") immediates.push(...this.#immediate(spec, operand));
    });
    if (encoding.flags.has("mem") && this.#modrm >= 0xc0) throw new AssemblyError("needs a memory operand");

    const prefixes: number[] = [];
    for (const prefix of text.prefixes) {
      if (prefix === "lock") prefixes.push(0xf0);
      else if (prefix === "rep") prefixes.push(0xf3);
      else if (prefix === "repne") prefixes.push(0xf2);
      else if (SEGMENT_PREFIXES[prefix] !== undefined) prefixes.push(SEGMENT_PREFIXES[prefix]);
    }
    if (segment >= 0) prefixes.push([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65][segment]);
    if (addrSize !== mode / 8) prefixes.push(0x67);
    if (encoding.prefix === "66") prefixes.push(0x66);
    const sized = encoding.sized || this.#a.instruction.stack === true;
    if (sized && operandSize(encoding.sizing, mode, false, false) !== opSize) {
      if (opSize === 8) this.#rex |= 8;
      else prefixes.push(0x66);
    }
    if (encoding.prefix === "F3" || encoding.prefix === "F2") prefixes.push(parseInt(encoding.prefix, 16));
    this.#out.push(...prefixes);
    if (this.#rex !== 0 || this.#needsRex) {
      if (mode !== 64) {
        throw new AssemblyError("r8 to r15, xmm8 to xmm15 and spl to dil exist in 64-bit code only");
      }
      if (this.#highByte) throw new AssemblyError("ah, bh, ch and dh cannot be used with a REX prefix");
      this.#out.push(0x40 | this.#rex);
    }
    if (encoding.map > 0) this.#out.push(0x0f);
    if (encoding.map > 1) this.#out.push(encoding.map === 2 ? 0x38 : 0x3a);
    this.#out.push(opcode);
    if (this.#modrm >= 0) this.#out.push(this.#modrm, ...this.#address);

    const branch = writtenOperands(encoding).findIndex((spec) => spec.place === "rel");
    if (branch >= 0) this.#branch(operands[branch] as ImmediateText, encoding.operands[branch]);
    if (this.#relative !== undefined) {
      const end = options.address + BigInt(this.#out.length + immediates.length);
      // A name that no pass has placed yet is taken to be near.
      const distance = this.#relativeKnown ? this.#relative - end : 0n;
      this.#checkDistance(distance, 4);
      this.#out.splice(-4, 4, ...little(distance, 4));
    }
    this.#out.push(...immediates);
    if (this.#out.length > 15) throw new AssemblyError("longer than 15 bytes");
    return Uint8Array.from(this.#out);
  }

  /** What to add to the opcode. */
  #register(spec: OperandSpec, { file, number, size }: RegisterText): number {
    if (spec.place === "fixed") return 0;
    let code = number;
    if (file === "gpr" && size === 1) {
      if (number >= 16) {
        this.#highByte = true;
        code = number - 12;
      } else if (number >= 4 && number < 8) this.#needsRex = true;
    }
    const high = code >> 3 & 1;
    if (spec.place === "reg") {
      this.#rex |= high << 2;
      this.#modrm |= (code & 7) << 3;
      return 0;
    }
    this.#rex |= high;
    if (spec.place === "opcode") return code & 7;
    this.#modrm |= code & 7;
    return 0;
  }

  #value(e: MemoryText["displacement"]): bigint {
    return evaluate(e, (name) => this.#a.options.lookup(name) ?? UNKNOWN);
  }

  #memory(operand: MemoryText): void {
    const reg = this.#modrm & 0x38;
    const { base, index, scale, relation } = operand;
    const { addrSize, options } = this.#a;
    const value = this.#value(operand.displacement);
    if (addrSize === 2) return this.#memory16(operand, value, reg);
    const bare = base === NO_REGISTER && index === NO_REGISTER;
    if (
      relation === "rip" || relation === "rel" ||
      (bare && relation === undefined && this.#prefersRelative(operand))
    ) {
      if (options.mode !== 64) throw new AssemblyError("addresses relative to rip exist in 64-bit code only");
      if (!bare) throw new AssemblyError("an address relative to rip has no other register");
      this.#modrm = reg | 5;
      this.#address = relation === "rip" ? little(this.#displacement(value), 4) : [0, 0, 0, 0];
      if (relation !== "rip") {
        this.#relative = value;
        this.#relativeKnown = names(operand.displacement).every((name) => options.lookup(name) !== undefined);
      }
      return;
    }
    if (index === 4) throw new AssemblyError("rsp cannot be an index");
    const disp = this.#displacement(value);
    if (base !== NO_REGISTER) this.#rex |= base >> 3;
    if (index !== NO_REGISTER) this.#rex |= index >> 3 << 1;
    const sib = index !== NO_REGISTER || base === NO_REGISTER && options.mode === 64 || (base & 7) === 4;
    const sibByte = (baseBits: number) =>
      scale << 6 | (index === NO_REGISTER ? 4 : index & 7) << 3 | baseBits;
    if (base === NO_REGISTER) {
      this.#modrm = reg | (sib ? 4 : 5);
      this.#address = [...sib ? [sibByte(5)] : [], ...little(disp, 4)];
      return;
    }
    const unknown = names(operand.displacement).some((name) => options.lookup(name) === undefined);
    const mod = disp === 0n && (base & 7) !== 5 && !unknown
      ? 0
      : disp >= -128n && disp < 128n && !unknown
      ? 1
      : 2;
    this.#modrm = mod << 6 | reg | (sib ? 4 : base & 7);
    this.#address = [...sib ? [sibByte(base & 7)] : [], ...little(disp, mod === 2 ? 4 : mod)];
  }

  /** In 64-bit code an address that is only a label is relative. */
  #prefersRelative(operand: MemoryText): boolean {
    return this.#a.options.mode === 64 && operand.segment < 4 && names(operand.displacement).length > 0;
  }

  #memory16({ base, index }: MemoryText, value: bigint, reg: number): void {
    if (!fits(value, 2)) throw new AssemblyError(`displacement ${value} does not fit`);
    const disp = BigInt.asIntN(16, value);
    const registers = [base, index].filter((n) => n !== NO_REGISTER).sort((a, b) => a - b).join();
    const rm = ["3,6", "3,7", "5,6", "5,7", "6", "7", "5", "3"].indexOf(registers);
    if (registers === "") {
      this.#modrm = reg | 6;
      this.#address = little(disp, 2);
      return;
    }
    if (rm < 0) throw new AssemblyError("these registers make no 16-bit address");
    const mod = disp === 0n && rm !== 6 ? 0 : disp >= -128n && disp < 128n ? 1 : 2;
    this.#modrm = mod << 6 | reg | rm;
    this.#address = little(disp, mod);
  }

  /** A 32-bit displacement, sign-extended in 64-bit addresses. */
  #displacement(value: bigint): bigint {
    const wide = this.#a.addrSize === 8;
    if (wide ? !fitsSigned(value, 4, 8) : !fits(value, 4)) {
      throw new AssemblyError(`displacement ${value} does not fit`);
    }
    return BigInt.asIntN(32, value);
  }

  #immediate(spec: OperandSpec, { value }: ImmediateText): number[] {
    const { opSize, options } = this.#a;
    return little(this.#value(value), sizeInBytes(spec.size, opSize, options.mode));
  }

  #far({ selector, offset }: FarText): number[] {
    const value = this.#value(offset);
    if (!fits(value, this.#a.opSize)) throw new AssemblyError(`offset ${value} does not fit`);
    return [...little(value, this.#a.opSize), ...little(this.#value(selector), 2)];
  }

  #branch({ value }: ImmediateText, spec: OperandSpec): void {
    const { opSize, options } = this.#a;
    const size = sizeInBytes(spec.size, opSize, options.mode);
    const known = !names(value).some((name) => options.lookup(name) === undefined);
    const end = options.address + BigInt(this.#out.length + size);
    let distance = known ? this.#value(value) - end : 0n;
    // Addresses wrap.
    distance = BigInt.asIntN(opSize * 8, distance);
    this.#checkDistance(distance, size);
    this.#out.push(...little(distance, size));
  }

  #checkDistance(distance: bigint, size: number): void {
    const limit = 1n << BigInt(size * 8 - 1);
    if (distance < -limit || distance >= limit) throw new AssemblyError(`${distance} bytes are too far`);
  }
}

/** Stands for a name that no pass has placed yet; anything that fits no byte. */
const UNKNOWN = 0x1000n;

const SEGMENT_PREFIXES: Readonly<Record<string, number>> = {
  es: 0x26,
  cs: 0x2e,
  ss: 0x36,
  ds: 0x3e,
  fs: 0x64,
  gs: 0x65,
};

function little(value: bigint, size: number): number[] {
  return Array.from({ length: size }, (_, i) => Number(BigInt.asUintN(8, value >> BigInt(8 * i))));
}
