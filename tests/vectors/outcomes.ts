/**
 * Stored outcomes: one file an instruction, gzip around a list of sections (form id, mode, count, hash of the inputs, the outcomes). Inputs are
 * not stored: `casesOf` makes them again; a hash that differs says the file must be recorded again.
 *
 * An outcome is kept as what it changed: status byte (0 completed, else vector + 1), RIP distance, flags, masks of changed registers with their
 * values, MXCSR where it changed, runs of changed memory, error code and CR2 of a fault.
 */
import { gunzipSync, gzipSync } from "node:zlib";
import {
  type Bits,
  type Case,
  encodeCase,
  INITIAL_X87,
  type Outcome,
  PLAIN_BYTES,
  startRip,
  type X87Outcome,
  type X87State,
} from "./format.ts";

export interface Section {
  readonly form: string;
  readonly bits: Bits;
  readonly count: number;
  readonly inputs: number;
  readonly bytes: Uint8Array;
}

/** FNV-1a over the encoded cases. */
export class InputHash {
  value = 0x811c9dc5;
  add(one: Case): void {
    let h = this.value;
    const bytes = encodeCase(one);
    for (const byte of one.x87 ? bytes : bytes.subarray(0, PLAIN_BYTES)) h = Math.imul(h ^ byte, 0x01000193);
    this.value = h >>> 0;
  }
}

class Writer {
  #bytes = new Uint8Array(1 << 16);
  #view = new DataView(this.#bytes.buffer);
  length = 0;
  #room(n: number): number {
    if (this.length + n > this.#bytes.length) {
      const grown = new Uint8Array(this.#bytes.length * 2);
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    const at = this.length;
    this.length += n;
    return at;
  }
  u8(v: number): void {
    const at = this.#room(1);
    this.#bytes[at] = v;
  }
  u16(v: number): void {
    const at = this.#room(2);
    this.#view.setUint16(at, v, true);
  }
  u32(v: number): void {
    const at = this.#room(4);
    this.#view.setUint32(at, v, true);
  }
  u64(v: bigint): void {
    const at = this.#room(8);
    this.#view.setBigUint64(at, v, true);
  }
  bytes(v: Uint8Array): void {
    for (const byte of v) this.u8(byte);
  }
  take(): Uint8Array {
    return this.#bytes.slice(0, this.length);
  }
}

class Reader {
  at = 0;
  readonly #view: DataView;
  constructor(readonly bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  u8(): number {
    return this.bytes[this.at++];
  }
  u16(): number {
    this.at += 2;
    return this.#view.getUint16(this.at - 2, true);
  }
  u32(): number {
    this.at += 4;
    return this.#view.getUint32(this.at - 4, true);
  }
  u64(): bigint {
    this.at += 8;
    return this.#view.getBigUint64(this.at - 8, true);
  }
  take(n: number): Uint8Array {
    this.at += n;
    return this.bytes.slice(this.at - n, this.at);
  }
}

const IN_STATUS = 0x7f;
const MXCSR_CHANGED = 0x80;

/** Appends one outcome as what it changed of its case. */
function write(to: Writer, one: Case, out: Outcome): void {
  const mxcsr = out.mxcsr !== one.mxcsr;
  to.u8((out.vector + 1) | (mxcsr ? MXCSR_CHANGED : 0));
  if (mxcsr) to.u16(out.mxcsr);
  const rip = BigInt.asUintN(64, BigInt(out.rip) - BigInt(startRip(one)));
  if (rip < 0xffn) to.u8(Number(rip));
  else {
    to.u8(0xff);
    to.u64(rip);
  }
  to.u16(out.rflags & 0xffff);
  let mask = 0;
  for (let i = 0; i < 16; i++) if (out.gpr[i] !== one.gpr[i]) mask |= 1 << i;
  to.u16(mask);
  for (let i = 0; i < 16; i++) if (mask >> i & 1) to.u64(out.gpr[i]);
  let vectors = 0;
  for (let i = 0; i < 256; i++) if (out.xmm[i] !== one.xmm[i]) vectors |= 1 << (i >> 4);
  to.u16(vectors);
  for (let i = 0; i < 16; i++) if (vectors >> i & 1) to.bytes(out.xmm.subarray(i * 16, i * 16 + 16));
  to.u16(out.memory.length);
  for (let i = 0; i < out.memory.length;) {
    const [offset] = out.memory[i];
    let end = i + 1;
    while (end < out.memory.length && out.memory[end][0] === offset + end - i && end - i < 255) end++;
    to.u16(offset);
    to.u8(end - i);
    for (; i < end; i++) to.u8(out.memory[i][1]);
  }
  if (out.vector >= 0) {
    to.u32(out.error);
    if (out.vector === 14) to.u64(out.cr2);
  }
  if (one.x87) writeX87(to, one.x87, out.x87);
}

const POINTERS = 8;

/** Which of FCW, FSW, FTW and the pointers changed, then which registers, then those. */
function writeX87(to: Writer, before: X87State, after: X87Outcome): void {
  const words = (["fcw", "fsw", "ftw"] as const).map((name) => before[name] !== after[name]);
  const pointers = after.fop !== 0 || after.fip !== 0n || after.fdp !== 0n;
  to.u8(words.reduce((mask, changed, i) => mask | (changed ? 1 << i : 0), pointers ? POINTERS : 0));
  let mask = 0;
  for (let i = 0; i < 128; i++) if (before.registers[i] !== after.registers[i]) mask |= 1 << (i >> 4);
  to.u8(mask);
  (["fcw", "fsw", "ftw"] as const).forEach((name, i) => words[i] && to.u16(after[name]));
  for (let i = 0; i < 8; i++) if (mask >> i & 1) to.bytes(after.registers.subarray(i * 16, i * 16 + 10));
  if (!pointers) return;
  to.u16(after.fop);
  to.u64(after.fip);
  to.u64(after.fdp);
}

function readX87(from: Reader, before: X87State): X87Outcome {
  const words = from.u8();
  const mask = from.u8();
  const [fcw, fsw, ftw] = (["fcw", "fsw", "ftw"] as const).map((name, i) =>
    words >> i & 1 ? from.u16() : before[name]
  );
  const registers = before.registers.slice();
  for (let i = 0; i < 8; i++) {
    if (mask >> i & 1) registers.set(from.take(10), i * 16);
  }
  if ((words & POINTERS) === 0) return { registers, fcw, fsw, ftw, fop: 0, fip: 0n, fdp: 0n };
  return { registers, fcw, fsw, ftw, fop: from.u16(), fip: from.u64(), fdp: from.u64() };
}

function read(from: Reader, one: Case): Outcome {
  const status = from.u8();
  const vector = (status & IN_STATUS) - 1;
  const mxcsr = status & MXCSR_CHANGED ? from.u16() : one.mxcsr;
  const short = from.u8();
  const distance = short === 0xff ? from.u64() : BigInt(short);
  const rip = BigInt.asUintN(64, BigInt(startRip(one)) + distance);
  const rflags = from.u16();
  const gpr = one.gpr.slice();
  const mask = from.u16();
  for (let i = 0; i < 16; i++) if (mask >> i & 1) gpr[i] = from.u64();
  const xmm = one.xmm.slice();
  const vectors = from.u16();
  for (let i = 0; i < 16; i++) if (vectors >> i & 1) xmm.set(from.take(16), i * 16);
  const memory: [number, number][] = [];
  for (let left = from.u16(); left > 0;) {
    const offset = from.u16();
    const count = from.u8();
    for (let i = 0; i < count; i++) memory.push([offset + i, from.u8()]);
    left -= count;
  }
  const error = vector >= 0 ? from.u32() : 0;
  const cr2 = vector === 14 ? from.u64() : 0n;
  const x87 = one.x87 ? readX87(from, one.x87) : { ...INITIAL_X87, fop: 0, fip: 0n, fdp: 0n };
  return { gpr, xmm, rip, rflags, mxcsr, vector, error, cr2, memory, x87 };
}

export class SectionWriter {
  readonly #to = new Writer();
  readonly #hash = new InputHash();
  #count = 0;
  add(one: Case, out: Outcome): void {
    write(this.#to, one, out);
    this.#hash.add(one);
    this.#count++;
  }
  finish(form: string, bits: Bits): Section {
    return { form, bits, count: this.#count, inputs: this.#hash.value, bytes: this.#to.take() };
  }
}

/** Reads a section's outcomes one by one, in the order of its cases. */
export class SectionReader {
  readonly #from: Reader;
  constructor(section: Section) {
    this.#from = new Reader(section.bytes);
  }
  next(one: Case): Outcome {
    return read(this.#from, one);
  }
}

export function encodeFile(sections: readonly Section[]): Uint8Array {
  const to = new Writer();
  for (const section of sections) {
    const id = new TextEncoder().encode(section.form);
    to.u16(id.length);
    to.bytes(id);
    to.u8(section.bits);
    to.u16(section.count);
    to.u32(section.inputs);
    to.u32(section.bytes.length);
    to.bytes(section.bytes);
  }
  return gzipSync(to.take(), { level: 9 });
}

export function decodeFile(file: Uint8Array): Section[] {
  const from = new Reader(new Uint8Array(gunzipSync(file)));
  const sections: Section[] = [];
  while (from.at < from.bytes.length) {
    const form = new TextDecoder().decode(from.take(from.u16()));
    const bits = from.u8() as Bits;
    const count = from.u16();
    const inputs = from.u32();
    sections.push({ form, bits, count, inputs, bytes: from.take(from.u32()) });
  }
  return sections;
}

/** The file of an instruction's outcomes. */
export function fileOf(instruction: string): URL {
  return new URL(`./data/${instruction.replaceAll(/[^a-z0-9]/g, "_")}.gz`, import.meta.url);
}
