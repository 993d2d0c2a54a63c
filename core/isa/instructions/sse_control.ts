/** MXCSR. */
import { i32 } from "../../wasm/mod.ts";
import type { I32 } from "../../wasm/mod.ts";
import { Vector } from "../meaning.ts";
import { sse } from "./sse_common.ts";

/** Bits that exist: no misaligned-SSE mode (bit 17), which CPUID does not show. */
export const MXCSR_MASK = 0xffff;

sse("sse", "ldmxcsr", {
  encodings: ["NP 0F AE /2 Md"],
  access: ["r"],
  meaning(m, src) {
    const value = src.read() as I32;
    m.faultIf(i32.ne(i32.and(value, ~MXCSR_MASK), 0), Vector.GP, 0);
    m.setState("mxcsr", value);
  },
});
sse("sse", "stmxcsr", {
  encodings: ["NP 0F AE /3 Md"],
  access: ["w"],
  meaning: (m, dst) => dst.write(m.state("mxcsr")),
});
