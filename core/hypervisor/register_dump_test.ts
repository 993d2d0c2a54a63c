import assert from "node:assert/strict";
import { CTX, SEGMENT_SELECTOR } from "../cpu/context.ts";
import { Domain } from "./domain.ts";
import { layoutHypervisor, MACHINE, VcpuState } from "./layout.ts";
import { Machine } from "./machine.ts";
import { peekAddress, registerDump } from "./register_dump.ts";
import { Views } from "./struct.ts";
import { fakeEngine } from "./testing/fake_guest.ts";

/** A domain whose L4 is frame 0, with L3 1, L2 2 and L1 3: linear 0x400000 is frame 4, 0x401000 is absent. */
function domainWithTables(): Domain {
  const machine = new Machine({
    buffer: new SharedArrayBuffer(MACHINE.bytes),
    pcpu: 0,
    clockOffset: 0,
    makeEngine: fakeEngine,
    report: () => {},
  });
  const layout = layoutHypervisor({ frames: 8, vcpus: 1, mfnBase: 1024, codeBytes: 65536 });
  const memory = new WebAssembly.Memory({ initial: layout.pages, maximum: layout.pages, shared: true });
  const state = VcpuState.view(new Views(memory.buffer), layout.reserve.vcpus);
  state.schedIndex = machine.scheduler.add(1, 0);
  const domain = machine.attach({ domid: 1, name: "dump", memory, layout });
  const { u32 } = domain.views;
  const entry = (frame: number, slot: number, to: number, flags = 7) => {
    u32[frame * 1024 + slot * 2] = (1024 + to) * 4096 + flags;
  };
  entry(0, 0, 1);
  entry(1, 0, 2);
  entry(2, 2, 3);
  entry(3, 0, 4);
  // 2 MiB of linear 0x600000, and something that is not this domain's.
  entry(2, 3, 0, 0x87);
  entry(3, 5, 5000);
  const { context } = domain;
  const { ctx } = domain.vcpus[0];
  context.set(ctx, "pagingLevels", 4);
  context.set64(ctx, "rootMfn", 1024, 0);
  return domain;
}

Deno.test("guest memory is looked at through its page tables without a trace", () => {
  const domain = domainWithTables();
  const [vcpu] = domain.vcpus;
  assert.equal(peekAddress(vcpu, 0x400123n), 4 * 4096 + 0x123);
  assert.equal(peekAddress(vcpu, 0x603004n), 3 * 4096 + 4);
  for (const linear of [0x401000n, 0x405000n, 0x800000n, 1n << 40n, 0xffff800000000000n]) {
    assert.equal(peekAddress(vcpu, linear), -1, linear.toString(16));
  }
  assert.equal(domain.views.u32[3 * 1024], (1024 + 4) * 4096 + 7, "no accessed bit");
});

Deno.test("a register dump is what Xen prints", () => {
  const domain = domainWithTables();
  const [vcpu] = domain.vcpus;
  const { context, views } = domain;
  const { ctx } = vcpu;
  for (let n = 0; n < 16; n++) context.setReg(ctx, n, BigInt(n) * 0x1111111111111111n);
  context.setReg(ctx, 4, 0x400fe8n);
  context.set64(ctx, "rip", 0x400002, 0);
  context.setFlags(ctx, 0x246);
  context.i32[(ctx + CTX.cs + SEGMENT_SELECTOR) >>> 2] = 0xe033;
  context.i32[(ctx + CTX.ss + SEGMENT_SELECTOR) >>> 2] = 0xe02b;
  views.u8.set([0x90, 0x90, 0x0f, 0x0b], 4 * 4096);
  views.u32[(4 * 4096 + 0xff0) >>> 2] = 0xabcd;
  assert.deepEqual(registerDump(vcpu).split("\n"), [
    "RIP:    e033:[<0000000000400002>]",
    "RFLAGS: 0000000000000246   EM: 0   CONTEXT: pv guest (d1v0)",
    "rax: 0000000000000000   rbx: 3333333333333333   rcx: 1111111111111111",
    "rdx: 2222222222222222   rsi: 6666666666666666   rdi: 7777777777777777",
    "rbp: 5555555555555555   rsp: 0000000000400fe8   r8:  8888888888888888",
    "r9:  9999999999999999   r10: aaaaaaaaaaaaaaaa   r11: bbbbbbbbbbbbbbbb",
    "r12: cccccccccccccccc   r13: dddddddddddddddd   r14: eeeeeeeeeeeeeeee",
    "r15: ffffffffffffffff   cr0: 0000000000000000   cr4: 0000000000000000",
    "cr3: 0000000000400000   cr2: 0000000000000000",
    "fsb: 0000000000000000   gsb: 0000000000000000   gss: 0000000000000000",
    "ds: 0000   es: 0000   fs: 0000   gs: 0000   ss: e02b   cs: e033",
    "Guest stack trace from rsp=0000000000400fe8:",
    "   0000000000000000 000000000000abcd 0000000000000000",
    "   Fault while accessing guest memory.",
    "Guest code around <0000000000400002>:",
    " -- -- -- -- -- -- 90 90 <0f> 0b 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
  ]);
});
