/** AES and carry-less multiplication (AMD64 APM volume 4). */
import { i32, i32x4, i64, i64x2, i8x16, v128 } from "../../wasm/mod.ts";
import type { I32, V128 } from "../../wasm/mod.ts";
import { sse, vectorBinary, zeroVector } from "./sse_common.ts";

for (
  const [name, opcode, helper] of [
    ["aesenc", "DC", "aesEncrypt"],
    ["aesenclast", "DD", "aesEncryptLast"],
    ["aesdec", "DE", "aesDecrypt"],
    ["aesdeclast", "DF", "aesDecryptLast"],
  ] as const
) {
  vectorBinary("aes", name, `66 0F 38 ${opcode}`, (a, b, m) => m.helper(helper, a, b));
}
sse("aes", "aesimc", {
  encodings: ["66 0F 38 DB /r Vdq,Wdq"],
  access: ["w", "r"],
  meaning: (m, dst, src) => dst.writeVector(m.helper("aesInverseMixColumns", src.readVector())),
});
/** Doublewords 1 and 3 substituted, each as it is and turned by a byte with the round constant. */
const KEY_BYTES = [4, 5, 6, 7, 5, 6, 7, 4, 12, 13, 14, 15, 13, 14, 15, 12];
sse("aes", "aeskeygenassist", {
  encodings: ["66 0F 3A DF /r Vdq,Wdq,Ib"],
  access: ["w", "r", "r"],
  meaning(m, dst, src, immediate) {
    const bytes = m.let(m.helper("aesSubstitute", src.readVector()));
    const constant = m.let(immediate.read() as I32);
    const round: V128 = i32x4.replace_lane(i32x4.replace_lane(zeroVector(), 1, constant), 3, constant);
    dst.writeVector(v128.xor(i8x16.shuffle(bytes, bytes, KEY_BYTES), round));
  },
});

sse("pclmulqdq", "pclmulqdq", {
  encodings: ["66 0F 3A 44 /r Vdq,Wdq,Ib"],
  access: ["rw", "r", "r"],
  meaning(m, dst, src, immediate) {
    const control = immediate.read() as I32;
    const half = (v: V128, bit: number) =>
      i64.select(i32.and(control, bit), i64x2.extract_lane(v, 1), i64x2.extract_lane(v, 0));
    const [a, b] = [half(dst.readVector(), 1), half(src.readVector(), 16)];
    dst.writeVector(m.helper("carrylessMultiply", a, b));
  },
});
