import type { Form } from "../../core/isa/mod.ts";
import { Flag } from "../../core/cpu/mod.ts";
import type { FormCase } from "./cases.ts";
import { DATA, LOW, type Outcome } from "./format.ts";
import { SHOWN_FLAGS } from "./machine.ts";

const LETTERS: Readonly<Record<string, number>> = {
  O: Flag.OF,
  S: Flag.SF,
  Z: Flag.ZF,
  A: Flag.AF,
  P: Flag.PF,
  C: Flag.CF,
};

/** The flags whose value the description leaves open for this case. */
export function undefinedFlags(form: Form, values: readonly bigint[]): number {
  const rule = form.instruction.flags?.undefined;
  if (!rule) return 0;
  const size = form.operands[0]?.size ?? form.opSize;
  const letters = typeof rule === "string" ? rule : rule({ size, values });
  let mask = 0;
  for (const letter of letters) mask |= LETTERS[letter] ?? 0;
  return mask;
}

type OpenBytes = Form["instruction"]["openBytes"];

/** What differs between the recorded and our outcome, a line each; empty when they agree. */
export function differences(
  one: FormCase,
  recorded: Outcome,
  ours: Outcome,
  openFlags: number,
  open: OpenBytes = undefined,
  approximate = false,
): string[] {
  const found: string[] = [];
  const differ = (what: string, wanted: string | number | bigint, got: string | number | bigint) => {
    if (wanted !== got) found.push(`${what}: recorded ${hex(wanted)}, ours ${hex(got)}`);
  };
  differ("vector", recorded.vector, ours.vector);
  // Outside 64-bit mode the upper halves of registers have no defined value.
  const width = one.bits < 64 ? 0xffffffffn : 0xffffffffffffffffn;
  for (let i = 0; i < (one.bits < 64 ? 8 : 16); i++) {
    differ(`gpr${i}`, recorded.gpr[i] & width, ours.gpr[i] & width);
  }
  differ("rip", BigInt(recorded.rip) & width, BigInt(ours.rip) & width);
  const flags = SHOWN_FLAGS & ~(recorded.vector < 0 ? openFlags : 0);
  differ("flags", recorded.rflags & flags, ours.rflags & flags);
  differ("mxcsr", recorded.mxcsr, ours.mxcsr);
  for (let i = 0; i < 16; i++) {
    const at = i * 16;
    differ(`xmm${i}`, text(recorded.xmm.subarray(at, at + 16)), text(ours.xmm.subarray(at, at + 16)));
  }
  if (recorded.vector === 13 || recorded.vector === 14 || recorded.vector === 12) {
    differ("error code", recorded.error, ours.error);
  }
  if (recorded.vector === 14) differ("cr2", recorded.cr2 & width, ours.cr2 & width);
  if (one.x87) {
    const shown = approximate ? ~C1 : -1;
    differ("fcw", recorded.x87.fcw, ours.x87.fcw);
    differ("fsw", recorded.x87.fsw & shown, ours.x87.fsw & shown);
    differ("ftw", recorded.x87.ftw, ours.x87.ftw);
    for (let i = 0; i < 8; i++) {
      const [wanted, got] = [recorded, ours].map(({ x87 }) => x87.registers.subarray(i * 16, i * 16 + 10));
      if (!approximate || !neighbours(wanted, got)) differ(`x87 register ${i}`, text(wanted), text(got));
    }
  }
  const address = open && one.address !== undefined ? one.address - (one.address < DATA ? LOW : DATA) : 0;
  const [from, to] = open ? [address + open[0], address + open[1]] : [0, 0];
  differ("memory", changes(recorded, from, to), changes(ours, from, to));
  return found;
}

/** C1 of FSW. */
const C1 = 0x200;

/** Whether two x87 registers differ by one in the last place at most. */
function neighbours(a: Uint8Array, b: Uint8Array): boolean {
  const [x, y] = [a, b].map((bytes) => BigInt(`0x${text(bytes)}`));
  const distance = x - y;
  return distance >= -1n && distance <= 1n;
}

/** Without the offsets [from, to). */
function changes(outcome: Outcome, from: number, to: number): string {
  return outcome.memory.filter(([offset]) => offset < from || offset >= to)
    .map(([offset, value]) => `${offset.toString(16)}=${value.toString(16)}`).join(" ");
}

function text(bytes: Uint8Array): string {
  return [...bytes].reverse().map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function hex(value: string | number | bigint): string {
  return typeof value === "string" ? value || "none" : value < 0 ? `${value}` : `0x${value.toString(16)}`;
}

/** One case as text, to see what went wrong. */
export function describe(one: FormCase): string {
  const code = [...one.code].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const gpr = [...one.gpr].map((value, i) => `${i}:${value.toString(16)}`).join(" ");
  const x87 = one.x87
    ? ` x87 fcw ${one.x87.fcw.toString(16)} fsw ${one.x87.fsw.toString(16)} ftw ${one.x87.ftw.toString(16)} ${
      [0, 1, 2, 3, 4, 5, 6, 7].map((i) => `${i}:${text(one.x87!.registers.subarray(i * 16, i * 16 + 10))}`)
        .join(" ")
    }`
    : "";
  return `${one.bits}-bit ${code} flags ${one.rflags.toString(16)} mxcsr ${
    one.mxcsr.toString(16)
  } gpr ${gpr}${x87}`;
}
