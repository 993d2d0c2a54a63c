/** Bitwise operations on whole XMM registers: the same four for packed singles, packed doubles and integers. */
import { v128 } from "../../wasm/mod.ts";
import type { V128 } from "../../wasm/mod.ts";
import { type SseFeature, vectorBinary } from "./sse_common.ts";

type Operation = (a: V128, b: V128) => V128;
const and: Operation = v128.and;
/** The first operand is the one that is inverted. */
const andNot: Operation = (a, b) => v128.andnot(b, a);
const or: Operation = v128.or;
const xor: Operation = v128.xor;

const rows: [SseFeature, string, string, Operation][] = [
  ["sse", "andps", "NP 0F 54", and],
  ["sse", "andnps", "NP 0F 55", andNot],
  ["sse", "orps", "NP 0F 56", or],
  ["sse", "xorps", "NP 0F 57", xor],
  ["sse2", "andpd", "66 0F 54", and],
  ["sse2", "andnpd", "66 0F 55", andNot],
  ["sse2", "orpd", "66 0F 56", or],
  ["sse2", "xorpd", "66 0F 57", xor],
  ["sse2", "pand", "66 0F DB", and],
  ["sse2", "pandn", "66 0F DF", andNot],
  ["sse2", "por", "66 0F EB", or],
  ["sse2", "pxor", "66 0F EF", xor],
];
for (const [feature, name, encoding, fn] of rows) vectorBinary(feature, name, encoding, fn);
