import assert from "node:assert/strict";
import * as errno from "../abi/errno.ts";
import { DOMID_SELF, HYPERVISOR, MMUEXT } from "../abi/hypercall_numbers.ts";
import { evtchn_alloc_unbound, evtchn_status, EVTCHNOP } from "../abi/event_channel.ts";
import { XENMEM } from "../abi/memory.ts";
import { SCHEDOP } from "../abi/sched.ts";
import { VCPUOP } from "../abi/vcpu.ts";
import { XENVER } from "../abi/version.ts";
import { needsDelivery, setUpcallMask } from "../events/mod.ts";
import { BASE, DATA_ADDRESS, type PvDomain, PvMachine, SPARE, TABLES } from "../testing/pv_machine.ts";
import { HYPERCALLS } from "./table.ts";

const is = (actual: bigint, expected: number) => assert.equal(actual, BigInt(expected));

Deno.test("every hypercall is declared once", () => {
  const numbers = HYPERCALLS.map((entry) => entry.number);
  assert.equal(new Set(numbers).size, numbers.length);
  for (const { name, number } of HYPERCALLS) {
    assert.equal(HYPERVISOR[name as keyof typeof HYPERVISOR], number);
  }
});

Deno.test("unknown numbers and bad pointers give errors", () => {
  const d = new PvMachine().domain();
  for (const number of [11, 31, 43, 47, 63, 64, 1000, 1n << 40n]) is(d.call(number), -errno.ENOSYS);
  // An unmapped page, Xen's own range, a non-canonical address.
  for (const pointer of [0x7000_0000n, 0xffff_8000_0000_0000n, 0xffff_87ff_ffff_f000n, 0x8000_0000_0000n]) {
    is(d.call(HYPERVISOR.xen_version, XENVER.extraversion, pointer), -errno.EFAULT);
    is(d.call(HYPERVISOR.memory_op, XENMEM.current_reservation, pointer), -errno.EFAULT);
    is(d.call(HYPERVISOR.event_channel_op, EVTCHNOP.send, pointer), -errno.EFAULT);
  }
});

Deno.test("SYSCALL leaves rip in rcx and rflags in r11, and everything else as it was", () => {
  const d = new PvMachine().domain();
  const before = d.retired;
  d.run(
    "mov rbx, 0x1234; mov eax, 17; mov edi, 0; xor esi, esi; stc; syscall; after: end: nop".replaceAll(
      ";",
      "\n",
    ),
  );
  is(d.get("rax"), (4 << 16) | 17);
  assert.equal(d.get("rbx"), 0x1234n);
  assert.equal(d.get("rcx"), d.rip);
  assert.equal(d.get("r11") & 0x201n, 0x201n);
  assert.equal(d.retired - before, 6);
});

Deno.test("xen_version", () => {
  const d = new PvMachine().domain();
  is(d.call(HYPERVISOR.xen_version, XENVER.pagesize, 0), 4096);
  is(d.call(HYPERVISOR.xen_version, XENVER.pagesize, DATA_ADDRESS), -errno.EINVAL);
  is(d.call(HYPERVISOR.xen_version, 77, 0), -errno.ENOSYS);
  d.data.setUint32(0, 0, true);
  is(d.call(HYPERVISOR.xen_version, XENVER.get_features, DATA_ADDRESS), 0);
  // No writable page tables: the guest must use hypercalls.
  assert.equal(d.data.getUint32(4, true) & 1, 0);
  d.data.setUint32(0, 1, true);
  is(d.call(HYPERVISOR.xen_version, XENVER.get_features, DATA_ADDRESS), -errno.EINVAL);
  is(d.call(HYPERVISOR.xen_version, XENVER.platform_parameters, DATA_ADDRESS), 0);
  assert.equal(d.data.getBigUint64(0, true), 0xffff_8000_0000_0000n);
});

function page(d: PvDomain, slot: number): bigint {
  return d.read64(TABLES.l1, (Number(BASE) / 4096 + slot) * 8);
}

Deno.test("update_va_mapping validates what it stores", () => {
  const d = new PvMachine().domain();
  const va = d.address(SPARE);
  const update = (value: bigint) => d.call(HYPERVISOR.update_va_mapping, va, value, 2);
  is(update(d.pte(SPARE + 1, 7)), 0);
  assert.equal(page(d, SPARE), d.pte(SPARE + 1, 0x107), "a user page is global too");
  is(update(d.pte(SPARE + 1, 3)), 0);
  assert.equal(page(d, SPARE), d.pte(SPARE + 1, 7n | 1n << 52n), "a kernel page is marked");
  is(update(d.pte(TABLES.l1, 7)), -errno.EBUSY);
  is(update(d.pte(TABLES.l1, 5)), 0);
  is(update(d.pte(SPARE, 0x9f)), -errno.EINVAL);
  is(update(d.pte(100_000, 7)), -errno.EPERM);
  // Xen's own frames of this very memory.
  const { layout } = d.domain;
  for (const part of ["domain", "vcpus", "m2p", "xenTables", "activeGrants", "scratch"] as const) {
    const result = update((BigInt(layout.mfnBase + layout.reserve[part] / 4096) << 12n) | 7n);
    assert.ok(result < 0n, part);
  }
  is(update((BigInt(d.domain.header.sharedInfoMfn) << 12n) | 7n), 0);
  is(update(0n), 0);
  is(d.call(HYPERVISOR.update_va_mapping, 0xffff_8000_0000_0000n, 0, 0), -errno.EINVAL);
});

Deno.test("page tables are pinned, checked and let go", () => {
  const d = new PvMachine().domain();
  const op = (command: number, mfn: bigint) => {
    d.data.setUint32(0, command, true);
    d.data.setBigUint64(8, mfn, true);
    d.data.setBigUint64(16, 0n, true);
    return d.call(HYPERVISOR.mmuext_op, DATA_ADDRESS, 1, 0, DOMID_SELF);
  };
  const [l1, l2, l3, l4] = [SPARE, SPARE + 1, SPARE + 2, SPARE + 3];
  d.write64(l1, 0, d.pte(SPARE + 8, 7));
  d.write64(l2, 0, d.pte(l1, 7));
  d.write64(l3, 0, d.pte(l2, 7));
  d.write64(l4, 0, d.pte(l3, 7));
  // They are mapped writable still.
  is(op(MMUEXT.PIN_L4_TABLE, d.mfn(l4)), -errno.EINVAL);
  for (const frame of [l1, l2, l3, l4]) {
    is(d.call(HYPERVISOR.update_va_mapping, d.address(frame), d.pte(frame, 5), 2), 0);
  }
  is(op(MMUEXT.PIN_L4_TABLE, d.mfn(l4)), 0);
  is(op(MMUEXT.PIN_L3_TABLE, d.mfn(l4)), -errno.EINVAL);
  is(op(MMUEXT.PIN_L4_TABLE, d.mfn(l4)), -errno.EINVAL);
  is(op(MMUEXT.NEW_USER_BASEPTR, d.mfn(l4)), 0);
  // A page in use as a table cannot be mapped writable, nor cleared.
  is(d.call(HYPERVISOR.update_va_mapping, d.address(SPARE + 9), d.pte(l2, 7), 0), -errno.EBUSY);
  is(op(MMUEXT.CLEAR_PAGE, d.mfn(l2)), -errno.EINVAL);
  is(op(MMUEXT.UNPIN_TABLE, d.mfn(l4)), 0);
  is(op(MMUEXT.UNPIN_TABLE, d.mfn(l4)), -errno.EINVAL);
  is(op(MMUEXT.NEW_USER_BASEPTR, 0n), 0);
  for (const frame of [l1, l2, l3, l4]) {
    is(d.call(HYPERVISOR.update_va_mapping, d.address(frame), d.pte(frame, 7), 2), 0);
  }
  is(op(MMUEXT.MARK_SUPER, 0n), -errno.EOPNOTSUPP);
  is(op(MMUEXT.FLUSH_CACHE, 0n), -errno.EACCES);
  is(op(99, 0n), -errno.ENOSYS);
});

Deno.test("mmu_update works through its requests and tells how many are done", () => {
  const d = new PvMachine().domain();
  const slot = Number(BASE) / 4096 + SPARE;
  const entry = (d.mfn(TABLES.l1) << 12n) + BigInt(slot * 8);
  const requests: [bigint, bigint][] = [
    [entry, d.pte(SPARE + 1, 7)],
    // A frame of no table: a plain store.
    [(d.mfn(SPARE + 2) << 12n) + 8n, 0x1234n],
    // machine-to-phys update
    [(d.mfn(SPARE + 3) << 12n) + 1n, 0x777n],
    [entry, d.pte(TABLES.l2, 7)],
    [entry, 0n],
  ];
  requests.forEach(([ptr, value], i) => {
    d.data.setBigUint64(i * 16, ptr, true);
    d.data.setBigUint64(i * 16 + 8, value, true);
  });
  is(
    d.call(HYPERVISOR.mmu_update, DATA_ADDRESS, requests.length, DATA_ADDRESS + 0x800n, DOMID_SELF),
    -errno.EBUSY,
  );
  assert.equal(d.data.getUint32(0x800, true), 3);
  assert.equal(d.read64(SPARE + 2, 8), 0x1234n);
  assert.equal(page(d, SPARE), d.pte(SPARE + 1, 0x107));
  d.run(`mov rbx, 0xffff800000000000\nmov rcx, ${d.mfn(SPARE + 3)}\nmov rax, [rbx + rcx*8]\nend: nop`);
  assert.equal(d.get("rax"), 0x777n);
  is(d.call(HYPERVISOR.mmu_update, DATA_ADDRESS, 1, 0, 5), -errno.ESRCH);
});

Deno.test("event channels within a domain", () => {
  const d = new PvMachine().domain();
  const op = (command: number) => d.call(HYPERVISOR.event_channel_op, command, DATA_ADDRESS);
  d.data.setUint16(0, DOMID_SELF, true);
  d.data.setUint16(2, DOMID_SELF, true);
  is(op(EVTCHNOP.alloc_unbound), 0);
  const port = d.data.getUint32(evtchn_alloc_unbound.offset("port"), true);
  assert.ok(port > 0);
  // bind_interdomain to itself.
  d.data.setUint16(0, DOMID_SELF, true);
  d.data.setUint32(4, port, true);
  is(op(EVTCHNOP.bind_interdomain), 0);
  const local = d.data.getUint32(8, true);
  d.data.setUint16(0, DOMID_SELF, true);
  d.data.setUint32(4, local, true);
  is(op(EVTCHNOP.status), 0);
  assert.equal(d.data.getUint32(evtchn_status.offset("status"), true), 2);
  assert.equal(d.data.getUint32(evtchn_status.offset("u.interdomain.port"), true), port);
  setUpcallMask(d.vcpu, false);
  d.data.setUint32(0, local, true);
  is(op(EVTCHNOP.send), 0);
  assert.ok(needsDelivery(d.vcpu));
  is(op(EVTCHNOP.close), 0);
  is(op(EVTCHNOP.close), -errno.EINVAL);
  d.data.setUint32(0, 0, true);
  d.data.setUint32(4, 0, true);
  is(op(EVTCHNOP.bind_virq), 0);
  is(op(EVTCHNOP.bind_virq), -errno.EEXIST);
  d.data.setUint32(4, 9, true);
  is(op(EVTCHNOP.bind_virq), -errno.ENOENT);
  d.data.setBigUint64(0, d.mfn(SPARE), true);
  d.data.setBigUint64(8, 0n, true);
  is(op(EVTCHNOP.init_control), -errno.ENOSYS);
  d.data.setBigUint64(0, 1n, true);
  is(op(EVTCHNOP.init_control), -errno.EINVAL);
});

Deno.test("event channels between two domains", () => {
  const pv = new PvMachine();
  const [a, b] = [pv.domain(), pv.domain()];
  a.data.setUint16(0, DOMID_SELF, true);
  a.data.setUint16(2, b.domain.domid, true);
  is(a.call(HYPERVISOR.event_channel_op, EVTCHNOP.alloc_unbound, DATA_ADDRESS), 0);
  const port = a.data.getUint32(4, true);
  const bind = (by: PvDomain, domid: number, remote: number) => {
    by.data.setUint16(0, domid, true);
    by.data.setUint32(4, remote, true);
    return by.call(HYPERVISOR.event_channel_op, EVTCHNOP.bind_interdomain, DATA_ADDRESS);
  };
  is(bind(b, a.domain.domid, port + 1), -errno.EINVAL);
  is(bind(b, 77, port), -errno.ESRCH);
  is(bind(a, a.domain.domid, port), -errno.EINVAL);
  is(bind(b, a.domain.domid, port), 0);
  setUpcallMask(a.vcpu, false);
  b.data.setUint32(0, b.data.getUint32(8, true), true);
  is(b.call(HYPERVISOR.event_channel_op, EVTCHNOP.send, DATA_ADDRESS), 0);
  assert.ok(needsDelivery(a.vcpu));
});

Deno.test("memory goes back and comes again", () => {
  const d = new PvMachine().domain();
  const reservation = (frames: number[], domid = DOMID_SELF) => {
    d.data.setBigUint64(0, DATA_ADDRESS + 64n, true);
    d.data.setBigUint64(8, BigInt(frames.length), true);
    d.data.setUint32(16, 0, true);
    d.data.setUint32(20, 0, true);
    d.data.setUint16(24, domid, true);
    frames.forEach((value, i) => d.data.setBigUint64(64 + i * 8, BigInt(value), true));
  };
  const total = () => {
    d.data.setUint16(0, DOMID_SELF, true);
    return d.call(HYPERVISOR.memory_op, XENMEM.current_reservation, DATA_ADDRESS);
  };
  is(total(), 256);
  // Frame 200 is mapped nowhere; SPARE is, and stays until its mapping goes.
  reservation([d.domain.mfnOf(200), d.domain.mfnOf(SPARE), 5]);
  is(d.call(HYPERVISOR.memory_op, XENMEM.decrease_reservation, DATA_ADDRESS), 2);
  is(total(), 255);
  is(d.call(HYPERVISOR.update_va_mapping, d.address(SPARE), 0, 0), 0);
  is(total(), 254);
  reservation([0x111, 0x222, 0x333]);
  is(d.call(HYPERVISOR.memory_op, XENMEM.populate_physmap, DATA_ADDRESS), 2);
  assert.deepEqual(
    [0, 1].map((i) => Number(d.data.getBigUint64(64 + i * 8, true)) - d.domain.mfnBase).sort((a, b) => a - b),
    [SPARE, 200],
  );
  is(total(), 256);
  reservation([0], 4);
  is(d.call(HYPERVISOR.memory_op, XENMEM.populate_physmap, DATA_ADDRESS), 0);
  is(d.call(HYPERVISOR.memory_op, 62, DATA_ADDRESS), -errno.ENOSYS);
});

Deno.test("multicall keeps each result and is not nested", () => {
  const d = new PvMachine().domain();
  const entry = (i: number, op: number, ...args: bigint[]) => {
    d.data.setBigUint64(i * 64, BigInt(op), true);
    args.forEach((value, n) => d.data.setBigUint64(i * 64 + 16 + n * 8, value, true));
  };
  entry(0, HYPERVISOR.xen_version, 0n, 0n);
  entry(1, 60);
  entry(2, HYPERVISOR.multicall, DATA_ADDRESS, 1n);
  entry(3, HYPERVISOR.get_debugreg, 7n);
  is(d.call(HYPERVISOR.multicall, DATA_ADDRESS, 4), 0);
  const result = (i: number) => d.data.getBigInt64(i * 64 + 8, true);
  is(result(0), (4 << 16) | 17);
  is(result(1), -errno.ENOSYS);
  is(result(2), -errno.EINVAL);
  assert.equal(result(3), 0x400n);
});

Deno.test("the memory map ends where the toolstack says, below the most that the domain may have", () => {
  const d = new PvMachine().domain();
  d.domain.header.memoryMapPages = 0x1ff;
  const map = (entries: number) => {
    d.data.setUint32(0, entries, true);
    d.data.setBigUint64(8, DATA_ADDRESS + 64n, true);
    is(d.call(HYPERVISOR.memory_op, XENMEM.memory_map, DATA_ADDRESS), 0);
    return d.data.getUint32(0, true);
  };
  assert.equal(map(1), 1);
  assert.equal(d.data.getBigUint64(64, true), 0n);
  assert.equal(d.data.getBigUint64(72, true), 0x1ffn * 4096n);
  assert.equal(d.data.getUint32(80, true), 1, "RAM");
  assert.equal(map(0), 0);
});

Deno.test("vCPUs: up, down, initialise, areas", () => {
  const d = new PvMachine().domain({ vcpus: 2 });
  const op = (command: number, id: number, at: bigint | number = DATA_ADDRESS) =>
    d.call(HYPERVISOR.vcpu_op, command, id, at);
  is(op(VCPUOP.is_up, 0), 1);
  is(op(VCPUOP.is_up, 1), 0);
  is(op(VCPUOP.is_up, 2), -errno.ENOENT);
  is(op(VCPUOP.up, 1), -errno.EINVAL);
  is(op(VCPUOP.register_runstate_memory_area, 0), 0);
  is(op(VCPUOP.get_runstate_info, 0, DATA_ADDRESS + 0x100n), 0);
  d.data.setBigUint64(0, 500_000n, true);
  is(op(VCPUOP.set_periodic_timer, 0), -errno.EINVAL);
  is(op(VCPUOP.stop_periodic_timer, 0), 0);
  d.data.setBigUint64(0, d.mfn(SPARE), true);
  d.data.setUint32(8, 4090, true);
  is(op(VCPUOP.register_vcpu_info, 0), -errno.ENXIO);
  d.data.setUint32(8, 0x100, true);
  is(op(VCPUOP.register_vcpu_info, 0), 0);
  is(op(VCPUOP.register_vcpu_info, 0), -errno.EINVAL);
  assert.equal(d.domain.views.u8[SPARE * 4096 + 0x100], 1, "everything is pending after the move");
  // Zeroes are no start state: there is no page table in them.
  new Uint8Array(d.domain.memory.buffer, 8 * 4096, 4 * 4096).fill(0);
  is(op(VCPUOP.initialise, 1), -errno.EINVAL);
  is(op(99, 0), -errno.ENOSYS);
});

Deno.test("scheduling: poll looks before it sleeps, block opens the mask", () => {
  const d = new PvMachine().domain();
  d.data.setBigUint64(0, DATA_ADDRESS + 64n, true);
  d.data.setUint32(8, 129, true);
  is(d.call(HYPERVISOR.sched_op, SCHEDOP.poll, DATA_ADDRESS), -errno.EINVAL);
  d.data.setUint32(8, 1, true);
  d.data.setUint32(64, 4000, true);
  is(d.call(HYPERVISOR.sched_op, SCHEDOP.poll, DATA_ADDRESS), -errno.EINVAL);
  assert.equal(d.vcpu.sched.flags, 0);
  is(d.call(HYPERVISOR.sched_op, SCHEDOP.block), 0);
  assert.notEqual(d.vcpu.sched.flags, 0);
  assert.equal(d.domain.views.u8[d.vcpu.state.vcpuInfo + 1], 0);
});

Deno.test("what is Domain-0's is refused", () => {
  const d = new PvMachine().domain();
  d.data.setUint32(0, 1, true);
  d.data.setUint32(4, 0x15, true);
  is(d.call(HYPERVISOR.sysctl, DATA_ADDRESS), -errno.EPERM);
  is(d.call(HYPERVISOR.domctl, DATA_ADDRESS), -errno.EPERM);
  is(d.call(HYPERVISOR.platform_op, DATA_ADDRESS), -errno.EACCES);
  is(d.call(HYPERVISOR.xenpmu_op, 0, DATA_ADDRESS), -errno.EOPNOTSUPP);
  is(d.call(HYPERVISOR.argo_op), -errno.ENOSYS);
  is(d.call(HYPERVISOR.kexec_op), -errno.EPERM);
});
