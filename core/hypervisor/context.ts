/** What every hypercall handler, trap and emulation routine is given. */
import type { ContextView } from "../cpu/context.ts";
import type { Engine } from "../cpu/engine.ts";
import type { Domain } from "./domain.ts";
import type { Machine } from "./machine.ts";
import type { Vcpu } from "./vcpu.ts";

export interface HypercallContext {
  readonly machine: Machine;
  /** The caller. */
  readonly domain: Domain;
  readonly vcpu: Vcpu;
  /** This worker's engine for the caller's memory. */
  readonly engine: Engine;
  /** Access to processor contexts of the caller's memory: `view.reg(vcpu.ctx, 0)`. */
  readonly view: ContextView;
}
