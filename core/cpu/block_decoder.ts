/** Writes records: one instruction after another, from a frame's bytes to the arena, until the block ends. */
import { Decoded, Decoder, DecodeResult, type Form, forms, Liveness, NO_REGISTER } from "../isa/mod.ts";
import type { Breakpoints } from "./breakpoints.ts";
import { type CodeCache, MAXIMUM_BLOCK_BYTES } from "./code_cache.ts";
import { CodeMode, CTX, SEGMENT_BYTES, SegmentNumber, TWO_PAGES } from "./context.ts";
import { Vector } from "./exit.ts";
import { DEAD_FLAGS, EXCLUSIVE, type InterpreterImage, Special, VARIANTS } from "./interpreter.ts";
import { Addressing } from "./interpreter_machine.ts";
import { conditionOf } from "./fusion.ts";
import {
  REC_ADDRESS_SHIFT,
  REC_BACK,
  REC_BASE,
  REC_BASE_SLOT,
  REC_CHECKED,
  REC_DISP,
  REC_IMM,
  REC_IMM_HIGH,
  REC_INDEX,
  REC_LENGTH,
  REC_LINEAR_SHIFT,
  REC_OFFSET,
  REC_REGISTERS,
  REC_SCALE,
  REC_SEGMENT,
  REC_SLOT,
  REC_TARGET,
  RECORD_BYTES,
} from "./record.ts";
import { SequenceMatcher } from "./sequences.ts";
import { GUARD_EXPECTED, GUARD_MASK, GUARD_RECORDS } from "./straddle.ts";

/** Instructions of one block at most. */
export const MAXIMUM_BLOCK = 32;
/** A block follows jumps while it has fewer: loops are short, and what is decoded twice costs room. */
const FOLLOWING_BLOCK = 16;
/** What one block can take from the arena: records, guards, chunks of its own entry and of every jump target, a map. */
export const BLOCK_ROOM = (MAXIMUM_BLOCK + 4) * RECORD_BYTES + (MAXIMUM_BLOCK + 2) * 256 + 320;

const Register = { none: 0, general: 1, xmm: 2, segment: 3, number: 4 } as const;
const ADDRESS_SHIFT: Record<number, number> = { 2: 48, 4: 32, 8: 0 };

/** What the record writer must know of each form. */
interface Plan {
  readonly registers: readonly number[];
  readonly memory: boolean;
  readonly relative: boolean;
  readonly offset: boolean;
  readonly wide: boolean;
  readonly ends: boolean;
  /** A direct jump: a block may go on at its target. */
  readonly jump: boolean;
  /** Ends the block, but may also go on at the next instruction (POPF, INTO). */
  readonly mayGoOn: boolean;
}

function planOf(form: Form): Plan {
  const { operands, encoding, instruction } = form;
  return {
    registers: operands.map((operand) => {
      if (operand.from !== "decoded") return Register.none;
      if (operand.kind === "reg") return Register.general;
      if (operand.kind === "xmm" || operand.kind === "mm") return Register.xmm;
      return operand.kind === "seg" ? Register.segment : Register.number;
    }),
    memory: operands.some((operand) => operand.kind === "mem" && operand.from === "modrm"),
    relative: operands.some((operand) => operand.kind === "rel"),
    offset: encoding.operands.some((operand) => operand.place === "offset"),
    wide: operands.some((operand) =>
      operand.kind === "imm" && operand.size === 8 && operand.from === "first"
    ),
    ends: instruction.flow !== undefined && instruction.flow !== "branch",
    jump: instruction.name === "jmp" && operands.some((operand) => operand.kind === "rel"),
    mayGoOn: instruction.flow === "leave",
  };
}

/** Large tables that are alike for every domain: made once a thread. */
interface Shared {
  readonly decoder: Decoder;
  readonly plans: readonly Plan[];
  readonly dead: Liveness;
  readonly sequences: SequenceMatcher;
}

/** By the table of sequences: each image has its own. */
const sharedByImage = new WeakMap<Uint16Array, Shared>();

function sharedFor({ leaves, sequences }: InterpreterImage): Shared {
  let shared = sharedByImage.get(sequences);
  if (shared === undefined) {
    shared = {
      decoder: new Decoder(),
      plans: forms().map(planOf),
      dead: new Liveness(leaves),
      sequences: new SequenceMatcher(sequences),
    };
    sharedByImage.set(sequences, shared);
  }
  return shared;
}

/** Makes what the first BlockDecoder of a thread needs, some 100 ms of work, ahead of it. */
export function prepareDecoding(image: InterpreterImage): void {
  sharedFor(image);
}

export class BlockDecoder {
  readonly #decoder: Decoder;
  readonly #decoded = new Decoded();
  readonly #forms = forms();
  readonly #plans: readonly Plan[];
  readonly #u8: Uint8Array;
  readonly #u16: Uint16Array;
  readonly #i32: Int32Array;
  readonly #slots: Uint16Array;
  readonly #specials: number;
  readonly #scratch = new Uint8Array(16);
  readonly #dead: Liveness;
  readonly #sequences: SequenceMatcher;
  readonly #blockSlots = new Uint16Array(MAXIMUM_BLOCK);
  readonly #blockForms = new Int32Array(MAXIMUM_BLOCK);
  readonly #fusedAt = new Uint16Array(MAXIMUM_BLOCK);
  readonly #fused: Uint16Array;
  readonly #conditions = Int8Array.from(this.#forms, conditionOf);

  constructor(buffer: ArrayBufferLike, image: InterpreterImage, private readonly breakpoints?: Breakpoints) {
    this.#u8 = new Uint8Array(buffer);
    this.#u16 = new Uint16Array(buffer);
    this.#i32 = new Int32Array(buffer);
    this.#slots = image.slots;
    this.#fused = image.fused;
    this.#specials = this.#forms.length * VARIANTS;
    const { decoder, plans, dead, sequences } = sharedFor(image);
    this.#sequences = sequences;
    this.#decoder = decoder;
    this.#plans = plans;
    this.#dead = dead;
  }

  get decoded(): Decoded {
    return this.#decoded;
  }

  #special(at: number, which: number): void {
    this.#clear(at);
    this.#i32[(at + REC_SLOT) >>> 2] = this.#slots[this.#specials + which];
  }
  #clear(at: number): void {
    const i32 = this.#i32;
    // Quicker than fill for so few words.
    for (let word = at >>> 2; word < (at + RECORD_BYTES) >>> 2; word++) i32[word] = 0;
  }

  #decode(bytes: Uint8Array, offset: number, available: number, codeMode: number): DecodeResult {
    const mode = 16 << (codeMode & CodeMode.WIDTH);
    const stack = codeMode & CodeMode.BIG_STACK ? 4 : 2;
    return this.#decoder.decode(bytes, offset, available, mode, stack, this.#decoded);
  }

  /**
   * Decodes the block at `offset` of a frame; with the lock, and with room in the arena.
   * @param second byte address of the page that follows in linear addresses, or -1: asked for only when the first instruction straddles
   * @returns the block's first record, not yet entered in the map; 0: the straddling instruction's second page cannot be fetched
   */
  block(
    cache: CodeCache,
    frame: number,
    offset: number,
    codeMode: number,
    second: () => number,
  ): { record: number; instructions: number } {
    const map = cache.needMap(frame, codeMode);
    const base = frame * 4096;
    const flat = (codeMode & CodeMode.FLAT) !== 0;
    // The chunk of the entry and those of jump targets must not land among the records.
    cache.needEntry(map, offset);
    const plannedEnd = offset + MAXIMUM_BLOCK_BYTES;
    let at = offset;
    let count = 0;
    const records: number[] = [];
    /** Instructions before each record: a jump that is followed has none. */
    const before: number[] = [];
    const targets: number[] = [];
    let instructions = 0;
    /** The jump that `at` was reached by, not yet known to be left out. */
    let jump = -1;
    const start = this.#firstRecord(cache);
    let record = start;
    let ended = false;
    let goesOn = false;
    this.#fusedAt.fill(0);
    const mayStop = this.breakpoints?.any === true;
    while (!ended) {
      if (at >= 4096 || instructions === MAXIMUM_BLOCK || at + 15 > plannedEnd) break;
      if (count > 0 && jump < 0 && cache.entry(map, at) !== 0) break;
      const stops = mayStop && this.breakpoints?.stopsAt(at) === true;
      if (stops && count === 0) {
        this.#special(record, Special.BREAKPOINT);
        this.#u16[(record + REC_OFFSET) >>> 1] = at;
        cache.cover(map, at, 1);
        this.#blockForms[count] = -1;
        records.push(record);
        before.push(0);
        record += RECORD_BYTES;
        count = instructions = 1;
        ended = true;
        break;
      }
      if (stops && jump < 0) break;
      const result = this.#decode(this.#u8, base + at, Math.min(15, 4096 - at), codeMode);
      if (jump >= 0 && (result !== DecodeResult.ok || stops)) {
        // The jump has a record after all.
        this.#decode(this.#u8, base + jump, Math.min(15, 4096 - jump), codeMode);
        targets.push(record, this.#write(record, jump, codeMode, flat, false));
        this.#blockForms[count] = this.#decoded.form;
        records.push(record);
        before.push(instructions - 1);
        record += RECORD_BYTES;
        count++;
        ended = true;
        break;
      }
      jump = -1;
      if (result === DecodeResult.more) {
        if (count > 0) break;
        const next = second();
        if (next < 0) return { record: 0, instructions: 0 };
        return this.#straddling(cache, map, frame, offset, codeMode, next);
      }
      if (result !== DecodeResult.ok) {
        this.#raising(record, result, at);
        cache.cover(map, at, Math.min(15, 4096 - at));
        ended = true;
        this.#blockForms[count] = -1;
      } else {
        const decoded = this.#decoded;
        const plan = this.#plans[decoded.form];
        cache.cover(map, at, decoded.length);
        const follows = plan.jump && count > 0 && instructions < FOLLOWING_BLOCK && flat &&
          this.#forms[decoded.form].opSize !== 2;
        if (follows) {
          const target = at + decoded.length + decoded.immediate;
          // Forward, and within the bytes that a block may have.
          if (target > at && target < 4096 && target + 15 <= plannedEnd) {
            jump = at;
            at = target;
            instructions++;
            continue;
          }
        }
        const target = this.#write(record, at, codeMode, flat, false);
        if (target >= 0) targets.push(record, target);
        this.#blockForms[count] = decoded.form;
        const condition = this.#conditions[decoded.form];
        if (condition >= 0 && target >= 0 && count > 0) this.#fuse(records[count - 1], count - 1, condition);
        ended = plan.ends;
        at += decoded.length;
        if (plan.mayGoOn) goesOn = true;
      }
      records.push(record);
      before.push(instructions);
      record += RECORD_BYTES;
      count++;
      instructions++;
    }
    if (!ended || goesOn) {
      this.#link(record, at);
      if (at < 4096) targets.push(record, at);
      record += RECORD_BYTES;
    }
    cache.take(record - start);
    for (let i = 0; i < count; i++) this.#u8[records[i] + REC_BACK] = instructions - before[i];
    this.#chooseHandlers(records, count);
    for (let i = 0; i < targets.length; i += 2) {
      this.#i32[(targets[i] + REC_TARGET) >>> 2] = cache.needEntry(map, targets[i + 1]) | 0;
    }
    return { record: start, instructions };
  }

  #firstRecord(cache: CodeCache): number {
    return cache.next;
  }

  #straddling(
    cache: CodeCache,
    map: number,
    frame: number,
    offset: number,
    codeMode: number,
    second: number,
  ): { record: number; instructions: number } {
    const inFirst = 4096 - offset;
    this.#scratch.set(this.#u8.subarray(frame * 4096 + offset, frame * 4096 + 4096));
    this.#scratch.set(this.#u8.subarray(second, second + 15 - inFirst), inFirst);
    const result = this.#decode(this.#scratch, 0, 15, codeMode);
    const length = result === DecodeResult.ok ? this.#decoded.length : 15;
    const start = cache.take((GUARD_RECORDS + 2) * RECORD_BYTES);
    this.#special(start, Special.STRADDLE);
    this.#clear(start + RECORD_BYTES);
    for (let i = 0; i < length - inFirst; i++) {
      this.#u8[start + GUARD_MASK + i] = 0xff;
      this.#u8[start + GUARD_EXPECTED + i] = this.#scratch[inFirst + i];
    }
    const record = start + GUARD_RECORDS * RECORD_BYTES;
    if (result === DecodeResult.ok) {
      const target = this.#write(record, offset, codeMode, (codeMode & CodeMode.FLAT) !== 0, false);
      if (target >= 0) {
        this.#i32[(record + REC_TARGET) >>> 2] = cache.needEntry(map, target) | 0;
      }
    } else this.#raising(record, result, offset);
    this.#link(record + RECORD_BYTES, offset + length);
    this.#u8[record + REC_BACK] = 1;
    this.#u8[start + REC_BACK] = 1;
    this.#u16[(start + REC_OFFSET) >>> 1] = offset;
    this.#u8[start + REC_LENGTH] = length;
    cache.cover(map, offset, inFirst);
    return { record: start, instructions: 1 };
  }

  /**
   * One instruction and its end record, for stepping. `bytes` are what could be fetched.
   * @returns false: the instruction goes on after the bytes there are
   */
  single(
    record: number,
    bytes: Uint8Array,
    length: number,
    offset: number,
    codeMode: number,
    exclusive: boolean,
  ) {
    const result = this.#decode(bytes, 0, length, codeMode);
    if (result === DecodeResult.more) return false;
    if (result === DecodeResult.ok) this.#write(record, offset, codeMode, false, exclusive);
    else this.#raising(record, result, offset);
    this.#u8[record + REC_BACK] = 1;
    const end = record + RECORD_BYTES;
    this.#special(end, Special.STEPPED);
    this.#u16[(end + REC_OFFSET) >>> 1] = offset + (result === DecodeResult.ok ? this.#decoded.length : 0);
    return true;
  }

  /** Gives the record before a conditional jump the handler that does both, if there is one. */
  #fuse(record: number, at: number, condition: number): void {
    const form = this.#blockForms[at];
    const slot = form < 0 ? 0 : this.#fused[form * 16 + condition];
    if (slot !== 0 && this.#u16[(record + REC_BASE_SLOT) >>> 1] === Addressing.BASE) this.#fusedAt[at] = slot;
  }

  #raising(record: number, result: DecodeResult, offset: number): void {
    this.#special(record, Special.RAISE);
    this.#i32[(record + REC_DISP) >>> 2] = result === DecodeResult.tooLong ? Vector.GP : Vector.UD;
    this.#u16[(record + REC_OFFSET) >>> 1] = offset;
  }

  #link(record: number, offset: number): void {
    this.#special(record, offset < 4096 ? Special.LINK : Special.LINK_OUT);
    this.#i32[(record + REC_DISP) >>> 2] = offset;
    this.#u16[(record + REC_OFFSET) >>> 1] = offset;
  }

  /** Writes the decoded instruction's record. @returns the offset of an in-page target, or -1 */
  #write(record: number, offset: number, codeMode: number, inPageJumps: boolean, exclusive: boolean): number {
    const decoded = this.#decoded;
    const u8 = this.#u8;
    const i32 = this.#i32;
    const plan = this.#plans[decoded.form];
    const form = this.#forms[decoded.form];
    this.#clear(record);
    for (let i = 0; i < plan.registers.length; i++) {
      const number = decoded.registers[i];
      let value = number;
      switch (plan.registers[i]) {
        case Register.none:
          continue;
        case Register.general:
          value = number < 16 ? number << 3 : ((number - 16) << 3) + 1;
          break;
        case Register.xmm:
          value = number << 4;
          break;
        case Register.segment:
          value = number * SEGMENT_BYTES;
          break;
      }
      u8[record + REC_REGISTERS + i] = value;
    }
    i32[(record + REC_IMM) >>> 2] = decoded.immediate;
    i32[(record + REC_IMM_HIGH) >>> 2] = plan.wide ? decoded.immediateHigh : decoded.second;
    const long = (codeMode & CodeMode.WIDTH) === CodeMode.WIDTH_64;
    const flat = (codeMode & CodeMode.FLAT) !== 0;
    const { segment } = decoded;
    let segmentNumber = segment;
    if (flat && segment < 4) {
      segmentNumber = segment === SegmentNumber.ss ? SegmentNumber.flatStack : SegmentNumber.flat;
    }
    u8[record + REC_SEGMENT] = segmentNumber * SEGMENT_BYTES;
    u8[record + REC_CHECKED] = long || segmentNumber >= SegmentNumber.flat ? 0 : 1;
    u8[record + REC_ADDRESS_SHIFT] = ADDRESS_SHIFT[decoded.addrSize];
    u8[record + REC_LINEAR_SHIFT] = long ? 0 : 32;
    let addressing: number = Addressing.BASE;
    let target = -1;
    if (plan.memory) {
      let displacement = decoded.disp;
      let index = decoded.index === NO_REGISTER ? CTX.zero : decoded.index << 3;
      u8[record + REC_BASE] = decoded.base === NO_REGISTER ? CTX.zero : decoded.base << 3;
      if (decoded.ripRelative) {
        u8[record + REC_BASE] = CTX.codePage;
        displacement += offset + decoded.length;
        // The record has 32 bits for it.
        if (displacement > 0x7fffffff) {
          displacement -= TWO_PAGES;
          index = CTX.twoPages;
        }
      }
      i32[(record + REC_DISP) >>> 2] = displacement;
      u8[record + REC_INDEX] = index;
      u8[record + REC_SCALE] = decoded.scale;
      const simple = long && decoded.addrSize === 8 && segmentNumber >= SegmentNumber.flat;
      const wanted = index === CTX.zero ? Addressing.BASE : Addressing.INDEX;
      addressing = simple && this.#slots[decoded.form * VARIANTS + wanted] !== 0
        ? wanted
        : Addressing.GENERIC;
      if (plan.offset) i32[(record + REC_IMM) >>> 2] = decoded.dispHigh;
    }
    if (plan.relative) {
      const to = offset + decoded.length + decoded.immediate;
      i32[(record + REC_DISP) >>> 2] = to;
      addressing = Addressing.OUT_OF_PAGE;
      if (inPageJumps && to >= 0 && to < 4096 && form.opSize !== 2) {
        addressing = Addressing.IN_PAGE;
        target = to;
      }
    }
    const variant = exclusive && form.lock ? EXCLUSIVE : addressing;
    const slot = this.#slots[decoded.form * VARIANTS + variant];
    if (slot === 0) throw new Error(`${form.id} has no handler for variant ${variant}`);
    i32[(record + REC_SLOT) >>> 2] = slot;
    this.#u16[(record + REC_OFFSET) >>> 1] = offset;
    u8[record + REC_LENGTH] = decoded.length;
    this.#u16[(record + REC_BASE_SLOT) >>> 1] = addressing;
    return target;
  }

  /** Chooses variants without flag work, pairs and sequences, and keeps every record's handler in REC_BASE_SLOT. */
  #chooseHandlers(records: readonly number[], count: number): void {
    const dead = this.#dead.find(this.#blockForms, count);
    const slots = this.#blockSlots;
    for (let i = 0; i < count; i++) {
      const record = records[i];
      slots[i] = this.#i32[(record + REC_SLOT) >>> 2];
      if (dead[i] !== 0) {
        const addressing = this.#u16[(record + REC_BASE_SLOT) >>> 1];
        const slot = this.#slots[this.#blockForms[i] * VARIANTS + DEAD_FLAGS + addressing];
        if (slot !== 0) slots[i] = slot;
      }
      if (this.#fusedAt[i] !== 0) slots[i] = this.#fusedAt[i];
    }
    for (let i = 0; i < count; i++) {
      // What is in the middle of a sequence has its own handler too: whoever leaves the sequence goes on with it.
      const slot = this.#sequences.longest(slots, i, count) || slots[i];
      this.#i32[(records[i] + REC_SLOT) >>> 2] = slot;
      this.#u16[(records[i] + REC_BASE_SLOT) >>> 1] = slot;
    }
  }
}
