/**
 * The Machine of handlers in the hot loop. What is rare leaves the loop by a tail call, so that no value has to survive a call there: the
 * compiler keeps the loop's state in registers. An instruction whose memory access misses the TLB is done from its start by the handler
 * outside the loop; a meaning changes nothing before its accesses have succeeded.
 */
import { inlineHelpers } from "../isa/arithmetic.ts";
import type { HelperArguments, HelperName, HelperResult } from "../isa/helpers.ts";
import { type I32, i32, type I64, i64 } from "../wasm/mod.ts";
import { type HandlerVariant, InterpreterMachine } from "./interpreter_machine.ts";
import type { HandlerBuilder, HandlerRef } from "./linkage.ts";
import type { Helpers } from "./machine.ts";
import { REC_REGISTERS } from "./record.ts";
import type { Runtime } from "./runtime.ts";

/** What a handler in the hot loop knows beside its parameters. */
export interface HotCase {
  /** The same handler outside the loop. */
  readonly outside: HandlerRef;
  /** The first eight bytes of the record. */
  readonly head: I64;
}

export class HotMachine extends InterpreterMachine {
  readonly #first: I32;

  constructor(
    runtime: Runtime,
    helpers: Helpers,
    handler: HandlerBuilder,
    ctx: I32,
    rec: I32,
    left: I32,
    variant: HandlerVariant,
    readonly hot: HotCase,
  ) {
    super(runtime, helpers, handler, ctx, rec, left, variant);
    this.#first = rec;
  }

  protected override missed(): void {
    this.handler.returnCall(this.hot.outside, [this.ctx, this.#first, this.left]);
  }

  /** Only slow accesses bounce. */
  override commitBounce(): void {}

  protected override registerOffset(position: number): I32 {
    if (this.rec !== this.#first) return super.registerOffset(position);
    const bits = 8 * (REC_REGISTERS + position);
    return i32.and(i32.wrap_i64(i64.shr_u(this.hot.head, bits)), 0xff);
  }

  /** Segments with limits are rare in 64-bit code. */
  override segmentedLinear(): I64 {
    this.missed();
    return i64.const(0);
  }

  override helper<N extends HelperName>(name: N, ...args: HelperArguments<N>): HelperResult<N> {
    const { f } = this;
    const [a, b, c] = (args as readonly I64[]).map((value) => f.let(value));
    switch (name) {
      case "mulHighSigned":
      case "mulHighUnsigned":
        return inlineHelpers[name as keyof typeof inlineHelpers](f, a, b) as I64 as HelperResult<N>;
      case "divide128":
        f.if(i64.ne(a, 0n), () => this.missed());
        return f.let(i64.div_u(b, c)) as HelperResult<N>;
    }
    return super.helper(name, ...args);
  }
}
