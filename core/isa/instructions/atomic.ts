/** XADD and the compare-and-exchange family. */
import { i32, i64, i64x2 } from "../../wasm/mod.ts";
import type { I64 } from "../../wasm/mod.ts";
import { instruction } from "../instruction.ts";
import { type Machine, Reg } from "../meaning.ts";
import { sizeOf } from "./arith.ts";

export const xadd = instruction("xadd", {
  encodings: ["0F C0 /r Eb,Gb", "0F C1 /r Ev,Gv"],
  access: ["rw", "rw"],
  lockable: true,
  flags: { writes: "OSZAPC" },
  meaning(m, dst, src) {
    const a = dst.read();
    const b = src.read();
    const sum = m.let(m.add(a, b));
    // Memory first, for it may fault; of one register in both places the sum wins.
    if (dst.kind === "mem") dst.write(sum);
    src.write(a);
    if (dst.kind !== "mem") dst.write(sum);
    m.flags.afterAdd(sizeOf(dst), a, b, sum);
  },
});

export const cmpxchg = instruction("cmpxchg", {
  encodings: ["0F B0 /r Eb,Gb", "0F B1 /r Ev,Gv"],
  access: ["rw", "r"],
  lockable: true,
  flags: { writes: "OSZAPC" },
  meaning(m, dst, src) {
    const size = sizeOf(dst);
    const expected = m.reg(Reg.rax, size);
    const found = dst.read();
    const equal = m.let(m.eq(found, expected));
    // Memory is written either way, a register only when they are equal: its upper half stays otherwise.
    const value = src.read();
    if (dst.kind === "mem") dst.write(m.select(equal, value, found));
    m.if(equal, () => {
      if (dst.kind !== "mem") dst.write(value);
    }, () => m.setReg(Reg.rax, size, found));
    m.flags.afterSub(size, expected, found, m.sub(expected, found));
  },
});

const pair = (m: Machine, high: number, low: number): I64 =>
  m.let(i64.or(i64.shl(m.i64(m.reg(high, 4)), 32), m.i64(m.reg(low, 4))));

export const cmpxchg8b = instruction("cmpxchg8b", {
  encodings: ["0F C7 /1 Mq [op16] [op32]"],
  access: ["rw"],
  lockable: true,
  feature: "cx8",
  flags: { writes: "Z" },
  meaning(m, dst) {
    const found = dst.read() as I64;
    const equal = m.let(i64.eq(found, pair(m, Reg.rdx, Reg.rax)));
    dst.write(m.select(equal, pair(m, Reg.rcx, Reg.rbx), found));
    m.if(i32.eqz(equal), () => {
      m.setReg(Reg.rax, 4, m.truncate(found, 4));
      m.setReg(Reg.rdx, 4, m.truncate(i64.shr_u(found, 32), 4));
    });
    m.flags.set({ ZF: equal });
  },
});

export const cmpxchg16b = instruction("cmpxchg16b", {
  encodings: ["0F C7 /1 Mdq [o64] [op64]"],
  access: ["rw"],
  lockable: true,
  feature: "cx16",
  flags: { writes: "Z" },
  meaning(m, dst) {
    const found = dst.readVector();
    const low = m.let(i64x2.extract_lane(found, 0));
    const high = m.let(i64x2.extract_lane(found, 1));
    const matches = i32.and(
      i64.eq(low, m.reg(Reg.rax, 8) as I64),
      i64.eq(high, m.reg(Reg.rdx, 8) as I64),
    );
    const equal = m.let(matches);
    const fresh = i64x2.replace_lane(i64x2.splat(m.reg(Reg.rbx, 8) as I64), 1, m.reg(Reg.rcx, 8) as I64);
    dst.writeVector(m.select(equal, fresh, found));
    m.if(i32.eqz(equal), () => {
      m.setReg(Reg.rax, 8, low);
      m.setReg(Reg.rdx, 8, high);
    });
    m.flags.set({ ZF: equal });
  },
});
