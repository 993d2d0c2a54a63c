/** The checker finds what is wrong, and what hostile guests once got wrong stays right. */
import assert from "node:assert/strict";
import { HYPERVISOR, MMUEXT } from "../abi/hypercall_numbers.ts";
import { GNTMAP_host_map, GNTTABOP, GTF_permit_access } from "../abi/grant_table.ts";
import { setEntry } from "../grants/mod.ts";
import { GuestMode } from "../layout.ts";
import { pvSupport } from "../pv_support.ts";
import {
  BASE,
  DATA_ADDRESS,
  type PvDomain,
  PvMachine,
  SPARE,
  STACK_TOP,
  TABLES,
} from "../testing/pv_machine.ts";
import { checkFrames } from "./check.ts";
import { PageType, TYPE_SHIFT, VALIDATED } from "./frame_info.ts";
import { pageTypesOf } from "./page_types.ts";

const REF = 8;

function extended(d: PvDomain, command: number, mfn: bigint): bigint {
  d.data.setUint32(0, command, true);
  d.data.setBigUint64(8, mfn, true);
  return d.call(HYPERVISOR.mmuext_op, DATA_ADDRESS, 1, 0, 0x7ff0);
}

Deno.test("counts that do not agree with the tables are found, and writable tables", () => {
  const d = new PvMachine().domain();
  assert.deepEqual(checkFrames([d.domain]), []);
  const types = pageTypesOf(d.domain);
  types.setCountInfo(SPARE, types.countInfo(SPARE) + 1);
  assert.match(checkFrames([d.domain]).join("\n"), /frame 32 .* has 3 references, 2 are known/);
  types.setCountInfo(SPARE, types.countInfo(SPARE) - 1);

  types.setTypeInfo(SPARE, ((PageType.l1 << TYPE_SHIFT) | VALIDATED | 1) >>> 0);
  assert.match(checkFrames([d.domain]).join("\n"), /is a writable mapping of frame 32, l1/);
  types.setTypeInfo(SPARE, ((PageType.writable << TYPE_SHIFT) | VALIDATED | 1) >>> 0);

  // A TLB that can write to a page table.
  d.run(`mov rax, ${d.address(SPARE)}\nmov [rax], rax\nend: nop`);
  assert.deepEqual(checkFrames([d.domain]), []);
  const slot = (Number(BASE >> 12n) + SPARE) * 8;
  d.write64(TABLES.l1, slot, 0n);
  types.setCountInfo(SPARE, types.countInfo(SPARE) - 1);
  types.setTypeInfo(SPARE, ((PageType.seg_desc << TYPE_SHIFT) | VALIDATED | 1) >>> 0);
  assert.match(checkFrames([d.domain]).join("\n"), /write tag .* of frame 32, seg_desc/);
});

Deno.test("the rings that Domain-0 writes to cannot become page tables", () => {
  const d = new PvMachine().domain();
  for (const ring of [60, 61]) {
    assert.equal(d.call(HYPERVISOR.update_va_mapping, d.address(ring), 0, 2), 0n);
    assert.equal(extended(d, MMUEXT.PIN_L1_TABLE, d.mfn(ring)), -22n);
  }
  assert.deepEqual(checkFrames([d.domain]), []);
});

Deno.test("a grant mapping whose entry the guest overwrote by hand drops its references once", () => {
  const pv = new PvMachine();
  const [granter, mapper] = [pv.domain(), pv.domain()];
  const both = [granter.domain, mapper.domain];
  setEntry(granter.domain, REF, GTF_permit_access, mapper.domain.domid, granter.domain.mfnOf(SPARE));
  for (const frame of [SPARE, SPARE + 1]) {
    mapper.data.setBigUint64(0, mapper.address(frame), true);
    mapper.data.setUint32(8, GNTMAP_host_map, true);
    mapper.data.setUint32(12, REF, true);
    mapper.data.setUint16(16, granter.domain.domid, true);
    assert.equal(mapper.call(HYPERVISOR.grant_table_op, GNTTABOP.map_grant_ref, DATA_ADDRESS, 1), 0n);
  }
  assert.deepEqual(checkFrames(both), []);
  assert.equal(mapper.call(HYPERVISOR.update_va_mapping, mapper.address(SPARE), 0, 2), 0n);
  assert.deepEqual(checkFrames(both), []);
  assert.equal(pvSupport.destroyDomain(mapper.domain), true);
  pv.machine.detach(mapper.domain.domid);
  assert.deepEqual(checkFrames([granter.domain]), []);
});

Deno.test("HYPERVISOR_iret to user mode with rubbish above the selectors stays in user mode", () => {
  const d = new PvMachine().domain();
  assert.equal(extended(d, MMUEXT.NEW_USER_BASEPTR, d.mfn(TABLES.l4)), 0n);
  d.run(`
    mov rsp, ${STACK_TOP}
    mov rax, 0xffffffffffffe02b
    push rax
    push ${STACK_TOP - 0x800n}
    push 0x202
    mov rax, 0xffffffffffffe033
    push rax
    lea rax, [rel end]
    push rax
    push 0
    push 0
    push 0
    push 0
    mov eax, ${HYPERVISOR.iret}
    syscall
    end: nop`);
  assert.equal(d.vcpu.state.guestMode, GuestMode.USER);
});
