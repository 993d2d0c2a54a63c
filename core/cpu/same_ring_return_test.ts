import assert from "node:assert/strict";
import { CTX, Flag } from "./context.ts";
import type { Descriptor } from "./segmentation.ts";
import { TestMachine } from "./testing.ts";

const CODE = 0x400000n, STACK = 0x600000n;
const BOTH_ODD = 0xdeadn << 48n;

/** Ring 3: code64, data, both not accessed, data with a base, code32, read-only data, absent data, ring 0 data, conforming code64. */
const GDT: Record<number, Descriptor> = {
  0x08: { low: 0x0000ffff, high: 0x00affb00 },
  0x10: { low: 0x0000ffff, high: 0x00cff300 },
  0x18: { low: 0x0000ffff, high: 0x00affa00 },
  0x20: { low: 0x0000ffff, high: 0x00cff200 },
  0x28: { low: 0x56781234, high: 0x8a40f34b | 0 },
  0x30: { low: 0x0000ffff, high: 0x00cffb00 },
  0x38: { low: 0x0000ffff, high: 0x00cff100 },
  0x40: { low: 0x0000ffff, high: 0x00cf7300 },
  0x48: { low: 0x0000ffff, high: 0x00cf9300 },
  0x50: { low: 0x0000ffff, high: 0x00afff00 },
};

interface Case {
  readonly name: string;
  readonly rip?: bigint;
  readonly cs?: bigint;
  readonly flags?: bigint;
  readonly ss?: bigint;
  readonly before?: number;
}

const CASES: readonly Case[] = [
  { name: "plain" },
  { name: "high halves of the selectors", cs: 0x0bn | BOTH_ODD, ss: 0x13n | BOTH_ODD },
  { name: "every flag set", flags: 0xffffffffffffffffn & ~BigInt(Flag.TF) },
  { name: "flags cleared", flags: 0n, before: 0xcd5 },
  { name: "I/O privilege, so that IF is taken", flags: 2n, before: Flag.IF | Flag.IOPL },
  { name: "NT", before: Flag.NT },
  { name: "stack with a base and a limit", ss: 0x2bn },
  ...[0x1b, 0x33, 0x3b, 0x53, 0x08, 0x03, 0x5b].map((cs) => ({
    name: `cs ${cs.toString(16)}`,
    cs: BigInt(cs),
  })),
  ...[0x23, 0x3b, 0x43, 0x4b, 0x0b, 0x10, 0x03, 0, 0x5b].map((ss) => (
    { name: `ss ${ss.toString(16)}`, ss: BigInt(ss) }
  )),
  { name: "rip not canonical", rip: 0x800000000000n },
  { name: "highest rip of the lower half", rip: 0x7ffffffff000n },
  { name: "rip of the upper half", rip: 0xffff800000000000n },
];

/** What IRETQ from a frame at `offset` of the stack leaves. An odd one is not the fast way's. */
function outcome(
  { rip = CODE + 0x100n, cs = 0x0bn, flags = 0x8d7n, ss = 0x13n, before = 2 }: Case,
  offset: number,
) {
  const accessed: number[] = [];
  const m = new TestMachine({
    hooks: {
      descriptors: {
        descriptor: (_ctx, selector) => GDT[selector & ~7],
        setAccessed: (_ctx, selector) => void accessed.push(selector),
      },
    },
  });
  m.map(CODE, 1);
  m.map(STACK, 3);
  m.put(1, 0, [0x48, 0xcf]);
  m.put(3, offset, new Uint8Array(new BigUint64Array([rip, cs, flags, STACK + 0xf00n, ss]).buffer));
  m.rip = CODE;
  m.setReg(4, STACK + BigInt(offset));
  m.view.setFlags(m.ctx, before | 2);
  const reason = m.run(1);
  const segments = m.view.u8.slice(m.ctx + CTX.es, m.ctx + CTX.gs + 24).join();
  return {
    reason,
    segments,
    accessed,
    fault: reason === 0 || reason > 3 ? undefined : m.fault,
    rip: m.rip,
    rsp: m.reg(4) === STACK + BigInt(offset) ? "before" : m.reg(4),
    flags: m.flags,
    mode: m.view.get(m.ctx, "mode"),
    cpl: m.view.get(m.ctx, "cpl"),
    retired: m.retired,
  };
}

for (const one of CASES) {
  Deno.test(`IRETQ in its ring: ${one.name}`, () => {
    assert.deepEqual(outcome(one, 0x800), outcome(one, 0x803));
  });
}

Deno.test("IRETQ in its ring: a frame across pages", () => {
  const m = new TestMachine({
    hooks: { descriptors: { descriptor: (_ctx, selector) => GDT[selector & ~7] } },
  });
  m.map(CODE, 1);
  m.map(STACK, 3);
  m.map(STACK + 0x1000n, 5);
  m.put(1, 0, [0x48, 0xcf]);
  const frame = new Uint8Array(
    new BigUint64Array([CODE + 0x100n, 0x0bn, 0x202n, STACK + 0xf00n, 0x13n]).buffer,
  );
  m.put(3, 0xff0, frame.subarray(0, 16));
  m.put(5, 0, frame.subarray(16));
  m.rip = CODE;
  m.setReg(4, STACK + 0xff0n);
  m.run(1);
  assert.deepEqual([m.rip, m.reg(4)], [CODE + 0x100n, STACK + 0xf00n]);
});
