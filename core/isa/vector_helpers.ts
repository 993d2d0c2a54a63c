/** Helpers on whole XMM registers: AES rounds (FIPS 197), carry-less products, comparison of packed text (AMD64 APM volume 4). */
import { i16x8, i32, i64, i64x2, i8x16, v128 } from "../wasm/mod.ts";
import type { FuncRef, I32, ModuleBuilder, V128 } from "../wasm/mod.ts";

export const vectorHelpers = {
  /** (state, round key): AESENC, AESENCLAST, AESDEC, AESDECLAST. */
  aesEncrypt: { params: ["v128", "v128"], result: "v128" },
  aesEncryptLast: { params: ["v128", "v128"], result: "v128" },
  aesDecrypt: { params: ["v128", "v128"], result: "v128" },
  aesDecryptLast: { params: ["v128", "v128"], result: "v128" },
  /** The inverse MixColumns of a round key. */
  aesInverseMixColumns: { params: ["v128"], result: "v128" },
  /** Every byte through the S-box. */
  aesSubstitute: { params: ["v128"], result: "v128" },
  /** 128-bit product of polynomials over GF(2). */
  carrylessMultiply: { params: ["i64", "i64"], result: "v128" },
  /**
   * (a, b, length of a, length of b, control): IntRes2 of PCMPxSTRx, one bit for each element of b; `control` as their immediate,
   * lengths in elements, at most what a register holds.
   */
  compareText: { params: ["v128", "v128", "i32", "i32", "i32"], result: "i32" },
} as const;

export type VectorHelper = keyof typeof vectorHelpers;

/** The S-box: inverse in GF(2^8) modulo x^8+x^4+x^3+x+1, then the affine map (FIPS 197, 5.1.1). */
export function substitutionBox(): Uint8Array {
  const box = new Uint8Array(256);
  let p = 1;
  let q = 1;
  do {
    // p times 3, q divided by 3: q stays the inverse of p.
    p = (p ^ p << 1 ^ (p & 0x80 ? 0x11b : 0)) & 0xff;
    q ^= q << 1;
    q ^= q << 2;
    q ^= q << 4;
    q &= 0xff;
    if (q & 0x80) q ^= 0x09;
    const rotated = (n: number) => (q << n | q >> (8 - n)) & 0xff;
    box[p] = q ^ rotated(1) ^ rotated(2) ^ rotated(3) ^ rotated(4) ^ 0x63;
  } while (p !== 1);
  box[0] = 0x63;
  return box;
}
export function inverseBox(box: Uint8Array): Uint8Array {
  const inverse = new Uint8Array(256);
  box.forEach((to, from) => inverse[to] = from);
  return inverse;
}

/** Each byte replaced by the table's entry: sixteen swizzles, each right where the upper four bits say so and zero elsewhere. */
function lookUp(table: Uint8Array, x: V128): V128 {
  let result: V128 | undefined;
  for (let i = 0; i < 16; i++) {
    const part = i8x16.swizzle(
      v128.const(table.slice(i * 16, i * 16 + 16)),
      i === 0 ? x : v128.xor(x, i8x16.splat(i * 16)),
    );
    result = result ? v128.or(result, part) : part;
  }
  return result!;
}

/** Byte i of the result is byte (i + step * row) mod 16, row being i mod 4: ShiftRows for step 4, its inverse for step 12. */
const shiftedRows = (step: number) => Array.from({ length: 16 }, (_, i) => (i + step * (i & 3)) & 15);
/** Each column's bytes moved up by n. */
const rotatedColumns = (n: number) => Array.from({ length: 16 }, (_, i) => (i & ~3) | (i + n & 3));
const doubled = (x: V128): V128 => v128.xor(i8x16.shl(x, 1), v128.and(i8x16.shr_s(x, 7), i8x16.splat(0x1b)));

type Let = (value: V128) => V128;

/** 2 a0 + 3 a1 + a2 + a3 in each column. */
function mixColumns(bind: Let, x: V128): V128 {
  const twice = bind(doubled(x));
  const turned = (v: V128, n: number) => i8x16.shuffle(v, v, rotatedColumns(n));
  const first = v128.xor(twice, turned(v128.xor(twice, x), 1));
  return v128.xor(first, v128.xor(turned(x, 2), turned(x, 3)));
}
/** 14 a0 + 11 a1 + 13 a2 + 9 a3: MixColumns after adding 4 (a0 + a2) to a0 and a2, and likewise to a1 and a3. */
function inverseMixColumns(bind: Let, x: V128): V128 {
  const four = bind(doubled(doubled(v128.xor(x, i8x16.shuffle(x, x, rotatedColumns(2))))));
  return mixColumns(bind, bind(v128.xor(x, four)));
}

function defineAes(
  module: ModuleBuilder,
): Record<Exclude<VectorHelper, "carrylessMultiply" | "compareText">, FuncRef> {
  const box = substitutionBox();
  const one = { params: ["v128"], results: ["v128"] } as const;
  const two = { params: ["v128", "v128"], results: ["v128"] } as const;
  const substitute = module.func(
    { name: "aesSubstitute", ...one },
    (f, x) => f.return(lookUp(box, x)),
  );
  const substituteBack = module.func(
    { name: "aesSubstituteBack", ...one },
    (f, x) => f.return(lookUp(inverseBox(box), x)),
  );
  const mixBack = module.func(
    { name: "aesInverseMixColumns", ...one },
    (f, x) => f.return(inverseMixColumns((v) => f.let(v), x)),
  );
  const round = (name: VectorHelper, forward: boolean, last: boolean) =>
    module.func({ name, ...two }, (f, state, key) => {
      const rows = f.let(i8x16.shuffle(state, state, shiftedRows(forward ? 4 : 12)));
      const bytes = f.call(forward ? substitute : substituteBack, [rows]);
      const mixed = last ? bytes : forward ? mixColumns((v) => f.let(v), bytes) : f.call(mixBack, [bytes]);
      f.return(v128.xor(mixed, key));
    }) as unknown as FuncRef;
  return {
    aesSubstitute: substitute as unknown as FuncRef,
    aesInverseMixColumns: mixBack as unknown as FuncRef,
    aesEncrypt: round("aesEncrypt", true, false),
    aesEncryptLast: round("aesEncryptLast", true, true),
    aesDecrypt: round("aesDecrypt", false, false),
    aesDecryptLast: round("aesDecryptLast", false, true),
  };
}

function defineCarryless(module: ModuleBuilder): FuncRef {
  const signature = { name: "carrylessMultiply", params: ["i64", "i64"], results: ["v128"] } as const;
  return module.func(signature, (f, a, b) => {
    const low = f.local("i64");
    const high = f.local("i64");
    const left = f.local("i64");
    const place = f.local("i64");
    f.set(left, b);
    f.block((done) => {
      f.loop((again) => {
        f.brIf(done, i64.eqz(left.get()));
        f.set(place, i64.ctz(left.get()));
        f.set(left, i64.and(left.get(), i64.sub(left.get(), 1)));
        f.set(low, i64.xor(low.get(), i64.shl(a, place.get())));
        // A shift by 64 would be one by 0: in two steps.
        f.set(high, i64.xor(high.get(), i64.shr_u(i64.shr_u(a, 1), i64.sub(63, place.get()))));
        f.br(again);
      });
    });
    f.return(i64x2.replace_lane(i64x2.splat(low.get()), 1, high.get()));
  }) as unknown as FuncRef;
}

/** Comparison control: 0 equal any, 1 ranges, 2 equal each, 3 equal ordered. */
function defineCompareText(module: ModuleBuilder): FuncRef {
  const params = ["v128", "v128", "i32", "i32", "i32"] as const;
  const signature = { name: "compareText", params, results: ["i32"] } as const;
  const byteNumbers = () => v128.const(Uint8Array.from({ length: 16 }, (_, i) => i));
  return module.func(signature, (f, a, b, lengthA, lengthB, control) => {
    const result = f.local("i32");
    const how = f.let(i32.and(i32.shr_u(control, 2), 3));
    const isSigned = f.let(i32.and(control, 2));
    const body = (ops: typeof i8x16 | typeof i16x8, size: number) => {
      const numbers = size === 1 ? byteNumbers() : i16x8.const(0, 1, 2, 3, 4, 5, 6, 7);
      const validA = f.let(ops.lt_s(numbers, ops.splat(lengthA)));
      const validB = f.let(ops.lt_s(numbers, ops.splat(lengthB)));
      const bytesOf = v128.and(byteNumbers(), i8x16.splat(size - 1));
      /** Element i of a, in every lane. */
      const element = (i: I32) => i8x16.swizzle(a, i8x16.add(bytesOf, i8x16.splat(i32.mul(i, size))));
      const found = f.local("v128");
      const i = f.local("i32");
      const each = (step: number, action: () => void) =>
        f.block((done) =>
          f.loop((again) => {
            f.brIf(done, i32.ge_s(i32.add(i.get(), step - 1), lengthA));
            action();
            f.set(i, i32.add(i.get(), step));
            f.br(again);
          })
        );
      f.if(i32.eqz(how), () => {
        each(1, () => f.set(found, v128.or(found.get(), ops.eq(b, element(i.get())))));
        f.set(found, v128.and(found.get(), validB));
      });
      f.if(i32.eq(how, 1), () => {
        each(2, () => {
          const low = f.let(element(i.get()));
          const high = f.let(element(i32.add(i.get(), 1)));
          const unsigned = v128.and(ops.ge_u(b, low), ops.le_u(b, high));
          const inside = f.ifExpr("v128", isSigned, v128.and(ops.ge_s(b, low), ops.le_s(b, high)), unsigned);
          f.set(found, v128.or(found.get(), inside));
        });
        f.set(found, v128.and(found.get(), validB));
      });
      f.if(i32.eq(how, 2), () => {
        // Beyond both ends is equal, beyond one is not.
        const equal = v128.and(ops.eq(a, b), v128.and(validA, validB));
        f.set(found, v128.or(equal, v128.not(v128.or(validA, validB))));
      });
      f.if(i32.eq(how, 3), () => {
        // Lanes where some element of a is not found at its distance; past the register's end nothing is asked.
        each(1, () => {
          const differs = v128.not(v128.and(ops.eq(b, element(i.get())), validB));
          const moved = i8x16.swizzle(differs, i8x16.add(byteNumbers(), i8x16.splat(i32.mul(i.get(), size))));
          f.set(found, v128.or(found.get(), moved));
        });
        f.set(found, v128.not(found.get()));
      });
      f.set(result, ops.bitmask(found.get()));
      const negated = i32.select(
        i32.and(control, 0x20),
        ops.bitmask(validB),
        i32.const((1 << 16 / size) - 1),
      );
      f.if(i32.and(control, 0x10), () => f.set(result, i32.xor(result.get(), negated)));
    };
    f.if(i32.and(control, 1), () => body(i16x8, 2), () => body(i8x16, 1));
    f.return(result.get());
  }) as unknown as FuncRef;
}

/** Adds the functions to a module. */
export function defineVectorHelpers(module: ModuleBuilder): Record<VectorHelper, FuncRef> {
  return {
    ...defineAes(module),
    carrylessMultiply: defineCarryless(module),
    compareText: defineCompareText(module),
  };
}
