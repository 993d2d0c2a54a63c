/** The virtual IDT of a vCPU: what set_trap_table left. */
import { TrapEntry, VcpuState } from "../layout.ts";
import type { Views } from "../struct.ts";
import type { Vcpu } from "../vcpu.ts";

/** One entry in place. */
export class TrapSlot {
  constructor(readonly views: Views, readonly base: number) {}

  get size(): number {
    return TrapEntry.size;
  }

  /** DPL in bits 0-1, bit 2: events are masked on entry. */
  get flags(): number {
    return this.views.u8[this.base + TrapEntry.offsets.flags];
  }

  get cs(): number {
    return this.views.u16[(this.base + TrapEntry.offsets.cs) >>> 1];
  }

  get lo(): number {
    return this.views.i32[(this.base + TrapEntry.offsets.address) >>> 2];
  }

  get hi(): number {
    return this.views.i32[(this.base + TrapEntry.offsets.address + 4) >>> 2];
  }

  /** null_trap_bounce, inverted: a handler is registered. */
  get isSet(): boolean {
    return (this.lo | this.hi) !== 0;
  }

  set(flags: number, cs: number, lo: number, hi: number): void {
    this.views.u8[this.base + TrapEntry.offsets.flags] = flags;
    this.views.u16[(this.base + TrapEntry.offsets.cs) >>> 1] = cs;
    this.views.i32[(this.base + TrapEntry.offsets.address) >>> 2] = lo;
    this.views.i32[(this.base + TrapEntry.offsets.address + 4) >>> 2] = hi;
  }
}

export function trapEntry(vcpu: Vcpu, vector: number): TrapSlot {
  const base = vcpu.state.base + VcpuState.offsets.traps + vector * TrapEntry.size;
  return new TrapSlot(vcpu.domain.views, base);
}
