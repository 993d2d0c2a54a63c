import type { Form } from "../../core/isa/forms.ts";
import type { Bits } from "./format.ts";
import type { Random } from "./random.ts";

/** How a case addresses memory: registers by number (-1: none), or RIP-relative. */
export interface Addressing {
  base: number;
  index: number;
  /** 0..3 */
  scale: number;
  displacement: number;
  ripRelative: boolean;
  gs: boolean;
  /** Bytes of the address. */
  addrSize: number;
}

export interface Encoded {
  readonly code: Uint8Array;
  readonly addressing: Addressing | undefined;
  /** Register numbers of the operands, by position; 16..19 for AH CH DH BH; -1 where the operand is none. */
  readonly registers: number[];
  /** Immediate values as the encoding holds them, by operand position. */
  readonly immediates: (bigint | undefined)[];
}

/** Builds one machine encoding of a form with random registers, addressing and immediates. Throws where it cannot be written in `bits`. */
export function encodeForm(form: Form, bits: Bits, random: Random): Encoded {
  const { encoding } = form;
  const wide = bits === 64;
  const registers: number[] = form.operands.map(() => -1);
  const immediates: (bigint | undefined)[] = form.operands.map(() => undefined);
  let rex = 0;
  let forceRex = false;
  let modrm = -1;
  let regField = encoding.extension >= 0 ? encoding.extension : wide ? random.below(16) : random.below(8);
  let opcode = encoding.opcode;
  let tail: number[] = [];
  let addressing: Addressing | undefined;
  const addrSize = form.addrSize || otherAddressSize(form, bits, random);

  const opSize = form.opSize;
  const prefix66 = encoding.sizing !== "ignored" && opSize !== 0 &&
    (bits === 16 ? opSize === 4 : opSize === 2);
  if (wide && opSize === 8 && (encoding.sizing === "normal" || encoding.sizing === "ignored")) rex |= 8;

  const byteRegister = (number: number, size: number): number => {
    if (size !== 1) return number;
    if (number >= 4 && number < 8) {
      if (wide && random.chance(50)) forceRex = true;
      else return number + 12;
    }
    return number;
  };
  let highByte = false;
  const registerOf = (position: number, number: number) => {
    const operand = form.operands[position];
    const byte = operand.kind === "reg" ? byteRegister(number, operand.size) : number;
    if (byte >= 16 && operand.kind === "reg") highByte = true;
    registers[position] = byte;
    return number;
  };

  form.operands.forEach((operand, position) => {
    const { place } = operand.spec;
    if (place === "reg") {
      const limit = operand.kind === "seg" ? 6 : wide ? 16 : 8;
      regField = registerOf(position, operand.kind === "mm" ? random.below(8) : random.below(limit));
    } else if (place === "opcode") {
      const number = registerOf(position, random.below(wide && !encoding.flags.has("rexb0") ? 16 : 8));
      opcode |= number & 7;
      if (number >= 8) rex |= 1;
    } else if (place === "rm" && operand.kind !== "mem") {
      const few = operand.kind === "mm" || operand.kind === "st";
      const number = registerOf(position, random.below(wide && !few ? 16 : 8));
      modrm = 0xc0 | (number & 7);
      if (number >= 8) rex |= 1;
    } else if (operand.from === "fixed" && operand.kind !== "imm") {
      registers[position] = operand.number;
    }
  });
  if (encoding.modrm && modrm < 0) {
    if (encoding.fixedModrm >= 0) modrm = encoding.fixedModrm;
    else if (form.memory) {
      const gs = wide && random.chance(8);
      addressing = randomAddressing(bits, addrSize, gs, random);
      const written = encodeAddressing(addressing, wide);
      modrm = written.modrm;
      rex |= written.rex;
      tail = written.bytes;
    } else {
      modrm = 0xc0 | random.below(8);
    }
  }
  if (modrm >= 0 && encoding.fixedModrm < 0) {
    modrm |= (regField & 7) << 3;
    if (regField >= 8) rex |= 4;
  }
  // AH..BH exist only without REX: then SPL.. are meant.
  if (highByte && (rex || forceRex)) {
    form.operands.forEach((operand, i) => {
      if (operand.kind === "reg" && operand.size === 1 && registers[i] >= 16 && operand.from !== "fixed") {
        registers[i] -= 12;
      }
    });
  }

  const immediate: number[] = [];
  const put = (value: bigint, size: number) => {
    for (let i = 0; i < size; i++) immediate.push(Number(value >> BigInt(8 * i) & 0xffn));
  };
  form.operands.forEach((operand, position) => {
    const { place, size } = operand.spec;
    if (place === "imm" || place === "rel") {
      const code = operand.spec.size;
      let bytes = code === "b" ? 1 : code === "w" ? 2 : code === "v" ? opSize : opSize === 2 ? 2 : 4;
      if (place === "rel" && wide && code === "z") bytes = 4;
      let value = randomImmediate(bytes, random);
      // Far targets are legal, but must stay canonical and positive.
      if (place === "rel" && bytes > 1) value = BigInt(random.below(0x8000));
      immediates[position] = value;
      put(value, bytes);
    } else if (place === "offset") {
      addressing = {
        base: -1,
        index: -1,
        scale: 0,
        displacement: 0,
        ripRelative: false,
        gs: false,
        addrSize,
      };
      put(0n, addrSize);
    } else if (place === "far") {
      throw new Error(`${form.id}: far transfers are not recorded (${size})`);
    }
  });

  const bytes: number[] = [];
  if (addressing?.gs) bytes.push(0x65);
  if (addrSize !== bits >> 3) bytes.push(0x67);
  if (prefix66) bytes.push(0x66);
  if (form.lock && !encoding.flags.has("lock")) bytes.push(0xf0);
  if (form.rep === "rep") bytes.push(0xf3);
  if (form.rep === "repne") bytes.push(0xf2);
  if (encoding.prefix !== "" && encoding.prefix !== "NP") bytes.push(parseInt(encoding.prefix, 16));
  if (rex || forceRex) {
    if (!wide) throw new Error(`${form.id}: REX in ${bits}-bit code`);
    bytes.push(0x40 | rex);
  }
  if (encoding.map > 0) bytes.push(0x0f);
  if (encoding.map === 2) bytes.push(0x38);
  if (encoding.map === 3) bytes.push(0x3a);
  bytes.push(opcode);
  if (modrm >= 0) bytes.push(modrm);
  bytes.push(...tail, ...immediate);
  // A jump to itself would look like a repetition to the recorder.
  const relative = form.operands.findIndex((operand) => operand.kind === "rel");
  if (relative >= 0 && immediate.length === 1 && bytes[bytes.length - 1] + bytes.length === 0x100) {
    bytes[bytes.length - 1]++;
    immediates[relative] = BigInt(bytes[bytes.length - 1]);
  }
  return { code: Uint8Array.from(bytes), addressing, registers, immediates };
}

/** The mode's own address size, or now and then the other one. */
function otherAddressSize(form: Form, bits: Bits, random: Random): number {
  const usual = bits >> 3;
  if (!form.memory || !random.chance(10)) return usual;
  return usual === 4 ? 2 : 4;
}

/** Where in `code` the displacement of an absolute or RIP-relative or based address stands, so that it can be set: it is found by its marker. */
const MARKER = [0x5a, 0xa5, 0x3c, 0x43];

function randomAddressing(bits: Bits, addrSize: number, gs: boolean, random: Random): Addressing {
  const wide = bits === 64;
  const registers = wide ? 16 : 8;
  if (wide && random.chance(8)) {
    return { base: -1, index: -1, scale: 0, displacement: 0, ripRelative: true, gs, addrSize };
  }
  if (addrSize === 2) {
    const [base, index] = random.pick([[3, 6], [3, 7], [5, 6], [5, 7], [6, -1], [7, -1], [5, -1], [3, -1]]);
    return { base, index, scale: 0, displacement: 0, ripRelative: false, gs, addrSize };
  }
  let base = random.chance(90) ? random.below(registers) : -1;
  // rSP and rBP address the stack segment, which ends at 64 KiB in 16-bit code.
  if (bits === 16 && (base === 4 || base === 5)) base = 3;
  let index = random.chance(45) ? random.below(registers) : -1;
  if (index === 4) index = -1;
  return { base, index, scale: random.below(4), displacement: 0, ripRelative: false, gs, addrSize };
}

/** ModRM, SIB and a four-byte displacement (filled with a marker, patched later). */
function encodeAddressing(a: Addressing, wide: boolean): { modrm: number; rex: number; bytes: number[] } {
  if (a.addrSize === 2) {
    const pairs = [[3, 6], [3, 7], [5, 6], [5, 7], [6, -1], [7, -1], [5, -1], [3, -1]];
    const rm = pairs.findIndex(([base, index]) => base === a.base && index === a.index);
    return { modrm: 0x80 | rm, rex: 0, bytes: MARKER.slice(0, 2) };
  }
  if (a.ripRelative) return { modrm: 0x05, rex: 0, bytes: [...MARKER] };
  if (a.index < 0 && a.base >= 0 && (a.base & 7) !== 4) {
    return { modrm: 0x80 | (a.base & 7), rex: a.base >= 8 ? 1 : 0, bytes: [...MARKER] };
  }
  if (a.index < 0 && a.base < 0 && !wide) return { modrm: 0x05, rex: 0, bytes: [...MARKER] };
  const index = a.index < 0 ? 4 : a.index;
  const base = a.base < 0 ? 5 : a.base;
  const sib = a.scale << 6 | (index & 7) << 3 | (base & 7);
  return {
    modrm: (a.base < 0 ? 0x00 : 0x80) | 4,
    rex: (index >= 8 ? 2 : 0) | (base >= 8 && a.base >= 0 ? 1 : 0),
    bytes: [sib, ...MARKER],
  };
}

/** Writes the displacement into the place that its marker holds. */
export function patchDisplacement(code: Uint8Array, addrSize: number, displacement: number): void {
  const width = addrSize === 2 ? 2 : 4;
  for (let i = 1; i + width <= code.length; i++) {
    let found = true;
    for (let k = 0; k < width; k++) if (code[i + k] !== MARKER[k]) found = false;
    if (!found) continue;
    for (let k = 0; k < width; k++) code[i + k] = displacement >> (8 * k);
    return;
  }
  throw new Error("no displacement to set");
}

/** Sets the absolute address of a moffs encoding, the last `addrSize` bytes. */
export function patchOffset(code: Uint8Array, addrSize: number, address: number): void {
  for (let k = 0; k < addrSize; k++) code[code.length - addrSize + k] = k < 4 ? address >>> (8 * k) : 0;
}

function randomImmediate(bytes: number, random: Random): bigint {
  const all = (1n << BigInt(8 * bytes)) - 1n;
  if (random.chance(40)) {
    return random.pick([0n, 1n, all, all >> 1n, (all >> 1n) + 1n, 2n, 8n, 31n, 32n, 63n, 0x80n]) & all;
  }
  return random.u64() & all;
}
