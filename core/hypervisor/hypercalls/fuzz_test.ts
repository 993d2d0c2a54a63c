/**
 * A guest that makes hypercalls with random and boundary arguments. No exception may pass the hypercall boundary, the hypervisor's own memory
 * must stay out of reach, and every reference count must be what the page tables say at the end.
 */
import assert from "node:assert/strict";
import { HYPERVISOR } from "../abi/hypercall_numbers.ts";
import { PageType, REF_COUNT_MASK, TYPE_COUNT_MASK, typeOf } from "../mm/frame_info.ts";
import { pageTypesOf } from "../mm/page_types.ts";
import { DATA_ADDRESS, type PvDomain, PvMachine, SPARE, STACK_TOP, TABLES } from "../testing/pv_machine.ts";
import { setEntry } from "../grants/mod.ts";
import { HYPERCALLS } from "./table.ts";

const SECONDS = Number(Deno.env.get("FUZZ_SECONDS") ?? 4);
const SEED = Number(Deno.env.get("FUZZ_SEED") ?? 20261121);

/** xorshift32 */
class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed | 1;
  }
  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x >>> 0;
  }
  below(limit: number): number {
    return this.next() % limit;
  }
  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)];
  }
}

function value(random: Random, d: PvDomain): bigint {
  const frame = random.below(140);
  switch (random.below(14)) {
    case 0:
      return BigInt(random.below(48));
    case 1:
      return DATA_ADDRESS + BigInt(random.below(0x3000));
    case 2:
      return DATA_ADDRESS;
    case 3:
      return d.mfn(frame);
    case 4:
      return (d.mfn(frame) << 12n) | BigInt(random.below(0x1000));
    case 5:
      return d.pte(frame, random.pick([1, 3, 5, 7, 0x27, 0x67, 0x87, 0x107]));
    case 6:
      return d.address(frame, random.below(4096));
    case 7:
      return random.pick([
        0xffff_8000_0000_0000n,
        0xffff_87ff_ffff_fff8n,
        0xffff_8800_0000_0000n,
        0x7fff_ffff_f000n,
        0x8000_0000_0000n,
        0xffff_ffff_ffff_ffffn,
        0xffff_ffff_ffff_f000n,
      ]);
    case 8:
      return random.pick([0x7ff0n, 0x7ff1n, 0x7ff2n, 1n, 2n, 0n, 0x7fffn]);
    case 9:
      return BigInt(random.next());
    case 10:
      return (BigInt(random.next()) << 32n) | BigInt(random.next());
    case 11:
      return BigInt(d.domain.mfnOfAddress(random.pick(Object.values(d.domain.layout.reserve))));
    case 12:
      return random.pick([0x80000000n, 0xffffffffn, 0x100000000n, 1n << 63n]);
    default:
      return BigInt(random.below(4));
  }
}

const SKIPPED = new Set<number>([HYPERVISOR.iret]);
const NUMBERS = HYPERCALLS.map((entry) => entry.number).filter((number) => !SKIPPED.has(number));

/** Fills the data page with requests that look right, for the calls that change page tables and grants. @returns their arguments */
function shaped(random: Random, d: PvDomain, number: number): bigint[] | undefined {
  const count = 1 + random.below(6);
  const word = (index: number, to: bigint) => d.data.setBigUint64(index * 8, BigInt.asUintN(64, to), true);
  const frame = () => d.mfn(random.pick([TABLES.l4, TABLES.l3, TABLES.l2, TABLES.l1, ...SPARES]));
  const entry = () =>
    random.below(4) === 0
      ? 0n
      : d.pte(random.pick([...SPARES, TABLES.l2, TABLES.l3, TABLES.l4]), random.pick(FLAGS));
  switch (number) {
    case HYPERVISOR.mmu_update:
      for (let i = 0; i < count; i++) {
        word(
          i * 2,
          (frame() << 12n) + BigInt(random.below(64) * 8 + (random.below(8) === 0 ? random.below(8) : 0)),
        );
        word(i * 2 + 1, entry());
      }
      return [DATA_ADDRESS, BigInt(count), 0n, 0x7ff0n];
    case HYPERVISOR.mmuext_op:
      for (let i = 0; i < count; i++) {
        word(i * 3, BigInt(random.below(21)));
        word(i * 3 + 1, random.below(3) === 0 ? d.address(random.pick(SPARES)) : frame());
        word(i * 3 + 2, random.below(2) === 0 ? frame() : BigInt(random.below(600)));
      }
      return [DATA_ADDRESS, BigInt(count), 0n, 0x7ff0n];
    case HYPERVISOR.update_va_mapping:
      return [d.address(random.pick(SPARES)), entry(), BigInt(random.below(8))];
    case HYPERVISOR.update_descriptor:
      return [(frame() << 12n) + BigInt(random.below(64) * 8), value(random, d)];
    case HYPERVISOR.set_gdt:
      for (let i = 0; i < count; i++) word(i, frame());
      return [DATA_ADDRESS, BigInt(random.below(count * 512 + 1))];
    case HYPERVISOR.memory_op: {
      const order = random.below(8) === 0 ? random.below(4) : 0;
      word(0, DATA_ADDRESS + 256n);
      word(1, BigInt(count));
      word(2, BigInt(order));
      word(3, 0x7ff0n);
      word(4, DATA_ADDRESS + 256n);
      word(5, BigInt(count));
      word(6, BigInt(order));
      word(7, 0x7ff0n);
      word(8, 0n);
      for (let i = 0; i < count; i++) word(32 + i, frame());
      return [random.pick([0n, 1n, 6n, 11n]), DATA_ADDRESS];
    }
    case HYPERVISOR.grant_table_op: {
      const command = random.pick([0n, 1n, 5n, 7n]);
      const ref = 8 + random.below(4);
      setEntry(d.domain, ref, random.pick([1, 5]), d.domain.domid, Number(frame()));
      word(0, command === 5n ? BigInt(ref) : d.address(random.pick(SPARES)));
      word(1, BigInt(random.pick([2, 3, 6, 1, 0x12])) | (BigInt(ref) << 32n));
      word(2, command === 0n ? BigInt(d.domain.domid) : BigInt(random.below(6)));
      return [command, DATA_ADDRESS, 1n];
    }
    default:
      return undefined;
  }
}

const SPARES = Array.from({ length: 24 }, (_, i) => SPARE + i);
const FLAGS = [1, 3, 5, 7, 7, 7, 0x27, 0x67, 0x107, 0x87];

/** The references that page tables of the domain hold, counted anew; compared with what the frames say. */
function checkCounts(d: PvDomain): void {
  const { domain } = d;
  const types = pageTypesOf(domain);
  const typeRefs = new Map<number, number>();
  const add = (frame: number) => typeRefs.set(frame, (typeRefs.get(frame) ?? 0) + 1);
  for (let frame = 0; frame < domain.layout.frames; frame++) {
    const info = types.typeInfo(frame);
    if ((info & TYPE_COUNT_MASK) === 0) continue;
    const level = typeOf(info);
    if (level < PageType.l1 || level > PageType.l4) continue;
    for (let slot = 0; slot < 512; slot++) {
      if (level === PageType.l4 && slot >= 256 && slot < 272) continue;
      const entry = d.read64(frame, slot * 8);
      if ((entry & 1n) === 0n) continue;
      const target = Number((entry >> 12n) & 0xffffffffffn) - domain.mfnBase;
      assert.ok(
        target >= 0 && target < domain.layout.totalFrames,
        `frame ${frame} slot ${slot} maps nobody's frame`,
      );
      assert.ok(
        (types.countInfo(target) & REF_COUNT_MASK) > 0,
        `frame ${frame} slot ${slot} maps a free frame ${target}`,
      );
      const targetType = typeOf(types.typeInfo(target));
      if (level === PageType.l1) {
        if ((entry & 2n) === 0n) continue;
        assert.equal(targetType, PageType.writable, `frame ${target} is writable and of type ${targetType}`);
      } else {
        assert.equal(entry & 0x80n, 0n);
        const linear = targetType === level;
        assert.ok(linear ? (entry & 2n) === 0n : targetType === level - 1, `table ${frame} slot ${slot}`);
        if (target === frame) continue;
      }
      add(target);
    }
  }
  for (const [frame, count] of typeRefs) {
    assert.ok(types.typeCount(frame) >= count, `frame ${frame}: ${types.typeCount(frame)} < ${count}`);
  }
}

Deno.test(`hostile hypercalls, seed ${SEED}`, () => {
  const random = new Random(SEED);
  const start = () => {
    const pv = new PvMachine();
    const victim = pv.domain();
    victim.write64(SPARE, 0, 0x600dn);
    return { d: pv.domain({ vcpus: 2 }), victim };
  };
  let { d, victim } = start();
  const finish = () => {
    checkCounts(d);
    checkCounts(victim);
    assert.equal(victim.read64(SPARE, 0), 0x600dn);
    assert.equal(victim.call(HYPERVISOR.xen_version, 0, 0), (4n << 16n) | 17n);
  };
  let calls = 0, domains = 1;
  const made = new Map<number, number>();
  const results = new Map<string, number>();
  const end = performance.now() + SECONDS * 1000;
  while (performance.now() < end) {
    for (let i = 0; i < 24; i++) d.data.setBigUint64(random.below(48) * 8, value(random, d), true);
    if (random.below(4) === 0) d.data.setUint32(0, random.below(32), true);
    const number = random.below(50) === 0 ? random.next() : random.pick(NUMBERS);
    const wild = Array.from({ length: 5 }, () => value(random, d));
    const args = (random.below(3) === 0 ? undefined : shaped(random, d, number)) ?? wild;
    d.set("rsp", STACK_TOP);
    const result = d.call(number, ...args);
    calls++;
    made.set(number, (made.get(number) ?? 0) + 1);
    if (result < 0n) results.set(`${result}`, (results.get(`${result}`) ?? 0) + 1);
    assert.ok(!d.domain.lock.isHeld, `hypercall ${number} keeps the lock`);
    assert.equal(d.cx.engine.view.get(d.vcpu.ctx, "cpl"), 3);
    d.domain.machine.scheduler.clearFlags(d.vcpu, -1);
    // A guest may ruin its own tables or shut itself down; then another one goes on.
    const isReachable = !d.isDown &&
      d.read64(TABLES.l1, (0x100 + 8) * 8) === d.pte(8, d.read64(TABLES.l1, (0x100 + 8) * 8) & 0xfffn);
    if (!isReachable || calls % 3000 === 0) {
      finish();
      ({ d, victim } = start());
      domains++;
    }
  }
  finish();
  assert.ok(results.size > 5);
  console.log(`${calls} hypercalls of ${made.size} numbers in ${domains} domains`);
});
