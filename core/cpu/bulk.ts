/** REP MOVS and REP STOS inside one page at a time, emitted as wasm functions. They do nothing (give 0) when anything is unusual. */
import {
  type FuncRef,
  type FunctionBuilder,
  type I32,
  i32,
  type I64,
  i64,
  type ModuleBuilder,
} from "../wasm/mod.ts";
import { CTX, Flag, TLB_ADDEND, TLB_READ, TLB_WRITE } from "./context.ts";
import { tlbEntry } from "./paging.ts";

export interface BulkFunctions {
  /** (ctx, from, to, count, size): elements moved */
  readonly move: FuncRef<readonly ["i32", "i64", "i64", "i64", "i32"], readonly ["i32"]>;
  /** (ctx, to, count, size, value): elements stored */
  readonly fill: FuncRef<readonly ["i32", "i64", "i64", "i32", "i64"], readonly ["i32"]>;
}

/** Fewer are left to the ordinary loop. */
const WORTH_IT = 4;

export function emitBulk(m: ModuleBuilder): BulkFunctions {
  /** Byte address behind a TLB hit, or leaves with 0. */
  const pointer = (f: FunctionBuilder, ctx: I32, va: I64, tag: number): I32 => {
    const entry = f.let(tlbEntry(ctx, va));
    f.if(i64.ne(i64.load(entry, tag), i64.and(va, -4096n)), () => f.return(i32.const(0)));
    return f.let(i32.add(i32.wrap_i64(va), i32.load(entry, TLB_ADDEND)));
  };
  const forward = (f: FunctionBuilder, ctx: I32) =>
    f.if(i32.and(i32.load(ctx, CTX.eflags), Flag.DF), () => f.return(i32.const(0)));
  /** How many elements lie before the page's end at most. */
  const inPage = (va: I64, size: I32): I32 =>
    i32.div_u(i32.sub(4096, i32.and(i32.wrap_i64(va), 0xfff)), size);
  const least = (f: FunctionBuilder, a: I32, b: I32): I32 => {
    const [x, y] = [f.let(a), f.let(b)];
    return f.let(i32.select(i32.lt_u(x, y), x, y));
  };
  const limited = (f: FunctionBuilder, n: I32, count: I64): I32 => {
    const wide = f.let(i64.extend_i32_u(n));
    return f.let(i32.wrap_i64(i64.select(i64.lt_u(wide, count), wide, count)));
  };

  const move = m.func(
    { name: "bulkMove", params: ["i32", "i64", "i64", "i64", "i32"], results: ["i32"] },
    (f, ctx, from, to, count, size) => {
      const g = f as unknown as FunctionBuilder;
      f.if(i64.lt_u(count, BigInt(WORTH_IT)), () => f.return(i32.const(0)));
      forward(g, ctx);
      const a = pointer(g, ctx, from, TLB_READ);
      const b = pointer(g, ctx, to, TLB_WRITE);
      const n = limited(g, least(g, inPage(from, size), inPage(to, size)), count);
      const bytes = f.let(i32.mul(n, size));
      // A destination inside the source repeats a pattern: one element at a time.
      f.if(i32.lt_u(i32.sub(b, a), bytes), () => f.return(i32.const(0)));
      f.memoryCopy(b, a, bytes);
      f.return(n);
    },
  );

  const fill = m.func(
    { name: "bulkFill", params: ["i32", "i64", "i64", "i32", "i64"], results: ["i32"] },
    (f, ctx, to, count, size, value) => {
      const g = f as unknown as FunctionBuilder;
      f.if(i64.lt_u(count, BigInt(WORTH_IT)), () => f.return(i32.const(0)));
      forward(g, ctx);
      const at = pointer(g, ctx, to, TLB_WRITE);
      const n = limited(g, inPage(to, size), count);
      // The first element crosses the page's end.
      f.if(i32.eqz(n), () => f.return(i32.const(0)));
      const end = f.let(i32.add(at, i32.mul(n, size)));
      const low = f.let(i64.and(value, 0xffn));
      const spread = f.let(i64.mul(low, 0x0101010101010101n));
      const unused = f.let(i64.extend_i32_u(i32.sub(64, i32.shl(size, 3))));
      f.if(i64.eq(i64.shr_u(spread, unused), value), () => {
        f.memoryFill(at, i32.wrap_i64(low), i32.sub(end, at));
        f.return(n);
      });
      const p = f.local("i32");
      f.set(p, at);
      f.loop((again) => {
        f.if(i32.eq(size, 8), () => f.do(i64.store(p.get(), value, 0, 1)), () => {
          f.if(
            i32.eq(size, 4),
            () => f.do(i64.store32(p.get(), value, 0, 1)),
            () => f.do(i64.store16(p.get(), value, 0, 1)),
          );
        });
        f.set(p, i32.add(p.get(), size));
        f.brIf(again, i32.ne(p.get(), end));
      });
      f.return(n);
    },
  );
  return { move, fill };
}
