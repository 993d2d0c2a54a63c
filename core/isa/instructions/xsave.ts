/**
 * XSAVE, XSAVEOPT, XRSTOR and XGETBV (AMD64 APM volume 2, 11.5), for the components x87 (0) and SSE (1), which both lie in the legacy part of
 * the area. EDX:EAX and XCR0 choose; the header at 512 says
 * which components are not in their initial state.
 */
import { i32, i64, v128 } from "../../wasm/mod.ts";
import type { I32, I64, V128 } from "../../wasm/mod.ts";
import { instruction } from "../instruction.ts";
import { type Machine, type Operand, Reg, Vector } from "../meaning.ts";
import { readMxcsr, restoreX87, restoreXmm, saveMxcsr, saveX87, saveXmm, xmmCount } from "./fxsave.ts";
import { zeroVector } from "./sse_common.ts";
import { Cr0, Cr4, requireCr4 } from "./system_common.ts";
import { initialise } from "./x87_control.ts";

const HEADER = 512;
const HEADER_END = 576;
const X87 = 1;
const SSE = 2;
const INITIAL_FCW = 0x37f;

/** #UD unless enabled, #NM by CR0.TS, #GP for the alignment; what EDX:EAX asks for of XCR0, as i32. */
function requested(m: Machine, area: Operand): I32 {
  requireCr4(m, Cr4.OSXSAVE);
  m.faultIf(m.ne(m.and(m.state("cr0"), Cr0.TS), 0), Vector.NM);
  m.faultIf(i32.and(i32.wrap_i64(area.linear()), 63), Vector.GP, 0);
  const mask = i32.wrap_i64(m.state("xcr0"));
  return m.let(i32.and(mask, m.reg(Reg.rax, 4) as I32));
}

/** Components that are not in their initial state. */
function inUse(m: Machine): I32 {
  const control = i32.or(i32.ne(m.state("fcw"), INITIAL_FCW), i32.or(m.state("fsw"), m.state("ftw")));
  const pointers = i64.or(m.state("fip"), i64.or(m.state("fdp"), i64.extend_i32_u(m.state("fop"))));
  let registers: V128 = zeroVector();
  for (let n = 0; n < 8; n++) registers = v128.or(registers, m.x87(n));
  let vectors: V128 = zeroVector();
  for (let n = 0; n < 16; n++) vectors = v128.or(vectors, m.xmm(n));
  const x87 = i32.or(i32.or(control, i64.ne(pointers, 0)), v128.any_true(registers));
  return m.let(i32.or(i32.ne(x87, 0), i32.shl(v128.any_true(vectors), 1)));
}

function save(m: Machine, area: Operand, optimised: boolean): void {
  const wanted = requested(m, area);
  area.at(0, 8).read();
  area.at(HEADER_END - 1, 1).read();
  const header = area.at(HEADER, 8);
  const old = header.read() as I64;
  const used = m.let(i32.and(inUse(m), wanted));
  // XSAVEOPT leaves out what is in its initial state.
  const written = optimised ? used : wanted;
  m.if(i32.and(written, X87), () => saveX87(m, area));
  m.if(i32.and(wanted, SSE), () => saveMxcsr(m, area));
  m.if(i32.and(written, SSE), () => saveXmm(m, area));
  const others = i64.and(old, i64.extend_i32_s(i32.xor(wanted, -1)));
  header.write(i64.or(others, i64.extend_i32_u(used)));
}

for (const [suffix, flags] of [["", "[op32]"], ["64", "[op64] [o64]"]] as const) {
  for (const [name, group, optimised] of [["xsave", 4, false], ["xsaveopt", 6, true]] as const) {
    instruction(name + suffix, {
      encodings: [`NP 0F AE /${group} Mxs ${flags} [rare]`],
      access: ["rw"],
      modal: true,
      feature: name,
      openBytes: [28, 32],
      meaning: (m, area) => save(m, area, optimised),
    });
  }
  instruction(`xrstor${suffix}`, {
    encodings: [`NP 0F AE /5 Mxs ${flags} [rare]`],
    access: ["r"],
    modal: true,
    feature: "xsave",
    meaning(m, area) {
      const wanted = requested(m, area);
      area.at(0, 8).read();
      area.at(HEADER_END - 1, 1).read();
      const present = area.at(HEADER, 8).read() as I64;
      // No compacted areas: the words after XSTATE_BV are zero.
      const rest = i64.or(area.at(HEADER + 8, 8).read() as I64, area.at(HEADER + 16, 8).read() as I64);
      const unknown = i64.and(present, i64.xor(m.state("xcr0"), -1n));
      m.faultIf(i64.ne(i64.or(rest, unknown), 0), Vector.GP, 0);
      const mxcsr = m.variable("i32", m.state("mxcsr"));
      m.if(i32.and(wanted, SSE), () => mxcsr.set(readMxcsr(m, area)));
      const there = m.let(i32.and(i32.wrap_i64(present), wanted));
      m.if(i32.and(wanted, X87), () => {
        m.if(i32.and(there, X87), () => restoreX87(m, area), () => {
          initialise(m);
          for (let n = 0; n < 8; n++) m.setX87(n, zeroVector());
        });
      });
      m.if(i32.and(wanted, SSE), () => {
        m.if(i32.and(there, SSE), () => restoreXmm(m, area), () => {
          for (let n = 0; n < xmmCount(m); n++) m.setXmm(n, zeroVector());
        });
      });
      m.setState("mxcsr", mxcsr.get());
    },
  });
}

instruction("xgetbv", {
  encodings: ["NP 0F 01 D0"],
  feature: "xsave",
  unrecorded: "shows what the host has enabled",
  meaning(m) {
    requireCr4(m, Cr4.OSXSAVE);
    m.faultIf(m.ne(m.reg(Reg.rcx, 4), 0), Vector.GP, 0);
    const xcr0 = m.state("xcr0");
    m.setReg(Reg.rax, 4, i32.wrap_i64(xcr0));
    m.setReg(Reg.rdx, 4, i32.wrap_i64(i64.shr_u(xcr0, 32)));
  },
});
