/**
 * The decoder: bytes to a form and its operands, by tables made from the descriptions. AMD64 APM volume 3 chapter 1, Intel SDM volume 2 chapter 2.
 * VEX, EVEX and XOP encodings are #UD; C4, C5 and 62 are LES, LDS and BOUND outside 64-bit mode when ModRM says memory.
 */
import { Action, buildTables, type DecoderTables, Immediate, sizeBit } from "./decoder_tables.ts";
import { forms } from "./forms.ts";

export const DecodeResult = {
  ok: 0,
  /** The bytes end before the instruction does. */
  more: 1,
  /** #UD */
  undefined: 2,
  /** #GP(0): longer than 15 bytes. */
  tooLong: 3,
} as const;
export type DecodeResult = typeof DecodeResult[keyof typeof DecodeResult];

/** No base or index register. */
export const NO_REGISTER = 16;
const MAXIMUM_LENGTH = 15;

/** One decoded instruction; the decoder fills the object that it is given. */
export class Decoded {
  /** Index into forms(). */
  form = 0;
  length = 0;
  /** Effective operand size in bytes, also where the form does not depend on it. */
  opSize = 0;
  addrSize = 0;
  /** Segment of the memory operand (ModRM, offset, or rSI): es 0 cs 1 ss 2 ds 3 fs 4 gs 5. In 64-bit mode only FS and GS override. */
  segment = 3;
  lock = false;
  /** Last of F3 (1), F2 (2), or 0; also where it has no effect. */
  rep = 0;
  /** Register numbers by operand position: as encoded; one-byte AH CH DH BH are 16..19. */
  readonly registers = new Uint8Array(4);
  /** Memory operand: base + (index << scale) + disp, wrapped to addrSize. NO_REGISTER for none. */
  base = NO_REGISTER;
  index = NO_REGISTER;
  scale = 0;
  /** Displacement, sign-extended: low and high halves as int32. RIP-relative: from the next instruction. */
  disp = 0;
  dispHigh = 0;
  ripRelative = false;
  /** First immediate, already of its operand's size (signed ones extended): low and high halves as int32. Branches: signed displacement. */
  immediate = 0;
  immediateHigh = 0;
  /** Second immediate (ENTER's level, a far pointer's selector). */
  second = 0;
  /** Length of prefixes with REX, that is, the offset of the opcode. */
  prefixes = 0;
}

const PREFIX = 1;
/** What a byte is before the opcode: 0 no prefix, else PREFIX kinds. */
const prefixKind = new Uint8Array(256);
const Kind = { operand: 1, address: 2, segment: 3, lock: 4, repne: 5, rep: 6 } as const;
for (
  const [byte, kind] of Object.entries({
    0x66: 1,
    0x67: 2,
    0x26: 3,
    0x2e: 3,
    0x36: 3,
    0x3e: 3,
    0x64: 3,
    0x65: 3,
    0xf0: 4,
    0xf2: 5,
    0xf3: 6,
  })
) {
  prefixKind[Number(byte)] = kind * PREFIX;
}

// 16-bit addressing: base, index by ModRM.rm
const BASE16 = [3, 3, 5, 5, 6, 7, 5, 3];
const INDEX16 = [6, 7, 6, 7, NO_REGISTER, NO_REGISTER, NO_REGISTER, NO_REGISTER];

export class Decoder {
  readonly #tables: DecoderTables = buildTables();
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #end = 0;

  /** Number of forms, for callers that size tables by it. */
  readonly formCount = forms().length;

  /**
   * Decodes the instruction at `offset` of `bytes`, of which `available` bytes may be looked at.
   * @param mode 16, 32 or 64
   * @param stackSize 2 or 4 (by SS.B) outside 64-bit mode; ignored in it
   */
  decode(
    bytes: Uint8Array,
    offset: number,
    available: number,
    mode: number,
    stackSize: number,
    out: Decoded,
  ): DecodeResult {
    const t = this.#tables;
    const long = mode === 64;
    const limit = offset + (available < MAXIMUM_LENGTH ? available : MAXIMUM_LENGTH);
    const short = available < MAXIMUM_LENGTH ? DecodeResult.more : DecodeResult.tooLong;
    let at = offset;
    let rex = 0;
    let prefix66 = 0;
    let prefix67 = false;
    let override = -1;
    let lock = false;
    let rep = 0;
    let byte = 0;
    for (;;) {
      if (at >= limit) return short;
      byte = bytes[at++];
      const kind = prefixKind[byte];
      if (kind === 0) {
        if (!long || (byte & 0xf0) !== 0x40) break;
        rex = byte;
        continue;
      }
      // A REX that is not the last prefix is ignored.
      rex = 0;
      switch (kind) {
        case Kind.operand:
          prefix66 = 1;
          break;
        case Kind.address:
          prefix67 = true;
          break;
        case Kind.segment:
          if (byte >= 0x64) override = byte - 0x60;
          else if (!long) override = byte >> 3 & 3;
          break;
        case Kind.lock:
          lock = true;
          break;
        case Kind.repne:
          rep = 2;
          break;
        case Kind.rep:
          rep = 1;
          break;
      }
    }
    out.prefixes = at - 1 - offset;
    let opcode = byte;
    if (byte === 0x0f) {
      if (at >= limit) return short;
      byte = bytes[at++];
      opcode = 0x100 | byte;
      if (byte === 0x38 || byte === 0x3a) {
        if (at >= limit) return short;
        opcode = (byte === 0x38 ? 0x200 : 0x300) | bytes[at];
        byte = bytes[at++];
      }
    }
    const slot = opcode << 2 | (rep === 0 ? prefix66 : rep === 1 ? 2 : 3);
    const leaf = t.leaves[slot];
    if (leaf < 0) return DecodeResult.undefined;
    let modrm = -1;
    let list: number;
    const modrms = t.hasModrm[slot];
    if (modrms !== 0) {
      if (at >= limit) return short;
      modrm = bytes[at++];
      if (modrms === 2) modrm |= 0xc0;
      list = t.targets[leaf + (modrm >> 3 & 7) + (modrm >= 0xc0 ? 8 : 0)];
    } else list = t.targets[leaf];

    const modeIndex = long ? 2 : mode === 32 ? 1 : 0;
    const modeBit = long ? 2 : 1;
    const addrSize = long ? (prefix67 ? 4 : 8) : (mode === 32) !== prefix67 ? 4 : 2;
    const sizeKey = modeIndex << 2 | prefix66 << 1 | rex >> 3 & 1;
    let encoding: number;
    let opSize: number;
    for (;; list++) {
      encoding = t.candidates[list];
      if (encoding < 0) return DecodeResult.undefined;
      if ((t.modes[encoding] & modeBit) === 0) continue;
      opSize = t.operandSizes[t.sizing[encoding] << 4 | sizeKey];
      if (
        (t.opSizes[encoding] & sizeBit(opSize)) === 0 || (t.addrSizes[encoding] & sizeBit(addrSize)) === 0
      ) continue;
      if (t.fixedModrm[encoding] >= 0 && t.fixedModrm[encoding] !== modrm) continue;
      if (t.needsNoRexB[encoding] !== 0 && (rex & 1) !== 0) continue;
      break;
    }
    out.opSize = opSize;
    out.addrSize = addrSize;
    out.lock = lock;
    out.rep = rep;
    out.base = NO_REGISTER;
    out.index = NO_REGISTER;
    out.scale = 0;
    out.disp = 0;
    out.dispHigh = 0;
    out.ripRelative = false;
    out.segment = override < 0 ? 3 : override;

    const memory = modrm >= 0 && modrm < 0xc0;
    if (memory) {
      this.#bytes = bytes;
      this.#at = at;
      this.#end = limit;
      if (!(addrSize === 2 ? this.#memory16(modrm, out) : this.#memory(modrm, rex, long, out))) return short;
      at = this.#at;
      if (override >= 0) out.segment = override;
      if (t.popAddress[encoding] !== 0 && out.base === 4) {
        out.disp = out.disp + opSize | 0;
        out.dispHigh = out.disp >> 31;
      }
    }

    const s = t.strides;
    const sizeIndex = (size: number) => size >> 2;
    const form = t.formTable[
      t.formBase[encoding] + sizeIndex(opSize) * s.opSize[encoding] + (memory ? s.memory[encoding] : 0) +
      sizeIndex(addrSize) * s.addrSize[encoding] + sizeIndex(long ? 8 : stackSize) * s.stackSize[encoding] +
      (lock ? s.lock[encoding] : 0) + rep * s.rep[encoding] + modeIndex * s.mode[encoding]
    ];
    if (form < 0) return DecodeResult.undefined;
    // LOCK on what cannot be locked has no form, except for XCHG, whose memory form is always locked.
    out.form = form;

    for (let i = 0, row = encoding << 2; i < 4; i++, row++) {
      let number = 0;
      switch (t.actions[row]) {
        case Action.none:
          break;
        case Action.reg:
          number = modrm >> 3 & 7 | (rex & 4) << 1;
          break;
        case Action.regByte:
          number = modrm >> 3 & 7 | (rex & 4) << 1;
          if (rex === 0 && number >= 4) number += 12;
          break;
        case Action.rm:
          if (memory) break;
          number = modrm & 7 | (rex & 1) << 3;
          break;
        case Action.rmByte:
          if (memory) break;
          number = modrm & 7 | (rex & 1) << 3;
          if (rex === 0 && number >= 4) number += 12;
          break;
        case Action.opcode:
          number = byte & 7 | (rex & 1) << 3;
          break;
        case Action.opcodeByte:
          number = byte & 7 | (rex & 1) << 3;
          if (rex === 0 && number >= 4) number += 12;
          break;
        case Action.regPlain:
          number = modrm >> 3 & 7;
          break;
        case Action.rmPlain:
          if (!memory) number = modrm & 7;
          break;
        case Action.segmentTarget:
        case Action.segment:
          number = modrm >> 3 & 7;
          if (number > 5 || (number === 1 && t.actions[row] === Action.segmentTarget)) {
            return DecodeResult.undefined;
          }
          break;
        case Action.control:
          number = modrm >> 3 & 7 | (rex & 4) << 1;
          if (number === 1 || (number > 4 && number !== 8)) return DecodeResult.undefined;
          break;
        case Action.debug:
          number = modrm >> 3 & 7;
          if ((rex & 4) !== 0) return DecodeResult.undefined;
          break;
        case Action.fixed:
          number = t.fixed[row];
          break;
      }
      out.registers[i] = number;
    }

    const immediate = t.immediate[encoding];
    out.immediate = 0;
    out.immediateHigh = 0;
    out.second = 0;
    if (immediate === Immediate.constant) out.immediate = t.constant[encoding];
    else if (immediate !== Immediate.none) {
      at = this.#immediates(immediate, opSize, addrSize, bytes, at, limit, out);
      if (at < 0) return short;
    }
    out.length = at - offset;
    return DecodeResult.ok;
  }

  /** 32 and 64-bit addressing. False: bytes are missing. */
  #memory(modrm: number, rex: number, long: boolean, out: Decoded): boolean {
    const mod = modrm >> 6;
    let base = modrm & 7;
    if (base === 4) {
      if (this.#at >= this.#end) return false;
      const sib = this.#bytes[this.#at++];
      const index = sib >> 3 & 7 | (rex & 2) << 2;
      if (index !== 4) {
        out.index = index;
        out.scale = sib >> 6;
      }
      base = sib & 7;
      if (base === 5 && mod === 0) return this.#displacement(4, out);
    } else if (base === 5 && mod === 0) {
      out.ripRelative = long;
      return this.#displacement(4, out);
    }
    base |= (rex & 1) << 3;
    out.base = base;
    if (base === 4 || base === 5) out.segment = 2;
    return mod === 0 || this.#displacement(mod === 1 ? 1 : 4, out);
  }

  #memory16(modrm: number, out: Decoded): boolean {
    const mod = modrm >> 6;
    const rm = modrm & 7;
    if (mod === 0 && rm === 6) return this.#displacement(2, out);
    out.base = BASE16[rm];
    out.index = INDEX16[rm];
    if (out.base === 5) out.segment = 2;
    return mod === 0 || this.#displacement(mod, out);
  }

  #displacement(size: number, out: Decoded): boolean {
    const at = this.#at;
    if (at + size > this.#end) return false;
    const b = this.#bytes;
    if (size === 1) out.disp = b[at] << 24 >> 24;
    else if (size === 2) out.disp = (b[at] | b[at + 1] << 8) << 16 >> 16;
    else out.disp = word(b, at);
    out.dispHigh = out.disp >> 31;
    this.#at = at + size;
    return true;
  }

  /** The position after the immediates, or -1 when bytes are missing. */
  #immediates(
    kind: number,
    opSize: number,
    addrSize: number,
    b: Uint8Array,
    at: number,
    limit: number,
    out: Decoded,
  ): number {
    let size = 1;
    if (kind === Immediate.word) size = 2;
    else if (kind === Immediate.z || kind === Immediate.relZ) size = opSize === 2 ? 2 : 4;
    else if (kind === Immediate.v) size = opSize;
    else if (kind === Immediate.offset) size = addrSize;
    else if (kind === Immediate.far) size = opSize + 2;
    else if (kind === Immediate.wordByte) size = 3;
    if (at + size > limit) return -1;
    switch (kind) {
      case Immediate.byte:
        out.immediate = b[at];
        break;
      case Immediate.byteSigned:
        this.#signed(b[at] << 24 >> 24, opSize, out);
        break;
      case Immediate.word:
        out.immediate = b[at] | b[at + 1] << 8;
        break;
      case Immediate.z:
        if (size === 2) out.immediate = b[at] | b[at + 1] << 8;
        else this.#signed(word(b, at), opSize, out);
        break;
      case Immediate.v:
        out.immediate = size === 2 ? b[at] | b[at + 1] << 8 : word(b, at);
        if (size === 8) out.immediateHigh = word(b, at + 4);
        break;
      case Immediate.relByte:
        this.#signed(b[at] << 24 >> 24, 8, out);
        break;
      case Immediate.relZ:
        this.#signed(size === 2 ? (b[at] | b[at + 1] << 8) << 16 >> 16 : word(b, at), 8, out);
        break;
      case Immediate.offset:
        out.disp = size === 2 ? b[at] | b[at + 1] << 8 : word(b, at);
        out.dispHigh = size === 8 ? word(b, at + 4) : 0;
        break;
      case Immediate.far:
        out.immediate = opSize === 2 ? b[at] | b[at + 1] << 8 : word(b, at);
        out.second = b[at + opSize] | b[at + opSize + 1] << 8;
        break;
      case Immediate.wordByte:
        out.immediate = b[at] | b[at + 1] << 8;
        out.second = b[at + 2];
        break;
    }
    return at + size;
  }

  #signed(value: number, size: number, out: Decoded): void {
    if (size === 2) out.immediate = value & 0xffff;
    else {
      out.immediate = value;
      if (size === 8) out.immediateHigh = value >> 31;
    }
  }
}

function word(b: Uint8Array, at: number): number {
  return b[at] | b[at + 1] << 8 | b[at + 2] << 16 | b[at + 3] << 24;
}
