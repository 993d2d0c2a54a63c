/** A vCPU's interrupt to itself: pending at once, its upcall a little later. */
import assert from "node:assert/strict";
import { vcpu_info } from "../abi/xen.ts";
import { HYPERVISOR } from "../abi/hypercall_numbers.ts";
import { SCHEDOP } from "../abi/sched.ts";
import { BASE, type PvDomain, PvMachine } from "../testing/pv_machine.ts";
import {
  bindIpi,
  clearPending,
  isPending,
  isUpcallPending,
  markEventsPending,
  send,
  setUpcallMask,
} from "./mod.ts";

const HANDLER = BASE + 0x1000n;
const LOOP = "end: inc rbx\njmp end\ntimes 0x1000 - ($ - $$) nop\nhandler: jmp handler";

/** A domain whose kernel counts in rbx with events enabled. */
function counting(): PvDomain {
  const d = new PvMachine().domain();
  assert.equal(d.call(HYPERVISOR.set_callbacks, HANDLER, 0, 0), 0n);
  d.set("rbx", 0n);
  d.run(LOOP);
  setUpcallMask(d.vcpu, false);
  return d;
}

/** Runs to the upcall. @returns how many instructions that took */
function untilUpcall(d: PvDomain): number {
  const start = d.retired;
  for (let turns = 0; d.rip !== HANDLER; turns++) {
    assert.ok(turns < 10_000, "no upcall");
    d.turn(1);
  }
  return d.retired - start;
}

/** What Linux does in an upcall, and back to where it came. */
function handle(d: PvDomain, port: number, inside: () => void): void {
  const { domain, vcpu } = d;
  domain.views.u8[vcpu.state.vcpuInfo] = 0;
  domain.views.u8.fill(0, vcpu.state.vcpuInfo + SELECTOR, vcpu.state.vcpuInfo + SELECTOR + 8);
  clearPending(domain, port);
  inside();
  // The frame: rcx, r11, rip, cs, rflags, rsp, ss.
  const frame = Number(d.get("rsp") - BASE);
  const word = (index: number) => d.read64(frame >> 12, (frame & 0xfff) + index * 8);
  d.rip = word(2);
  d.set("rsp", word(5));
  setUpcallMask(vcpu, false);
}
const SELECTOR = vcpu_info.offset("evtchn_pending_sel");

Deno.test("a vCPU's interrupt to itself is pending at once and arrives a little later", () => {
  const d = counting();
  const port = bindIpi(d.domain, 0);
  assert.equal(send(d.domain, port, d.vcpu), 0);
  assert.ok(isPending(d.domain, port) && isUpcallPending(d.vcpu));
  const took = untilUpcall(d);
  assert.ok(took >= 1000 && took <= 3000, `${took} instructions`);
});

Deno.test("an event from elsewhere is delivered before the next instruction, and so is an interrupt that joins it", () => {
  const d = counting();
  const port = bindIpi(d.domain, 0);
  assert.equal(send(d.domain, port), 0);
  assert.equal(untilUpcall(d), 1, "the handler's first instruction");
  handle(d, port, () => {});
  markEventsPending(d.vcpu);
  assert.equal(send(d.domain, port, d.vcpu), 0);
  assert.equal(untilUpcall(d), 1);
});

Deno.test("code goes on although every upcall interrupts its own vCPU again", () => {
  const d = counting();
  const port = bindIpi(d.domain, 0);
  const again = () => assert.equal(send(d.domain, port, d.vcpu), 0);
  again();
  for (let upcalls = 0; upcalls < 5; upcalls++) {
    const before = d.get("rbx");
    untilUpcall(d);
    assert.ok(d.get("rbx") - before > 100n, "it counted");
    handle(d, port, again);
  }
});

Deno.test("a vCPU that blocks gets its own interrupt at once", () => {
  const d = counting();
  const port = bindIpi(d.domain, 0);
  assert.equal(send(d.domain, port, d.vcpu), 0);
  assert.equal(d.call(HYPERVISOR.sched_op, SCHEDOP.block, 0), 0n);
  assert.ok(untilUpcall(d) <= 2);
});
