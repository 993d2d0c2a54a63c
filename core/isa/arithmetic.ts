/** Bodies of the integer helpers: what meanings need beyond 64 bits. */
import { i32, i64 } from "../wasm/mod.ts";
import type { FuncRef, FunctionBuilder, I64, ModuleBuilder } from "../wasm/mod.ts";

export type IntegerHelper = "mulHighUnsigned" | "mulHighSigned" | "divide128" | "crc32c";

const low32 = (value: I64): I64 => i64.and(value, 0xffffffffn);

/** High half of a product of two unsigned 64-bit numbers, by 32-bit pieces; `a` and `b` are bound. */
function highProduct(f: Pick<FunctionBuilder, "let">, a: I64, b: I64): I64 {
  const [aLow, aHigh] = [f.let(low32(a)), f.let(i64.shr_u(a, 32))];
  const [bLow, bHigh] = [f.let(low32(b)), f.let(i64.shr_u(b, 32))];
  const low = i64.shr_u(i64.mul(aLow, bLow), 32);
  const first = f.let(i64.add(i64.mul(aHigh, bLow), low));
  const second = f.let(i64.add(i64.mul(aLow, bHigh), low32(first)));
  return i64.add(i64.mul(aHigh, bHigh), i64.add(i64.shr_u(first, 32), i64.shr_u(second, 32)));
}

function signedHighProduct(f: Pick<FunctionBuilder, "let">, a: I64, b: I64): I64 {
  const corrections = i64.add(i64.and(i64.shr_s(a, 63), b), i64.and(i64.shr_s(b, 63), a));
  return i64.sub(highProduct(f, a, b), corrections);
}

/** Helpers short enough to stand where they are used. */
export const inlineHelpers = {
  mulHighUnsigned: highProduct,
  mulHighSigned: signedHighProduct,
} as const;

/**
 * Long division in base 2^32, two digits (Knuth, The Art of Computer Programming 4.3.1, algorithm D): the quotient of high:low by the
 * divisor, for high < divisor.
 */
function longDivision(
  f: FunctionBuilder<["i64", "i64", "i64"], ["i64"]>,
  high: I64,
  low: I64,
  divisor: I64,
): void {
  f.if(i64.eqz(high), () => f.return(i64.div_u(low, divisor)));
  const shift = f.let(i64.clz(divisor));
  const d = f.let(i64.shl(divisor, shift));
  const [dHigh, dLow] = [f.let(i64.shr_u(d, 32)), f.let(low32(d))];
  // A shift by 64 would be one by 0: in two steps.
  const top = f.let(i64.or(i64.shl(high, shift), i64.shr_u(i64.shr_u(low, 1), i64.sub(63, shift))));
  const rest = f.let(i64.shl(low, shift));

  const digit = (above: I64, next: I64): I64 => {
    const quotient = f.local("i64");
    const remainder = f.local("i64");
    f.set(quotient, i64.div_u(above, dHigh));
    f.set(remainder, i64.sub(above, i64.mul(quotient.get(), dHigh)));
    f.block((done) => {
      f.loop((again) => {
        const tooBig = i32.or(
          i64.gt_u(quotient.get(), 0xffffffffn),
          i64.gt_u(i64.mul(quotient.get(), dLow), i64.or(i64.shl(remainder.get(), 32), next)),
        );
        f.brIf(done, i32.eqz(tooBig));
        f.set(quotient, i64.sub(quotient.get(), 1));
        f.set(remainder, i64.add(remainder.get(), dHigh));
        f.brIf(again, i64.le_u(remainder.get(), 0xffffffffn));
      });
    });
    return quotient.get();
  };

  const nextHigh = f.let(i64.shr_u(rest, 32));
  const first = f.let(digit(top, nextHigh));
  const between = f.let(i64.sub(i64.or(i64.shl(top, 32), nextHigh), i64.mul(first, d)));
  const second = digit(between, f.let(low32(rest)));
  f.return(i64.or(i64.shl(first, 32), second));
}

/** The reflected polynomial 0x1EDC6F41, bit by bit: data below the sum, shifted out together. */
const CASTAGNOLI = 0x82f63b78n;

/** Defines the integer helpers in a module. */
export function defineIntegerHelpers(module: ModuleBuilder): Record<IntegerHelper, FuncRef> {
  const two = { params: ["i64", "i64"], results: ["i64"] } as const;
  const mulHighUnsigned = module.func(
    { name: "mulHighUnsigned", ...two },
    (f, a, b) => f.return(highProduct(f, a, b)),
  );
  const mulHighSigned = module.func(
    { name: "mulHighSigned", ...two },
    (f, a, b) => f.return(signedHighProduct(f, a, b)),
  );
  const divide128 = module.func(
    { name: "divide128", params: ["i64", "i64", "i64"], results: ["i64"] },
    longDivision,
  );
  const crc32c = module.func(
    { name: "crc32c", params: ["i32", "i64", "i32"], results: ["i32"] },
    (f, old, data, bytes) => {
      const sum = f.local("i64");
      const left = f.local("i32");
      f.set(sum, i64.xor(i64.extend_i32_u(old), data));
      f.set(left, i32.shl(bytes, 3));
      f.loop((again) => {
        const bit = i64.and(sum.get(), 1);
        f.set(sum, i64.xor(i64.shr_u(sum.get(), 1), i64.and(i64.sub(0, bit), CASTAGNOLI)));
        f.set(left, i32.sub(left.get(), 1));
        f.brIf(again, left.get());
      });
      f.return(i32.wrap_i64(sum.get()));
    },
  );
  return { mulHighUnsigned, mulHighSigned, divide128, crc32c };
}
