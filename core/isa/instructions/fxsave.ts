/**
 * FXSAVE and FXRSTOR (AMD64 APM volume 2, 11.4.4). The area: eight words of x87 control, pointers and MXCSR, eight x87 registers of 16 bytes
 * from ST(0), the XMM registers (16 in 64-bit mode, else 8). The pointers are 64-bit with REX.W, else 32-bit without a selector. XMM
 * registers are saved whatever CR4.OSFXSR says. XSAVE's area begins the same way: its parts are shared.
 */
import { i32, i64, i64x2, v128 } from "../../wasm/mod.ts";
import type { I32, I64, V128 } from "../../wasm/mod.ts";
import { instruction } from "../instruction.ts";
import { type Machine, type Operand, type StateName, Vector } from "../meaning.ts";
import { MXCSR_MASK } from "./sse_control.ts";
import { FCW_BITS, FCW_ONE, summarised } from "./x87_control.ts";
import { requireX87 } from "./x87_common.ts";

const AREA = 512;
const X87 = 32;
const XMM = 160;
export const MXCSR = 24;
export const xmmCount = (m: Machine): number => m.mode === 64 ? 16 : 8;
const pair = (low: I64, high: I64): V128 => i64x2.replace_lane(i64x2.splat(low), 1, high);
/** The 80 bits of a register. */
const EXTENDED = (): V128 => i64x2.const(-1n, 0xffffn);

export function saveX87(m: Machine, area: Operand): void {
  const wide = m.opSize === 8;
  const word = (name: StateName, shift: number) =>
    i64.shl(i64.and(i64.extend_i32_u(m.state(name) as I32), 0xffffn), shift);
  const pointer = (name: "fip" | "fdp") => wide ? m.state(name) : i64.and(m.state(name), 0xffffffffn);
  const controls = i64.or(
    i64.or(word("fcw", 0), word("fsw", 16)),
    i64.or(i64.and(word("ftw", 32), 0xffn << 32n), word("fop", 48)),
  );
  area.at(0, 16).writeVector(pair(controls, pointer("fip")));
  area.at(16, 8).write(pointer("fdp"));
  const top = m.let(i32.shr_u(m.state("fsw"), 11));
  for (let n = 0; n < 8; n++) {
    area.at(X87 + 16 * n, 16).writeVector(m.x87(m.let(i32.and(i32.add(top, n), 7))));
  }
}
export function saveMxcsr(m: Machine, area: Operand): void {
  area.at(MXCSR, 8).write(i64.or(i64.extend_i32_u(m.state("mxcsr")), BigInt(MXCSR_MASK) << 32n));
}
export function saveXmm(m: Machine, area: Operand): void {
  for (let n = 0; n < xmmCount(m); n++) area.at(XMM + 16 * n, 16).writeVector(m.xmm(n));
}

export function restoreX87(m: Machine, area: Operand): void {
  const wide = m.opSize === 8;
  const first = area.at(0, 16).readVector();
  const controls = m.let(i64x2.extract_lane(first, 0));
  const word = (shift: number, mask = 0xffff) => i32.and(i32.wrap_i64(i64.shr_u(controls, shift)), mask);
  const pointer = (value: I64) => wide ? value : i64.and(value, 0xffffffffn);
  const control = m.let(i32.or(word(0, FCW_BITS), FCW_ONE));
  const status = m.let(summarised(word(16), control));
  const top = m.let(i32.shr_u(status, 11));
  for (let n = 0; n < 8; n++) {
    const value = v128.and(area.at(X87 + 16 * n, 16).readVector(), EXTENDED());
    m.setX87(m.let(i32.and(i32.add(top, n), 7)), value);
  }
  m.setState("fcw", control);
  m.setState("fsw", status);
  m.setState("ftw", word(32, 0xff));
  m.setState("fop", word(48, 0x7ff));
  m.setState("fip", pointer(i64x2.extract_lane(first, 1)));
  m.setState("fdp", pointer(area.at(16, 8).read() as I64));
}
export function restoreXmm(m: Machine, area: Operand): void {
  for (let n = 0; n < xmmCount(m); n++) m.setXmm(n, area.at(XMM + 16 * n, 16).readVector());
}
/** MXCSR of an area; #GP for bits that do not exist. */
export function readMxcsr(m: Machine, area: Operand): I32 {
  const mxcsr = m.let(area.at(MXCSR, 4).read() as I32);
  m.faultIf(i32.and(mxcsr, ~MXCSR_MASK), Vector.GP, 0);
  return mxcsr;
}

/** #NM by CR0.EM and CR0.TS, then the area's alignment. */
function check(m: Machine, area: Operand): void {
  requireX87(m);
  m.faultIf(i32.and(i32.wrap_i64(area.linear()), 15), Vector.GP, 0);
  // Both ends are found accessible before anything changes, the last byte first as processors do.
  area.at(AREA - 1, 1).read();
  area.at(0, 16).readVector();
}

for (const [suffix, flags] of [["", "[op32]"], ["64", "[op64] [o64]"]] as const) {
  instruction(`fxsave${suffix}`, {
    encodings: [`NP 0F AE /0 Mfx ${flags} [rare]`],
    access: ["rw"],
    modal: true,
    feature: "fxsr",
    openBytes: [28, 32],
    meaning(m, area) {
      check(m, area);
      saveX87(m, area);
      saveMxcsr(m, area);
      saveXmm(m, area);
    },
  });
  instruction(`fxrstor${suffix}`, {
    encodings: [`NP 0F AE /1 Mfx ${flags} [rare]`],
    access: ["r"],
    modal: true,
    feature: "fxsr",
    meaning(m, area) {
      check(m, area);
      const mxcsr = readMxcsr(m, area);
      restoreX87(m, area);
      restoreXmm(m, area);
      m.setState("mxcsr", mxcsr);
    },
  });
}
