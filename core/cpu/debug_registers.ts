/**
 * DR0 to DR3 and DR7 of a vCPU: breakpoints on data and on instructions (AMD64 APM volume 2, 13.1; Intel SDM volume 3, 18.2).
 *
 * While one is enabled the vCPU runs an instruction at a time (Engine.run) and its TLB is not filled, so that every access comes to the slow
 * functions of access.ts, which note here what they meet. Guests arm them for the one process that is being debugged, so only that one is slow.
 */
import { type FuncRef, i32, i64, type ModuleBuilder } from "../wasm/mod.ts";
import { type ContextView, CTX, Flag } from "./context.ts";
import { WRITE } from "./paging.ts";

/** BS of DR6. */
export const DR6_SINGLE_STEP = 0x4000;
const BREAKPOINTS = [0, 1, 2, 3] as const;
/** L0, G0 to L3, G3 of DR7. */
const ENABLED = 0xff;
const Kind = { EXECUTE: 0, WRITE: 1, IO: 2, ACCESS: 3 } as const;
/** LEN field to bytes: 1, 2, 8, 4. */
const LENGTHS = 0x4821;

/** `met(ctx, va, size, kind)`: notes in `debugHits` which enabled data breakpoints an access (READ or WRITE) touches. */
export type MetBreakpoints = FuncRef<readonly ["i32", "i64", "i32", "i32"], readonly []>;

export function emitMetBreakpoints(m: ModuleBuilder): MetBreakpoints {
  return m.func({ name: "metBreakpoints", params: ["i32", "i64", "i32", "i32"], results: [] }, (
    f,
    ctx,
    va,
    size,
    kind,
  ) => {
    const control = f.let(i32.wrap_i64(i64.load(ctx, CTX.dr + 7 * 8)));
    for (const number of BREAKPOINTS) {
      f.if(i32.and(control, 3 << (number * 2)), () => {
        const field = f.let(i32.and(i32.shr_u(control, 16 + number * 4), 15));
        const type = f.let(i32.and(field, 3));
        const matches = i32.or(
          i32.eq(type, Kind.ACCESS),
          i32.and(i32.eq(type, Kind.WRITE), i32.eq(kind, WRITE)),
        );
        f.if(matches, () => {
          const shift = i32.and(field, 12);
          const length = f.let(i64.extend_i32_u(i32.and(i32.shr_u(LENGTHS, shift), 15)));
          const first = f.let(i64.and(i64.load(ctx, CTX.dr + number * 8), i64.sub(0n, length)));
          const overlaps = i32.or(
            i64.lt_u(i64.sub(va, first), length),
            i64.lt_u(i64.sub(first, va), i64.extend_i32_u(size)),
          );
          f.if(overlaps, () => {
            f.do(i32.store(ctx, i32.or(i32.load(ctx, CTX.debugHits), 1 << number), CTX.debugHits));
          });
        });
      });
    }
  });
}

/**
 * Sets a context's debug registers; whoever calls flushes its TLBs when it begins to watch.
 * @param addresses of DR0 to DR3
 * @returns whether a breakpoint is enabled
 */
export function setDebugRegisters(
  view: ContextView,
  ctx: number,
  addresses: readonly bigint[],
  control: number,
): boolean {
  for (const number of BREAKPOINTS) view.setBig(ctx, "dr", addresses[number], number);
  view.setBig(ctx, "dr", BigInt(control >>> 0), 7);
  const kindOf = (number: number) => (control >>> (16 + number * 4)) & 3;
  const watches = BREAKPOINTS.some((number) =>
    (control & ENABLED & (3 << (number * 2))) !== 0 && kindOf(number) !== Kind.IO
  );
  view.set(ctx, "watching", watches ? 1 : 0);
  view.set(ctx, "debugHits", 0);
  return watches;
}

/** DR6's bits of the enabled instruction breakpoints at a linear address; none while RF is set. */
export function instructionBreakpoints(view: ContextView, ctx: number, low: number, high: number): number {
  if (view.get(ctx, "eflags") & Flag.RF) return 0;
  const control = view.i32[(ctx + CTX.dr + 7 * 8) >>> 2];
  let bits = 0;
  for (const number of BREAKPOINTS) {
    if ((control & (3 << (number * 2))) === 0 || ((control >>> (16 + number * 4)) & 3) !== Kind.EXECUTE) {
      continue;
    }
    const at = (ctx + CTX.dr + number * 8) >>> 2;
    if (view.i32[at] === low && view.i32[at + 1] === high) bits |= 1 << number;
  }
  return bits;
}
