/**
 * What the MMX descriptions share. MMi is the significand of the physical x87 register i. Every MMX instruction but EMMS sets TOP to 0 and
 * marks all registers as in use; a register that is written gets an exponent of all ones (AMD64 APM volume 5, 5.12).
 */
import { i32, i64x2 } from "../../wasm/mod.ts";
import type { I64, V128 } from "../../wasm/mod.ts";
import { type Instruction, instruction, type InstructionSpec } from "../instruction.ts";
import { type Machine, type Operand, Vector } from "../meaning.ts";
import { Cr0 } from "./system_common.ts";

const FSW_ES = 0x80;
const FSW_TOP = 0x3800;

/** #UD by CR0.EM, #NM by CR0.TS, then an x87 exception that waits. */
export function requireMmx(m: Machine): void {
  m.if(m.state("fpuDisabled"), () => {
    m.faultIf(m.ne(m.and(m.state("cr0"), Cr0.EM), 0), Vector.UD);
    m.faultIf(m.ne(m.and(m.state("cr0"), Cr0.TS), 0), Vector.NM);
  });
  waitForX87(m);
}

export function waitForX87(m: Machine): void {
  m.faultIf(i32.and(m.state("fsw"), FSW_ES), Vector.MF);
}

/** The registers are MMX's from here on. */
export function enterMmx(m: Machine): void {
  m.setState("fsw", i32.and(m.state("fsw"), ~FSW_TOP));
  m.setState("ftw", i32.const(0xff));
}

export type MmxFeature = "mmx" | "sse" | "sse2" | "ssse3";

export function mmx(feature: MmxFeature, name: string, spec: Omit<InstructionSpec, "feature">): Instruction {
  return instruction(name, {
    ...spec,
    feature,
    meaning(m, ...operands) {
      requireMmx(m);
      spec.meaning(m, ...operands);
      enterMmx(m);
    },
  });
}

export const pair = (low: I64, high: I64): V128 => i64x2.replace_lane(i64x2.splat(low), 1, high);
export const lowHalf = (v: V128): I64 => i64x2.extract_lane(v, 0);
/** A register or memory operand of 8 bytes, in both halves. */
export const doubled = (operand: Operand): V128 => i64x2.splat(operand.read() as I64);
const ONES = 0xffffn;

/** To a register, or to memory. */
export function writeMmx(dst: Operand, value: I64): void {
  if (dst.kind === "mm") {
    dst.writeVector(i64x2.replace_lane(i64x2.const(0n, ONES), 0, value));
  } else dst.write(value);
}

/** dst = low half of fn(dst, src), both operands in both halves. */
export function mmxBinary(
  feature: MmxFeature,
  name: string,
  opcode: string,
  fn: (a: V128, b: V128, m: Machine) => V128,
  source = "Qq",
): void {
  mmx(feature, name, {
    encodings: [`NP 0F ${opcode} /r Pq,${source} [rare]`],
    access: ["rw", "r"],
    meaning(m, dst, src) {
      const b = m.let(src.size === 8 ? doubled(src) : i64x2.splat(m.i64(src.read())));
      const a = m.let(doubled(dst));
      writeMmx(dst, lowHalf(fn(a, b, m)));
    },
  });
}
