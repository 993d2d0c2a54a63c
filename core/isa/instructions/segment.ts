/** Reading and loading segment registers. Loads leave to the host: they look descriptors up. */
import { instruction } from "../instruction.ts";
import { type SegmentName, Vector } from "../meaning.ts";
import type { I32 } from "../../wasm/mod.ts";
import { HOSTED } from "./system_common.ts";

const SELECTORS: readonly SegmentName[] = ["es", "cs", "ss", "ds", "fs", "gs"];

instruction("mov", {
  encodings: ["8C /r Rv/Mw,Sw"],
  access: ["w", "r"],
  unrecorded: "shows the host's selectors",
  meaning(m, dst, src) {
    m.faultIf(m.ltu(m.const(4, 5), src.number()), Vector.UD);
    const selector = src.read() as I32;
    dst.write(dst.size === 8 ? m.i64(selector) : selector);
  },
});
instruction("mov", {
  encodings: ["8E /r Sw,Ew"],
  access: ["w", "r"],
  flow: "leave",
  unrecorded: HOSTED,
  meaning(m, dst, src) {
    const segment = dst.number();
    m.faultIf(m.or(m.eq(segment, 1), m.ltu(m.const(4, 5), segment)) as I32, Vector.UD);
    m.exit("segload", segment, src.read());
  },
});

const stacked: [SegmentName, push: string, pop: string | undefined][] = [
  ["es", "06 ES [i64]", "07 ES [i64]"],
  ["cs", "0E CS [i64]", undefined],
  ["ss", "16 SS [i64]", "17 SS [i64]"],
  ["ds", "1E DS [i64]", "1F DS [i64]"],
  ["fs", "0F A0 FS [d64]", "0F A1 FS [d64]"],
  ["gs", "0F A8 GS [d64]", "0F A9 GS [d64]"],
];
for (const [segment, push, pop] of stacked) {
  instruction("push", {
    encodings: [push],
    access: ["r"],
    stack: true,
    unrecorded: "shows the host's selectors",
    meaning: (m) => m.push(m.zeroExtend(m.selector(segment), m.opSize)),
  });
  if (pop === undefined) continue;
  instruction("pop", {
    encodings: [pop],
    access: ["w"],
    stack: true,
    flow: "leave",
    unrecorded: HOSTED,
    meaning(m) {
      const value = m.load(m.opSize, "ss", m.stackPointer());
      const number = SELECTORS.indexOf(segment);
      m.exit("segload", number | m.opSize << 8 | m.stackSize << 16, m.and(value, 0xffff));
    },
  });
}

const farPointers: [string, SegmentName, string][] = [
  ["les", "es", "C4 /r Gv,Mp [i64]"],
  ["lds", "ds", "C5 /r Gv,Mp [i64]"],
  ["lss", "ss", "0F B2 /r Gv,Mp"],
  ["lfs", "fs", "0F B4 /r Gv,Mp"],
  ["lgs", "gs", "0F B5 /r Gv,Mp"],
];
for (const [name, segment, encoding] of farPointers) {
  instruction(name, {
    encodings: [encoding],
    access: ["w", "r"],
    flow: "leave",
    unrecorded: HOSTED,
    meaning(m, dst, src) {
      const offset = src.at(0, m.opSize).read();
      const selector = src.at(m.opSize, 2).read();
      const info = m.or(m.shl(dst.number(), 8), SELECTORS.indexOf(segment) | m.opSize << 16);
      m.exit("farload", info, selector, offset);
    },
  });
}
