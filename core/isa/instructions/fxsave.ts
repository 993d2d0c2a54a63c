/**
 * FXSAVE and FXRSTOR (AMD64 APM volume 2, 11.4.4). The area: eight words of x87 control, pointers and MXCSR, eight x87 registers of 16 bytes,
 * the XMM registers (16 in 64-bit mode, else 8). The pointers are 64-bit with REX.W, else 32-bit without a selector. XMM registers
 * are saved whatever CR4.OSFXSR says.
 */
import { i32, i64, i64x2 } from "../../wasm/mod.ts";
import type { I32, I64 } from "../../wasm/mod.ts";
import { instruction } from "../instruction.ts";
import { type Machine, type Operand, type StateName, Vector } from "../meaning.ts";
import { MXCSR_MASK } from "./sse_control.ts";
import { Cr0 } from "./system_common.ts";

const AREA = 512;
const X87 = 32;
const XMM = 160;
const registers = (m: Machine): number => m.mode === 64 ? 16 : 8;
const st = (n: number) => `st${n}` as "st0";

/** #NM by CR0.EM and CR0.TS, then the area's alignment. */
function check(m: Machine, area: Operand): void {
  m.if(m.state("fpuDisabled"), () => {
    m.faultIf(m.ne(m.and(m.state("cr0"), Cr0.EM | Cr0.TS), 0), Vector.NM);
  });
  m.faultIf(i32.and(i32.wrap_i64(area.linear()), 15), Vector.GP, 0);
  // Both ends are found accessible before anything changes, the last byte first as processors do.
  area.at(AREA - 1, 1).read();
  area.at(0, 16).readVector();
}

function save(m: Machine, area: Operand): void {
  check(m, area);
  const wide = m.opSize === 8;
  const word = (name: StateName, shift: number) =>
    i64.shl(i64.and(i64.extend_i32_u(m.state(name) as I32), 0xffffn), shift);
  const pointer = (name: "fip" | "fdp") => wide ? m.state(name) : i64.and(m.state(name), 0xffffffffn);
  const controls = i64.or(
    i64.or(word("fcw", 0), word("fsw", 16)),
    i64.or(i64.and(word("ftw", 32), 0xffn << 32n), word("fop", 48)),
  );
  const mxcsr = i64.or(i64.extend_i32_u(m.state("mxcsr")), BigInt(MXCSR_MASK) << 32n);
  const pair = (low: I64, high: I64) => i64x2.replace_lane(i64x2.splat(low), 1, high);
  area.at(0, 16).writeVector(pair(controls, pointer("fip")));
  area.at(16, 16).writeVector(pair(pointer("fdp"), mxcsr));
  for (let n = 0; n < 8; n++) area.at(X87 + 16 * n, 16).writeVector(m.state(st(n)));
  for (let n = 0; n < registers(m); n++) area.at(XMM + 16 * n, 16).writeVector(m.xmm(n));
}

function restore(m: Machine, area: Operand): void {
  check(m, area);
  const first = area.at(0, 16).readVector();
  const second = area.at(16, 16).readVector();
  const mxcsr = m.let(i32.wrap_i64(i64x2.extract_lane(second, 1)));
  m.faultIf(i32.and(mxcsr, ~MXCSR_MASK), Vector.GP, 0);

  const wide = m.opSize === 8;
  const controls = m.let(i64x2.extract_lane(first, 0));
  const word = (shift: number, mask = 0xffff) => i32.and(i32.wrap_i64(i64.shr_u(controls, shift)), mask);
  const pointer = (value: I64) => wide ? value : i64.and(value, 0xffffffffn);
  for (let n = 0; n < 8; n++) m.setState(st(n), area.at(X87 + 16 * n, 16).readVector());
  for (let n = 0; n < registers(m); n++) m.setXmm(n, area.at(XMM + 16 * n, 16).readVector());
  m.setState("fcw", word(0));
  m.setState("fsw", word(16));
  m.setState("ftw", word(32, 0xff));
  m.setState("fop", word(48));
  m.setState("fip", pointer(i64x2.extract_lane(first, 1)));
  m.setState("fdp", pointer(i64x2.extract_lane(second, 0)));
  m.setState("mxcsr", mxcsr);
}

for (const [suffix, flags] of [["", "[op32]"], ["64", "[op64] [o64]"]] as const) {
  instruction(`fxsave${suffix}`, {
    encodings: [`NP 0F AE /0 Mfx ${flags} [rare]`],
    access: ["rw"],
    modal: true,
    feature: "fxsr",
    openBytes: [28, 32],
    meaning: save,
  });
  instruction(`fxrstor${suffix}`, {
    encodings: [`NP 0F AE /1 Mfx ${flags} [rare]`],
    access: ["r"],
    modal: true,
    feature: "fxsr",
    meaning: restore,
  });
}
