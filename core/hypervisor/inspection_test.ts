/** What a domain is found to hold, beside what it did. */
import assert from "node:assert/strict";
import { GTF_permit_access, GTF_readonly } from "./abi/grant_table.ts";
import { HYPERVISOR, VIRQ } from "./abi/hypercall_numbers.ts";
import { allocUnbound, bindInterdomain, bindIpi, bindVirq, setPending } from "./events/mod.ts";
import { setEntry } from "./grants/table.ts";
import { inspect } from "./inspection.ts";
import { DATA_ADDRESS, PvMachine, SPARE } from "./testing/pv_machine.ts";

Deno.test("event channels with their other ends, VIRQs by name, pending and masked", () => {
  const pv = new PvMachine();
  const [a, b] = [pv.domain(), pv.domain()];
  const unbound = allocUnbound(a.domain, b.domain.domid);
  const waiting = allocUnbound(a.domain, 0);
  const timer = bindVirq(a.domain, VIRQ.TIMER, 0);
  const ipi = bindIpi(a.domain, 0);
  const remotePort = bindInterdomain(b.domain, a.domain.domid, unbound);
  setPending(a.vcpu, ipi);
  const mine = { vcpu: 0, pending: false, masked: false };
  assert.deepEqual(inspect(a.domain).channels, [
    { ...mine, port: 0, state: "reserved" },
    { ...mine, port: unbound, state: "interdomain", remoteDomid: b.domain.domid, remotePort },
    { ...mine, port: waiting, state: "unbound", remoteDomid: 0 },
    { ...mine, port: timer, state: "virq", irq: "timer" },
    { ...mine, port: ipi, state: "ipi", pending: true },
  ]);
});

Deno.test("grants: what is offered, who has it, what others have mapped", () => {
  const pv = new PvMachine();
  const [a, b] = [pv.domain(), pv.domain()];
  const { domid } = b.domain;
  setEntry(a.domain, 8, GTF_permit_access, domid, a.domain.mfnOf(SPARE));
  setEntry(a.domain, 9, GTF_permit_access | GTF_readonly, domid, a.domain.mfnOf(SPARE + 1));
  const offered = (ref: number, frame: number, readOnly: boolean) => ({
    ref,
    kind: "access" as const,
    domid,
    frame: a.domain.mfnOf(frame),
    readOnly,
    isReading: false,
    isWriting: false,
  });
  // Those for the console and XenStore come first.
  const found = () => inspect(a.domain).grants.slice(2);
  assert.deepEqual(found(), [offered(8, SPARE, false), offered(9, SPARE + 1, true)]);
  b.data.setBigUint64(0, b.address(SPARE), true);
  // GNTMAP_host_map
  b.data.setUint32(8, 2, true);
  b.data.setUint32(12, 8, true);
  b.data.setUint16(16, a.domain.domid, true);
  assert.equal(b.call(HYPERVISOR.grant_table_op, 0, DATA_ADDRESS, 1), 0n);
  assert.deepEqual(found()[0], {
    ...offered(8, SPARE, false),
    isReading: true,
    isWriting: true,
  });
  // The entry taken back: it is in use all the same.
  setEntry(a.domain, 8, 0, 0, 0);
  assert.deepEqual([found()[0].domid, found()[0].isWriting], [domid, true]);
  assert.deepEqual([inspect(b.domain).mappings, inspect(a.domain).mappings], [1, 0]);
  assert.equal(inspect(a.domain).grantEntries, 512);
});

Deno.test("frames by type add up to the domain's room, and its pinned tables are counted", () => {
  const { domain } = new PvMachine().domain({ frames: 256, owned: 200 });
  const { pageTypes, pinned, maxPfn } = inspect(domain);
  assert.equal(Object.values(pageTypes).reduce((sum, count) => sum + count), 256);
  assert.equal(pageTypes["not owned"], 56);
  assert.deepEqual([pageTypes.l4, pageTypes.l3, pageTypes.l2, pageTypes.l1], [1, 1, 1, 1]);
  assert.ok(pageTypes.writable > 50, `${pageTypes.writable}`);
  assert.ok(pinned >= 1 && pinned <= 4, `${pinned}`);
  assert.equal(maxPfn, 200);
});
