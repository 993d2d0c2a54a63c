/**
 * What the x87 descriptions share (AMD64 APM volume 1 chapter 6, volume 5). Registers are kept by physical number: ST(i) is register
 * (TOP + i) mod 8; the tag word is FXSAVE's, a bit for each register that is in use.
 */
import { i32, i64, i64x2 } from "../../wasm/mod.ts";
import type { I32, I64, V128 } from "../../wasm/mod.ts";
import { EARLY, indefinite, Status } from "../float80/core.ts";
import { type Instruction, instruction, type InstructionSpec } from "../instruction.ts";
import { type Machine, type Operand, Vector } from "../meaning.ts";
import { Cr0 } from "./system_common.ts";

/** #NM while CR0.EM or CR0.TS is set. */
export function requireX87(m: Machine): void {
  m.if(m.state("fpuDisabled"), () => {
    m.faultIf(m.ne(m.and(m.state("cr0"), Cr0.EM | Cr0.TS), 0), Vector.NM);
  });
}
/** The waiting instructions report an exception that was left unmasked first. */
export function reportPending(m: Machine): void {
  m.faultIf(i32.and(m.state("fsw"), Status.ES), Vector.MF);
}

export const FSW_TOP = 0x3800;
/** What every instruction that computes clears of FSW. */
const CLEARED: number = Status.C1;
export const CONDITIONS = Status.C0 | Status.C1 | Status.C2 | Status.C3;

/** The unit as an instruction finds it. */
export interface Unit {
  readonly m: Machine;
  readonly fcw: I32;
  readonly fsw: I32;
  readonly ftw: I32;
  readonly top: I32;
  /** Physical number of ST(i). */
  register(i: I32 | number): I32;
  /** i32, not 0 when the register (physical number) is in use. */
  used(register: I32): I32;
}

export function x87(
  name: string,
  spec: Omit<InstructionSpec, "feature" | "meaning"> & {
    meaning(u: Unit, ...operands: Operand[]): void;
  },
): Instruction {
  return instruction(name, {
    ...spec,
    feature: "fpu",
    meaning(m, ...operands) {
      requireX87(m);
      reportPending(m);
      const fsw = m.let(m.state("fsw"));
      const ftw = m.let(m.state("ftw"));
      const top = m.let(i32.and(i32.shr_u(fsw, 11), 7));
      const unit: Unit = {
        m,
        fcw: m.let(m.state("fcw")),
        fsw,
        ftw,
        top,
        register: (i) => i === 0 ? top : m.let(i32.and(i32.add(top, i), 7)),
        used: (register) => i32.and(i32.shr_u(ftw, register), 1),
      };
      spec.meaning(unit, ...operands);
    },
  });
}

export interface Conclusion {
  /** Bits of FSW that `raised` replaces. */
  readonly clears?: I32 | number;
  /** Unmasked exceptions that keep `act` from happening. */
  readonly blocking?: number;
}

/** Puts what an instruction met into FSW, then lets it act unless an unmasked exception stops it. `act` gets the new FSW, to move TOP. */
export function conclude(
  u: Unit,
  raised: I32,
  act: (status: I32) => void,
  { clears = CLEARED, blocking = EARLY }: Conclusion = {},
): void {
  const { m, fcw, fsw } = u;
  const unmasked = m.let(i32.and(i32.and(raised, i32.xor(fcw, -1)), 0x3f));
  // What is found before computing leaves the rest unfound. SF says that C1 tells of the stack.
  const stack = i32.shl(i32.and(raised, Status.SF), 3);
  const early = i32.or(EARLY | Status.SF | CONDITIONS & ~Status.C1, stack);
  const met = i32.select(i32.and(unmasked, EARLY), i32.and(raised, early), raised);
  const summary = i32.select(unmasked, i32.const(Status.ES | Status.BUSY), i32.const(0));
  const status = m.let(
    i32.or(
      i32.or(i32.and(fsw, i32.xor(typeof clears === "number" ? i32.const(clears) : clears, -1)), met),
      summary,
    ),
  );
  m.setState("fsw", status);
  m.if(i32.eqz(i32.and(unmasked, blocking)), () => act(status));
}

const withTop = (status: I32, top: I32): I32 =>
  i32.or(i32.and(status, ~FSW_TOP), i32.shl(i32.and(top, 7), 11));

/** ST(0) is no longer in use, and TOP goes to the next. Call once, last. */
export function pop(u: Unit, status: I32, times = 1): void {
  const { m, top } = u;
  let tags = i32.and(m.state("ftw"), i32.xor(i32.shl(1, top), -1));
  if (times === 2) tags = i32.and(tags, i32.xor(i32.shl(1, u.register(1)), -1));
  m.setState("ftw", tags);
  m.setState("fsw", withTop(status, i32.add(top, times)));
}
export function push(u: Unit, status: I32, value: V128): void {
  const to = u.register(7);
  write(u, to, value);
  u.m.setState("fsw", withTop(status, to));
}
export function moveTop(u: Unit, status: I32, by: number): void {
  u.m.setState("fsw", withTop(status, i32.add(u.top, by)));
}

/** A register (physical number) gets a value and is in use. */
export function write(u: Unit, register: I32, value: V128): void {
  const { m } = u;
  m.setX87(register, value);
  m.setState("ftw", i32.or(m.state("ftw"), i32.shl(1, register)));
}

export const UNDERFLOW = Status.IE | Status.SF;
export const OVERFLOW = Status.IE | Status.SF | Status.C1;

/**
 * The result of `compute` with what it met, or where a register it needs is empty the indefinite and a stack fault. `ready`: i32, not 0 when
 * all are in use.
 */
export function attempt(
  u: Unit,
  ready: I32,
  compute: () => V128,
  fault: number = UNDERFLOW,
): { value: V128; raised: I32 } {
  const { m } = u;
  const value = m.variable("v128", indefinite());
  const raised = m.variable("i32", i32.const(fault));
  m.if(ready, () => {
    value.set(compute());
    raised.set(m.helper("x87Outcome"));
  });
  return { value: m.let(value.get()), raised: m.let(raised.get()) };
}

/** A memory operand of ten bytes. */
export function readExtended(m: Machine, src: Operand): V128 {
  const low = src.at(0, 8).read() as I64;
  const high = i64.extend_i32_u(m.i32(src.at(8, 2).read()));
  return m.let(i64x2.replace_lane(i64x2.splat(low), 1, high));
}
/** To one with "rw" access: all ten bytes are found writable, then they are written unless `blocked`. */
export function writeExtended(m: Machine, dst: Operand, value: V128, blocked: I32): void {
  const low = dst.at(0, 8);
  const high = dst.at(8, 2);
  low.read();
  high.read();
  m.if(i32.eqz(blocked), () => {
    low.write(i64x2.extract_lane(value, 0));
    high.write(i32.and(m.i32(i64x2.extract_lane(value, 1)), 0xffff));
  });
}

/** Reads a memory operand (a single, a double, by size, or an integer); what it gives makes a number of it, for `attempt`. */
export function readNumber(m: Machine, src: Operand, integer: boolean): () => V128 {
  if (!integer) {
    const bits = m.let(m.i64(src.read()));
    return () => m.let(m.helper(src.size === 4 ? "x87FromSingle" : "x87FromDouble", bits));
  }
  const value = m.let(src.readSigned());
  const wide = m.let(value.type === "i64" ? value as I64 : i64.extend_i32_s(value as I32));
  return () => m.let(m.helper("x87FromInteger", wide));
}
