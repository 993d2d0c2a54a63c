import assert from "node:assert/strict";
import { EBUSY, EINVAL, EPERM } from "../abi/errno.ts";
import { PvMachine, SPARE, TABLES } from "../testing/pv_machine.ts";
import { allocateFrame, allocateFrames, findRun, isFree } from "./allocator.ts";
import { checkDescriptor } from "./descriptor.ts";
import { adjustHi, adjustLo, entryMfn, isWeaker, PTE, sameMapping } from "./entry.ts";
import { describeType, PageType, TYPE_COUNT_MASK } from "./frame_info.ts";
import { pageTypesOf } from "./page_types.ts";
import { modifyEntry } from "./update.ts";
import { findL1, isCanonical, isGuestAddress, slotOf } from "./walk.ts";

const halves = (value: bigint) =>
  [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))] as const;

function setup() {
  const d = new PvMachine().domain();
  const types = pageTypesOf(d.domain);
  const store = (level: number, table: number, slot: number, value: bigint) => {
    const [lo, hi] = halves(value);
    return modifyEntry(types, level, table, slot, lo, hi);
  };
  return { d, types, store };
}

/** Takes the frames' writable mappings away, so that they can be tables. */
function makeTables(d: ReturnType<typeof setup>["d"], ...frames: number[]): void {
  for (const frame of frames) {
    assert.equal(d.call(14, d.address(frame), d.pte(frame, 5), 2), 0n);
  }
}

Deno.test("entries: bits, adjustment, what counts as weaker", () => {
  assert.equal(entryMfn(0xabcde067 | 0, 0x80012345 | 0), 0x12345abcde);
  assert.equal(adjustLo(1, 7, 0), 0x107);
  assert.equal(adjustLo(1, 3, 0), 7);
  assert.equal(adjustHi(1, 3, 0), PTE.GUEST_KERNEL_HI);
  assert.equal(adjustLo(1, 0x102, 0), 0x102, "absent entries stay");
  assert.equal(adjustLo(4, 1, 0), 0x25);
  assert.ok(sameMapping(0x1007, 0, 0x1f27 | 0x40, PTE.NX_HI));
  assert.ok(!sameMapping(0x1007, 0, 0x1005, 0));
  assert.ok(
    isWeaker(0x1007, 0, 0x1005, 0) && isWeaker(0x1007, 0, 0x2007, 0) && isWeaker(0x1027, 0, 0x1007, 0),
  );
  assert.ok(!isWeaker(0x1005, 0, 0x1007, 0) && !isWeaker(0, 0, 0x1007, 0));
  assert.ok(isWeaker(0x1007, 0, 0x1007, PTE.NX_HI) && !isWeaker(0x1007, PTE.NX_HI, 0x1007, 0));
});

Deno.test("addresses", () => {
  assert.ok(isGuestAddress(0) && isGuestAddress(0x7fff) && isGuestAddress(0xffff8800) && isGuestAddress(-1));
  assert.ok(!isGuestAddress(0x8000) && !isGuestAddress(0xffff8000) && !isGuestAddress(0xffff87ff));
  assert.ok(isCanonical(0x7fff) && isCanonical(0xffff8000 | 0) && !isCanonical(0x8000));
  assert.deepEqual([1, 2, 3, 4].map((level) => slotOf(level, 0x12345678, 0x7f3a)), [0x145, 0x91, 0xe8, 0xfe]);
});

Deno.test("types exclude each other while they are in use", () => {
  const { d, types } = setup();
  const frame = SPARE;
  assert.equal(types.type(frame), PageType.writable);
  assert.equal(types.typeCount(frame), 1);
  assert.equal(types.getType(frame, PageType.l1), -EINVAL);
  assert.equal(types.getType(frame, PageType.writable), 0);
  types.putType(frame);
  makeTables(d, frame);
  assert.equal(types.getType(frame, PageType.seg_desc), 0);
  assert.equal(types.getType(frame, PageType.writable), -EINVAL);
  types.putType(frame);
  assert.equal(types.getType(frame, PageType.writable), 0);
  assert.match(describeType(types.typeInfo(frame)), /^writable\/v 1$/);
  types.putType(frame);
});

Deno.test("an L1 entry: whose page, which bits", () => {
  const { d, types } = setup();
  const get = (value: bigint) => types.getFromL1(...halves(value));
  const info = () => types.typeInfo(SPARE) & TYPE_COUNT_MASK;
  const before = info();
  assert.equal(get(d.pte(SPARE, 7)), 0);
  assert.equal(info(), before + 1);
  types.putFromL1(...halves(d.pte(SPARE, 7)));
  assert.equal(info(), before);
  assert.equal(get(d.pte(SPARE, 7 | PTE.PCD)), -EINVAL);
  assert.equal(get(d.pte(TABLES.l3, 7)), -EBUSY);
  assert.equal(get((1n << 51n) | 7n), -EPERM);
  assert.equal(get(0x000f_ffff_ffff_f007n), -EINVAL);
  const foreign = new PvMachine().domain();
  assert.equal(foreign.mfn(0), d.mfn(0), "another machine: no relation");
  const neighbour = d.pv.domain();
  assert.equal(get(neighbour.pte(SPARE, 5)), -EBUSY);
});

Deno.test("superpages and table bits are refused, a failing table leaves nothing behind", () => {
  const { d, types, store } = setup();
  assert.equal(store(2, TABLES.l2, 5, d.pte(SPARE, 7 | PTE.PSE)), -EINVAL);
  assert.equal(store(3, TABLES.l3, 5, d.pte(TABLES.l2, 7 | PTE.GLOBAL)), -EINVAL);
  assert.equal(store(4, TABLES.l4, 256, 0n), -EINVAL);
  assert.equal(store(4, TABLES.l4, 271, d.pte(TABLES.l3, 7)), -EINVAL);
  assert.equal(store(4, TABLES.l4, 272, d.pte(TABLES.l3, 7)), 0);
  makeTables(d, SPARE);
  const counts = () => [SPARE + 1, SPARE + 2].map((frame) => types.typeInfo(frame));
  const before = counts();
  d.write64(SPARE, 0, d.pte(SPARE + 1, 7));
  d.write64(SPARE, 8, d.pte(SPARE + 2, 7));
  d.write64(SPARE, 16, d.pte(TABLES.l1, 7));
  assert.equal(types.getPageAndType(Number(d.mfn(SPARE)), PageType.l1), -EBUSY);
  assert.deepEqual(counts(), before);
  assert.equal(types.type(SPARE), PageType.none);
});

Deno.test("linear tables: read-only, and only of validated ones", () => {
  const { d, types, store } = setup();
  assert.equal(store(4, TABLES.l4, 300, d.pte(TABLES.l4, 5)), 0, "itself");
  assert.equal(store(4, TABLES.l4, 301, d.pte(TABLES.l4, 7)), -EINVAL, "not writable");
  assert.equal(store(4, TABLES.l4, 300, d.pte(TABLES.l4, 7)), -EINVAL);
  makeTables(d, SPARE, SPARE + 1);
  assert.equal(types.getPageAndType(Number(d.mfn(SPARE)), PageType.l4), 0);
  assert.equal(store(4, SPARE, 1, d.pte(TABLES.l4, 5)), 0, "another one");
  assert.equal(store(4, TABLES.l4, 302, d.pte(SPARE, 5)), -EINVAL, "not in a circle");
  types.putPageAndType(SPARE);
  assert.equal(types.typeCount(SPARE), 0);
  assert.equal(store(3, TABLES.l3, 9, d.pte(TABLES.l3, 5)), 0);
});

Deno.test("an L4 that a guest filled has its Xen slots cleared", () => {
  const { d, types } = setup();
  makeTables(d, SPARE);
  d.write64(SPARE, 257 * 8, d.pte(SPARE + 1, 7));
  assert.equal(types.getPageAndType(Number(d.mfn(SPARE)), PageType.l4), 0);
  assert.equal(d.read64(SPARE, 257 * 8), 0n);
  assert.notEqual(d.read64(TABLES.l4, 256 * 8), 0n, "the machine-to-phys table");
});

Deno.test("walks find the L1 and stop at Xen's range", () => {
  const { d, types } = setup();
  const l4 = Number(d.mfn(TABLES.l4));
  assert.equal(findL1(types, l4, ...halves(d.address(SPARE))), TABLES.l1);
  assert.equal(findL1(types, l4, 0, 0xffff8000), -1);
  assert.equal(findL1(types, l4, 0, 1), -1);
});

Deno.test("frames are given out singly and in rows", () => {
  const pv = new PvMachine();
  const d = pv.domain({ frames: 512, owned: 256 });
  const types = pageTypesOf(d.domain);
  assert.equal(allocateFrame(types), 256);
  assert.equal(allocateFrames(types, 3), 264);
  assert.equal(d.domain.header.totPages, 265);
  assert.equal(findRun(types, 7, (frame) => isFree(types, frame)), 384);
  assert.equal(allocateFrames(types, 9), -1);
  types.putAllocation(264);
  assert.equal(types.putAllocation(264), false);
  assert.equal(d.domain.header.totPages, 264);
});

Deno.test("descriptors: ring 3 only, call gates disarmed, the rest refused", () => {
  const code = 0x00af9b00, data = 0x00cf9300;
  assert.deepEqual(checkDescriptor(0xffff, code), [0xffff, code | 0x6000]);
  assert.deepEqual(checkDescriptor(0xffff, data), [0xffff, data | 0x6000]);
  assert.deepEqual(checkDescriptor(1, 0x12345), [1, 0x12345], "not present");
  assert.equal(checkDescriptor(0, 0x8900), undefined, "a TSS");
  assert.equal(checkDescriptor(0, 0x8e00), undefined, "an interrupt gate");
  const gate = checkDescriptor(0x00330000, 0xec00)!;
  assert.equal(gate[1] & 0x6000, 0);
  assert.equal(gate[0] >>> 16, 0x33);
  assert.equal(checkDescriptor(0xe0080000 | 0, 0xec00), undefined, "into Xen's own segments");
});
