import assert from "node:assert/strict";
import { DOMID_SELF, HYPERVISOR } from "../abi/hypercall_numbers.ts";
import {
  GNTMAP_host_map,
  GNTMAP_readonly,
  GNTST,
  gnttab_copy,
  gnttab_map_grant_ref,
  GNTTABOP,
  GTF_permit_access,
  GTF_reading,
  GTF_readonly,
  GTF_writing,
} from "../abi/grant_table.ts";
import { DATA_ADDRESS, type PvDomain, PvMachine, SPARE } from "../testing/pv_machine.ts";
import { activeGrant, setEntry } from "./table.ts";

const REF = 8;

function map(d: PvDomain, from: PvDomain, ref: number, flags: number, frame = SPARE) {
  d.data.setBigUint64(0, d.address(frame), true);
  d.data.setUint32(8, flags, true);
  d.data.setUint32(12, ref, true);
  d.data.setUint16(16, from.domain.domid, true);
  assert.equal(d.call(HYPERVISOR.grant_table_op, GNTTABOP.map_grant_ref, DATA_ADDRESS, 1), 0n);
  return {
    status: d.data.getInt16(gnttab_map_grant_ref.offset("status"), true),
    handle: d.data.getUint32(gnttab_map_grant_ref.offset("handle"), true),
    bus: d.data.getBigUint64(gnttab_map_grant_ref.offset("dev_bus_addr"), true),
  };
}

function unmap(d: PvDomain, handle: number, frame = SPARE): number {
  d.data.setBigUint64(0, d.address(frame), true);
  d.data.setBigUint64(8, 0n, true);
  d.data.setUint32(16, handle, true);
  assert.equal(d.call(HYPERVISOR.grant_table_op, GNTTABOP.unmap_grant_ref, DATA_ADDRESS, 1), 0n);
  return d.data.getInt16(20, true);
}

/** Flags of a shared entry. */
const flagsOf = (d: PvDomain, ref: number) =>
  d.domain.views.u16[(d.domain.layout.reserve.grantFrames + ref * 8) >>> 1];

function twoDomains() {
  const pv = new PvMachine();
  const [granter, mapper] = [pv.domain(), pv.domain()];
  const grant = (flags: number, frame = SPARE) =>
    setEntry(granter.domain, REF, flags, mapper.domain.domid, granter.domain.mfnOf(frame));
  return { granter, mapper, grant };
}

Deno.test("a grant is mapped, read and written by the other domain's instructions, and unmapped", () => {
  const { granter, mapper, grant } = twoDomains();
  grant(GTF_permit_access);
  granter.write64(SPARE, 0x18, 0x1122334455667788n);
  const { status, handle, bus } = map(mapper, granter, REF, GNTMAP_host_map);
  assert.equal(status, GNTST.okay);
  assert.equal(bus, granter.mfn(SPARE) << 12n);
  assert.equal(flagsOf(granter, REF), GTF_permit_access | GTF_reading | GTF_writing);
  mapper.run(`mov rbx, ${mapper.address(SPARE)}\nmov rax, [rbx + 0x18]\nadd dword [rbx + 0x20], 7\nend: nop`);
  assert.equal(mapper.get("rax"), 0x1122334455667788n);
  assert.equal(granter.read64(SPARE, 0x20), 7n);
  // While it is mapped for writing it cannot become a page table of its owner.
  granter.data.setUint32(0, 0, true);
  granter.data.setBigUint64(8, granter.mfn(SPARE), true);
  assert.equal(granter.call(HYPERVISOR.mmuext_op, DATA_ADDRESS, 1, 0, DOMID_SELF), -22n);
  assert.equal(unmap(mapper, handle), GNTST.okay);
  assert.equal(flagsOf(granter, REF), GTF_permit_access);
  assert.equal(activeGrant(granter.domain, REF).pin, 0);
  assert.equal(unmap(mapper, handle), GNTST.bad_handle);
});

Deno.test("what is not granted is not mapped", () => {
  const { granter, mapper, grant } = twoDomains();
  assert.equal(map(mapper, granter, REF, GNTMAP_host_map).status, GNTST.general_error);
  assert.equal(map(mapper, granter, 1 << 20, GNTMAP_host_map).status, GNTST.bad_gntref);
  assert.equal(map(mapper, granter, REF, 0).status, GNTST.bad_gntref);
  grant(GTF_permit_access | GTF_readonly);
  assert.equal(map(mapper, granter, REF, GNTMAP_host_map).status, GNTST.general_error);
  const { status, handle } = map(mapper, granter, REF, GNTMAP_host_map | GNTMAP_readonly);
  assert.equal(status, GNTST.okay);
  // A read-only mapping: the write faults, and without a handler that ends the domain.
  assert.equal(unmap(mapper, handle, SPARE + 1), GNTST.general_error);
  mapper.run(`mov rbx, ${mapper.address(SPARE)}\nmov byte [rbx], 1\nend: nop`);
  assert.ok(mapper.isDown);
  setEntry(granter.domain, REF, GTF_permit_access, 99, granter.domain.mfnOf(SPARE + 2));
  assert.equal(map(granter, granter, REF, GNTMAP_host_map).status, GNTST.general_error);
});

Deno.test("copies between domains", () => {
  const { granter, mapper, grant } = twoDomains();
  grant(GTF_permit_access);
  granter.write64(SPARE, 8, 0xabcdn);
  const copy = (fields: {
    source: [bigint, number, number];
    dest: [bigint, number, number];
    length: number;
    flags: number;
  }) => {
    const place = (name: "source" | "dest", [value, domid, offset]: [bigint, number, number]) => {
      mapper.data.setBigUint64(gnttab_copy.offset(name), value, true);
      mapper.data.setUint16(gnttab_copy.offset(`${name}.domid`), domid, true);
      mapper.data.setUint16(gnttab_copy.offset(`${name}.offset`), offset, true);
    };
    place("source", fields.source);
    place("dest", fields.dest);
    mapper.data.setUint16(gnttab_copy.offset("len"), fields.length, true);
    mapper.data.setUint16(gnttab_copy.offset("flags"), fields.flags, true);
    assert.equal(mapper.call(HYPERVISOR.grant_table_op, GNTTABOP.copy, DATA_ADDRESS, 1), 0n);
    return mapper.data.getInt16(gnttab_copy.offset("status"), true);
  };
  const theirs = granter.domain.domid;
  const fromGrant = {
    source: [BigInt(REF), theirs, 8] as [bigint, number, number],
    dest: [mapper.mfn(SPARE), DOMID_SELF, 16] as [bigint, number, number],
    length: 8,
    flags: 1,
  };
  assert.equal(copy(fromGrant), GNTST.okay);
  assert.equal(mapper.read64(SPARE, 16), 0xabcdn);
  assert.equal(flagsOf(granter, REF), GTF_permit_access);
  assert.equal(copy({ ...fromGrant, length: 4096 }), GNTST.bad_copy_arg);
  assert.equal(copy({ ...fromGrant, flags: 0 }), GNTST.permission_denied);
  assert.equal(copy({ ...fromGrant, source: [9n, theirs, 0] }), GNTST.general_error);
  assert.equal(copy({ ...fromGrant, dest: [5n, DOMID_SELF, 0] }), GNTST.bad_page);
  // Not into a page table.
  assert.equal(copy({ ...fromGrant, dest: [mapper.mfn(19), DOMID_SELF, 0] }), GNTST.general_error);
});
