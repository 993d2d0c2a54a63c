import assert from "node:assert/strict";
import { GNTST, GTF_permit_access, GTF_reading, GTF_readonly, GTF_writing } from "../abi/grant_table.ts";
import { DOMID_SELF, HYPERVISOR } from "../abi/hypercall_numbers.ts";
import { DATA_ADDRESS, PvMachine, SPARE } from "../testing/pv_machine.ts";
import { mapForDom0, unmapForDom0 } from "./dom0.ts";
import { activeGrant, setEntry, sharedEntry } from "./table.ts";

const REF = 8, DOM0 = 0;

Deno.test("Domain-0 maps what is granted to it, and while it does the frame stays what it is", () => {
  const guest = new PvMachine().domain();
  const { domain } = guest;
  const grant = (flags: number, domid = DOM0, frame = SPARE) =>
    setEntry(domain, REF, flags, domid, domain.mfnOf(frame));
  const flags = () => sharedEntry(domain, REF).flags;

  assert.equal(mapForDom0(domain, REF, true), GNTST.general_error);
  assert.equal(mapForDom0(domain, 1 << 20, true), GNTST.bad_gntref);
  grant(GTF_permit_access, 9);
  assert.equal(mapForDom0(domain, REF, true), GNTST.general_error);
  grant(GTF_permit_access | GTF_readonly);
  assert.equal(mapForDom0(domain, REF, false), GNTST.general_error);
  assert.equal(mapForDom0(domain, REF, true), SPARE);
  assert.equal(flags(), GTF_permit_access | GTF_readonly | GTF_reading);
  unmapForDom0(domain, REF, SPARE, true);
  assert.equal(flags(), GTF_permit_access | GTF_readonly);

  grant(GTF_permit_access);
  const before = domain.views.u32[domain.countIndex(SPARE)];
  assert.equal(mapForDom0(domain, REF, false), SPARE);
  assert.equal(mapForDom0(domain, REF, true), SPARE);
  assert.equal(flags(), GTF_permit_access | GTF_reading | GTF_writing);
  // A page table of a frame that a backend writes to: no.
  guest.data.setUint32(0, 0, true);
  guest.data.setBigUint64(8, guest.mfn(SPARE), true);
  const pin = () => guest.call(HYPERVISOR.mmuext_op, DATA_ADDRESS, 1, 0, DOMID_SELF);
  assert.equal(pin(), -22n);
  unmapForDom0(domain, REF, SPARE, false);
  assert.equal(flags(), GTF_permit_access | GTF_reading);
  unmapForDom0(domain, REF, SPARE, true);
  assert.equal(flags(), GTF_permit_access);
  assert.equal(activeGrant(domain, REF).pin, 0);
  assert.equal(domain.views.u32[domain.countIndex(SPARE)], before);

  // A page table is not lent for writing; a frame that is not the domain's own not at all.
  setEntry(domain, REF, GTF_permit_access, DOM0, domain.mfnOf(19));
  assert.equal(mapForDom0(domain, REF, false), GNTST.general_error);
  assert.equal(activeGrant(domain, REF).pin, 0);
  setEntry(domain, REF, GTF_permit_access, DOM0, 5);
  assert.equal(mapForDom0(domain, REF, true), GNTST.bad_page);
});
