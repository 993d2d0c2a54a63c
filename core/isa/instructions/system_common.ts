/** Checks that several system instructions share. */
import { type Machine, Vector } from "../meaning.ts";

export const Cr0 = { PE: 1, MP: 2, EM: 4, TS: 8 } as const;
export const Cr4 = {
  TSD: 1 << 2,
  PCE: 1 << 8,
  OSFXSR: 1 << 9,
  OSXMMEXCPT: 1 << 10,
  UMIP: 1 << 11,
  FSGSBASE: 1 << 16,
  OSXSAVE: 1 << 18,
} as const;
export const Efer = { SCE: 1, LMA: 1 << 10 } as const;

/** Why the conformance vectors leave these out. */
export const PRIVILEGED = "privileged";
export const HOSTED = "leaves to the host";

/** #UD unless the bit of CR4 is set. */
export function requireCr4(m: Machine, bit: number): void {
  m.faultIf(m.eqz(m.and(m.state("cr4"), bit)), Vector.UD);
}

/** #UD in real mode. (Virtual-8086 mode does not exist here.) */
export function requireProtectedMode(m: Machine): void {
  m.faultIf(m.eqz(m.and(m.state("cr0"), Cr0.PE)), Vector.UD);
}

/** #GP(0) above CPL 0 when the bit of CR4 says so (TSD, UMIP). */
export function cpl0When(m: Machine, bit: number): void {
  m.if(m.ne(m.and(m.state("cr4"), bit), 0), () => m.requireCpl0());
}

/** #GP(0) above CPL 0 unless the bit of CR4 allows it (PCE). */
export function cpl0Unless(m: Machine, bit: number): void {
  m.if(m.eqz(m.and(m.state("cr4"), bit)), () => m.requireCpl0());
}
