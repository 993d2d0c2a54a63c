/** SSE and SSE2 moves between XMM registers, memory and general registers (AMD64 APM volume 4). */
import { i32x4, i64x2, i8x16 } from "../../wasm/mod.ts";
import type { I32, I64 } from "../../wasm/mod.ts";
import { instruction } from "../instruction.ts";
import { type Machine, type Operand, Reg } from "../meaning.ts";
import { sse, type SseFeature, zeroVector } from "./sse_common.ts";

function wholeMove(feature: SseFeature, name: string, load: string, store: string, flag = ""): void {
  sse(feature, name, {
    encodings: [`${load} /r Vdq,Wdq${flag}`, `${store} /r Wdq,Vdq${flag}`],
    access: ["w", "r"],
    meaning: (_m, dst, src) => dst.writeVector(src.readVector()),
  });
}
wholeMove("sse", "movaps", "NP 0F 28", "NP 0F 29");
wholeMove("sse", "movups", "NP 0F 10", "NP 0F 11", " [unaligned]");
wholeMove("sse2", "movapd", "66 0F 28", "66 0F 29");
wholeMove("sse2", "movupd", "66 0F 10", "66 0F 11", " [unaligned]");
wholeMove("sse2", "movdqa", "66 0F 6F", "66 0F 7F");
wholeMove("sse2", "movdqu", "F3 0F 6F", "F3 0F 7F", " [unaligned]");

/** Stores that bypass the cache; order among them is the fences' business, which a wasm memory does not need. */
function streamingMove(feature: SseFeature, name: string, encoding: string): void {
  sse(feature, name, {
    encodings: [`${encoding} /r Mdq,Vdq`],
    access: ["w", "r"],
    meaning: (_m, dst, src) => dst.writeVector(src.readVector()),
  });
}
streamingMove("sse", "movntps", "NP 0F 2B");
streamingMove("sse2", "movntpd", "66 0F 2B");
streamingMove("sse2", "movntdq", "66 0F E7");

/** Between registers the upper part stays; from memory it becomes zero. */
function scalarMove(_m: Machine, dst: Operand, src: Operand): void {
  const value = src.read();
  if (dst.kind === "xmm" && src.kind === "mem") dst.writeVector(zeroExtended(value as I32 | I64));
  else dst.write(value);
}
const zeroExtended = (value: I32 | I64) =>
  value.type === "i64"
    ? i64x2.replace_lane(zeroVector(), 0, value)
    : i32x4.replace_lane(zeroVector(), 0, value);

sse("sse", "movss", {
  encodings: ["F3 0F 10 /r Vss,Wss", "F3 0F 11 /r Wss,Vss"],
  access: ["w", "r"],
  meaning: scalarMove,
});
sse("sse2", "movsd", {
  encodings: ["F2 0F 10 /r Vsd,Wsd", "F2 0F 11 /r Wsd,Vsd"],
  access: ["w", "r"],
  meaning: scalarMove,
});

function lowMove(feature: SseFeature, name: string, load: string, store: string): void {
  sse(feature, name, {
    encodings: [`${load} /r Vq,Mq`, `${store} /r Mq,Vq`],
    access: ["w", "r"],
    meaning: (_m, dst, src) => dst.write(src.read()),
  });
}
lowMove("sse", "movlps", "NP 0F 12", "NP 0F 13");
lowMove("sse2", "movlpd", "66 0F 12", "66 0F 13");

function highMove(feature: SseFeature, name: string, load: string, store: string): void {
  sse(feature, name, {
    encodings: [`${load} /r Vdq,Mq`],
    access: ["rw", "r"],
    meaning(_m, dst, src) {
      const value = src.read() as I64;
      dst.writeVector(i64x2.replace_lane(dst.readVector(), 1, value));
    },
  });
  sse(feature, name, {
    encodings: [`${store} /r Mq,Vdq`],
    access: ["w", "r"],
    meaning: (_m, dst, src) => dst.write(i64x2.extract_lane(src.readVector(), 1)),
  });
}
highMove("sse", "movhps", "NP 0F 16", "NP 0F 17");
highMove("sse2", "movhpd", "66 0F 16", "66 0F 17");

sse("sse", "movhlps", {
  encodings: ["NP 0F 12 /r Vdq,Udq"],
  access: ["rw", "r"],
  meaning: (_m, dst, src) =>
    dst.writeVector(i64x2.replace_lane(dst.readVector(), 0, i64x2.extract_lane(src.readVector(), 1))),
});
sse("sse", "movlhps", {
  encodings: ["NP 0F 16 /r Vdq,Udq"],
  access: ["rw", "r"],
  meaning: (_m, dst, src) =>
    dst.writeVector(i64x2.replace_lane(dst.readVector(), 1, i64x2.extract_lane(src.readVector(), 0))),
});

// A 64-bit destination gets the same zero-extended mask.
sse("sse", "movmskps", {
  encodings: ["NP 0F 50 /r Gd,Udq"],
  access: ["w", "r"],
  meaning: (_m, dst, src) => dst.write(i32x4.bitmask(src.readVector())),
});
sse("sse2", "movmskpd", {
  encodings: ["66 0F 50 /r Gd,Udq"],
  access: ["w", "r"],
  meaning: (_m, dst, src) => dst.write(i64x2.bitmask(src.readVector())),
});
sse("sse2", "pmovmskb", {
  encodings: ["66 0F D7 /r Gd,Udq"],
  access: ["w", "r"],
  meaning: (_m, dst, src) => dst.write(i8x16.bitmask(src.readVector())),
});

sse("sse2", "movd", {
  encodings: ["66 0F 6E /r Vdq,Ey"],
  access: ["w", "r"],
  aliases: ["movq"],
  meaning: (_m, dst, src) => dst.writeVector(zeroExtended(src.read())),
});
sse("sse2", "movd", {
  encodings: ["66 0F 7E /r Ey,Vdq"],
  access: ["w", "r"],
  aliases: ["movq"],
  meaning(_m, dst, src) {
    const vector = src.readVector();
    dst.write(dst.size === 8 ? i64x2.extract_lane(vector, 0) : i32x4.extract_lane(vector, 0));
  },
});
sse("sse2", "movq", {
  encodings: ["F3 0F 7E /r Vq,Wq", "66 0F D6 /r Wq,Vq"],
  access: ["w", "r"],
  meaning(_m, dst, src) {
    const value = src.read();
    if (dst.kind === "xmm") dst.writeVector(zeroExtended(value));
    else dst.write(value);
  },
});
// Not on XMM registers, so CR0 and CR4 have no say.
instruction("movnti", {
  encodings: ["NP 0F C3 /r My,Gy"],
  access: ["w", "r"],
  feature: "sse2",
  meaning: (_m, dst, src) => dst.write(src.read()),
});

sse("sse2", "maskmovdqu", {
  encodings: ["66 0F F7 /r Vdq,Udq"],
  access: ["r", "r"],
  addressed: true,
  meaning(m, src, mask) {
    const size = m.addrSize;
    const bits = m.let(i8x16.bitmask(mask.readVector()));
    m.if(bits, () => {
      const bytes = src.readVector();
      const base = m.reg(Reg.rdi, size);
      const at = (index: I32) => m.let(m.truncate(m.add(base, index), size));
      // Faults as a store of all 16 bytes.
      m.probeWrite(16, "data", base);
      const left = m.variable("i32", bits);
      m.loop(({ again }) => {
        const index = m.let(m.ctz(left.get()) as I32);
        const byte = i8x16.extract_lane_u(i8x16.swizzle(bytes, i8x16.splat(index)), 0);
        m.store(1, "data", at(index), byte);
        left.set(m.and(left.get(), m.sub(left.get(), 1)) as I32);
        m.if(m.ne(left.get(), 0), again);
      });
    });
  },
});
