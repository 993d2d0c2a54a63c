/** What the SSE descriptions share. */
import { v128 } from "../../wasm/mod.ts";
import type { V128 } from "../../wasm/mod.ts";
import { type Instruction, instruction, type InstructionSpec } from "../instruction.ts";
import { type Machine, type Operand, Vector } from "../meaning.ts";

export type SseFeature = "sse" | "sse2" | "sse3" | "ssse3" | "sse4_1" | "sse4_2" | "pclmulqdq" | "aes";

/** CR0.EM, CR4.OSFXSR */
const CR0_EM = 4;
const CR4_OSFXSR = 0x200;

/**
 * #UD when CR0.EM is set or CR4.OSFXSR is clear, else #NM when CR0.TS is set (AMD64 APM volume 3, exceptions of the SSE
 * instructions). Whoever changes CR0 or CR4 keeps `fpuDisabled` nonzero while one of the three holds.
 */
export function requireSse(m: Machine): void {
  m.if(m.state("fpuDisabled"), () => {
    m.faultIf(m.ne(m.and(m.state("cr0"), CR0_EM), 0), Vector.UD);
    m.faultIf(m.eqz(m.and(m.state("cr4"), CR4_OSFXSR)), Vector.UD);
    m.fault(Vector.NM);
  });
}

/** An instruction on XMM registers: checked for being enabled before anything else. */
export function sse(feature: SseFeature, name: string, spec: Omit<InstructionSpec, "feature">): Instruction {
  return instruction(name, {
    ...spec,
    feature,
    meaning(m, ...operands) {
      requireSse(m);
      spec.meaning(m, ...operands);
    },
  });
}

/** dst = fn(dst, src) on all 16 bytes. `encoding`: prefix and opcode ("66 0F FC"). */
export function vectorBinary(
  feature: SseFeature,
  name: string,
  encoding: string,
  fn: (a: V128, b: V128, m: Machine) => V128,
): void {
  sse(feature, name, {
    encodings: [`${encoding} /r Vdq,Wdq`],
    access: ["rw", "r"],
    meaning(m, dst: Operand, src: Operand) {
      const b = src.readVector();
      dst.writeVector(fn(dst.readVector(), b, m));
    },
  });
}

export const zeroVector = (): V128 => v128.const(new Uint8Array(16));
/** 0, 1, .. 15 */
export const byteNumbers = (): V128 => v128.const(Uint8Array.from({ length: 16 }, (_, i) => i));
