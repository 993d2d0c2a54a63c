import assert from "node:assert/strict";
import { Flag } from "../../cpu/context.ts";
import { HYPERVISOR, MMUEXT, VMASST_TYPE } from "../abi/hypercall_numbers.ts";
import { markEventsPending, setUpcallMask, upcallMask } from "../events/mod.ts";
import { GuestMode } from "../layout.ts";
import {
  BASE,
  DATA_ADDRESS,
  type PvDomain,
  PvMachine,
  SPARE,
  STACK_TOP,
  TABLES,
} from "../testing/pv_machine.ts";
import { guestCpuid } from "./cpuid.ts";
import { decodePrivileged } from "./instruction.ts";
import { readMsr, writeMsr } from "./msr.ts";

/** Registers a handler for a vector; flags as in trap_info. */
function trap(d: PvDomain, vector: number, address: bigint, flags = 0): void {
  d.data.setUint8(0, vector);
  d.data.setUint8(1, flags);
  d.data.setUint16(2, 0xe033, true);
  d.data.setBigUint64(8, address, true);
  d.data.setBigUint64(24, 0n, true);
  assert.equal(d.call(HYPERVISOR.set_trap_table, DATA_ADDRESS), 0n);
}

/** Words on the stack from an address. */
function stack(d: PvDomain, address: bigint, count: number): bigint[] {
  const frame = Number(address - BASE) >> 12, offset = Number(address) & 0xfff;
  return Array.from({ length: count }, (_, i) => d.read64(frame, offset + i * 8));
}

/** Where handlers are put: the second code page. */
const HANDLER = BASE + 0x1000n;

Deno.test("an exception's frame: rcx, r11, error code, rip, cs and mask, rflags, rsp, ss", () => {
  const d = new PvMachine().domain();
  trap(d, 14, HANDLER, 4);
  setUpcallMask(d.vcpu, false);
  const labels = d.run(
    `mov rcx, 0x1111
     mov r11, 0x2222
     mov rsp, ${STACK_TOP - 8n}
     stc
     std
     here: mov [0x7000abc0], eax
     times 0x1000 - ($ - $$) nop
     end: nop`,
  );
  assert.equal(d.rip, HANDLER);
  const rsp = d.get("rsp");
  assert.equal(rsp % 16n, 0n);
  assert.equal(rsp, STACK_TOP - 16n - 64n);
  const [rcx, r11, error, rip, cs, flags, oldRsp, ss] = stack(d, rsp, 8);
  assert.deepEqual([rcx, r11, error, rip], [0x1111n, 0x2222n, 2n, labels.get("here")]);
  assert.equal(cs, 0xe030n, "RPL 0 says kernel; the mask was clear");
  assert.equal(flags & BigInt(Flag.CF | Flag.DF | Flag.IF | Flag.IOPL), BigInt(Flag.CF | Flag.DF | Flag.IF));
  assert.deepEqual([oldRsp, ss], [STACK_TOP - 8n, 0xe02bn]);
  assert.equal(upcallMask(d.vcpu), 1, "flag 4 masks events");
  // cr2 in vcpu_info.
  assert.equal(d.domain.context.data.getBigUint64(d.vcpu.state.vcpuInfo + 16, true), 0x7000abc0n);
});

Deno.test("an exception without a handler crashes the domain", () => {
  const d = new PvMachine().domain();
  d.run("ud2\nend: nop");
  assert.ok(d.isDown);
  assert.ok(d.pv.reports.some((report) => report.kind === "shutdown" && report.dump?.includes("#UD")));
});

Deno.test("a kernel stack that cannot be written crashes the domain", () => {
  const d = new PvMachine().domain();
  trap(d, 6, HANDLER);
  d.run("mov rsp, 0x7000\nud2\nend: nop");
  assert.ok(d.isDown);
});

/** To user mode and back: HYPERVISOR_iret, then SYSCALL to the registered callback. */
const USER = `
  mov rdi, 0
  mov rsi, 0
  mov rdx, handler
  mov eax, ${HYPERVISOR.set_callbacks}
  syscall
  mov rdi, 0xe02b
  mov rsi, ${STACK_TOP - 0x100n}
  mov eax, ${HYPERVISOR.stack_switch}
  syscall
  mov rax, ${STACK_TOP - 0x800n}
  push 0xe02b
  push rax
  push 0x203
  push 0xe033
  mov rax, user
  push rax
  push 0
  push 0x33
  push 0x44
  push 0x55
  mov eax, ${HYPERVISOR.iret}
  syscall
user:
  mov r10, rax
  mov r9, rcx
  mov rbx, 0x99
  mov eax, 7
  syscall
back:
  nop
handler:
end: nop`;

Deno.test("HYPERVISOR_iret enters user mode, SYSCALL comes back on the kernel's stack", () => {
  const d = new PvMachine().domain();
  d.data.setUint32(0, MMUEXT.NEW_USER_BASEPTR, true);
  d.data.setBigUint64(8, d.mfn(TABLES.l4), true);
  assert.equal(d.call(HYPERVISOR.mmuext_op, DATA_ADDRESS, 1, 0, 0x7ff0), 0n);
  d.vcpu.state.gsBaseUserLo = 0x5000;
  const labels = d.run(USER);
  assert.equal(d.vcpu.state.guestMode, GuestMode.KERNEL);
  assert.equal(d.vcpu.state.gsBaseUserLo, 0x5000, "GS is swapped twice");
  assert.deepEqual([d.get("r10"), d.get("r9"), d.get("rbx"), d.get("rax")], [0x55n, 0x33n, 0x99n, 7n]);
  const rsp = d.get("rsp");
  assert.equal(rsp, STACK_TOP - 0x100n - 56n);
  const [rcx, r11, rip, cs, flags, oldRsp, ss] = stack(d, rsp, 7);
  assert.equal(rip, labels.get("back"));
  assert.equal(rcx, rip);
  assert.equal(r11 & 0xffn, 0x03n);
  assert.equal(flags & 0x203n, 0x203n);
  assert.deepEqual([cs, oldRsp, ss], [0xe033n, STACK_TOP - 0x800n, 0xe02bn]);
});

Deno.test("to user mode without user tables: the domain crashes", () => {
  const d = new PvMachine().domain();
  d.run(USER);
  assert.ok(d.isDown);
});

Deno.test("INT n obeys the DPL of the guest's table", () => {
  const d = new PvMachine().domain();
  trap(d, 0x80, HANDLER, 3);
  trap(d, 13, HANDLER, 0);
  const body = (vector: number) => `here: int ${vector}\nafter: times 0x1000 - ($ - $$) nop\nend: nop`;
  let labels = d.run(body(0x80));
  assert.equal(stack(d, d.get("rsp"), 3)[2], labels.get("after"));
  labels = d.run(body(0x81));
  // #GP with the vector and the IDT bit, at the instruction.
  assert.deepEqual(stack(d, d.get("rsp"), 4).slice(2), [BigInt(0x81 * 8 + 2), labels.get("here")]);
});

Deno.test("an event upcall is delivered when it is not masked", () => {
  const d = new PvMachine().domain();
  assert.equal(d.call(HYPERVISOR.set_callbacks, HANDLER, 0, 0), 0n);
  markEventsPending(d.vcpu);
  assert.equal(upcallMask(d.vcpu), 1);
  d.run("nop\nnop\nend: nop");
  assert.equal(d.rip, BASE + 2n);
  setUpcallMask(d.vcpu, false);
  d.run("nop\ntimes 0x1000 - ($ - $$) nop\nend: jmp end");
  assert.equal(d.rip, HANDLER);
  assert.equal(upcallMask(d.vcpu), 1);
  assert.equal(stack(d, d.get("rsp"), 3)[2], BASE);
});

Deno.test("privileged instructions that Xen emulates", () => {
  const d = new PvMachine().domain();
  d.run(`mov rax, cr0
    mov rbx, cr3
    mov rdx, cr4
    mov r8, rdx
    mov r9, rax
    or rax, 8
    mov cr0, rax
    mov rax, cr0
    mov r10, rax
    clts
    mov rax, cr0
    mov rcx, 0xc0000101
    mov r11, rax
    mov eax, 0x5000
    mov edx, 0x12
    wrmsr
    xor eax, eax
    xor edx, edx
    rdmsr
    end: nop`);
  assert.equal(d.get("rbx"), d.mfn(TABLES.l4) << 12n);
  assert.equal(d.get("r8"), 0x660n);
  assert.equal(d.get("r9"), 0x80050033n);
  assert.equal(d.get("r10"), 0x8005003bn);
  assert.equal(d.get("r11"), 0x80050033n);
  assert.deepEqual([d.get("rax"), d.get("rdx")], [0x5000n, 0x12n]);
  // Before there is a handler for #GP, unknown MSRs read as 0 and their writes fault.
  d.run("mov ecx, 0x12345\nrdmsr\nend: nop");
  assert.equal(d.get("rax"), 0n);
  d.run("hlt\nend: nop");
  assert.ok(d.isDown, "HLT is not emulated");
});

Deno.test("MSRs of AMD's line read and write as Xen 4.17 has them", () => {
  const { cx } = new PvMachine().domain();
  const DE_CFG = 0xc0011029, PATCHLEVEL = 0x8b, APERF = 0xe8;
  // Counters, HWCR, NB_CFG, frequency and power states, MMIO_CONF_BASE.
  for (const index of [0xc0010000, 0xc0010207, 0xc0010015, 0xc001001f, 0xc0010042, 0xc001006b, 0xc0010058]) {
    assert.deepEqual(readMsr(cx, index), { lo: 0, hi: 0 }, index.toString(16));
    assert.ok(writeMsr(cx, index, -1, -1), index.toString(16));
    assert.deepEqual(readMsr(cx, index), { lo: 0, hi: 0 }, index.toString(16));
  }
  assert.deepEqual(readMsr(cx, DE_CFG), { lo: 2, hi: 0 });
  assert.ok(writeMsr(cx, DE_CFG, 0, 0) && writeMsr(cx, APERF, 0, 0));
  assert.deepEqual(readMsr(cx, DE_CFG), { lo: 2, hi: 0 });
  assert.equal(readMsr(cx, APERF), undefined);
  assert.deepEqual(readMsr(cx, PATCHLEVEL), { lo: 0, hi: 0 });
  assert.equal(writeMsr(cx, PATCHLEVEL, 0, 0), false);
  // SYSCFG is the hardware domain's; LWP, the speculation MSRs and what is behind the lists do not exist.
  for (const index of [0xc0010010, 0xc0010008, 0xc001006c, 0xc0000105, 0x48]) {
    assert.equal(readMsr(cx, index), undefined, index.toString(16));
    assert.equal(writeMsr(cx, index, 0, 0), false, index.toString(16));
  }
});

Deno.test("ports: the virtual IOPL decides, absent devices read as ones", () => {
  const d = new PvMachine().domain();
  trap(d, 13, HANDLER);
  const body =
    "here: in al, 0x60\nmov edx, 0x3f8\nin eax, dx\nout dx, al\ntimes 0x1000 - ($ - $$) nop\nend: nop";
  const labels = d.run(body);
  assert.equal(stack(d, d.get("rsp"), 4)[3], labels.get("here"));
  d.data.setUint32(0, 1, true);
  assert.equal(d.call(HYPERVISOR.physdev_op, 6, DATA_ADDRESS), 0n);
  d.set("rsp", STACK_TOP);
  d.run(body.replace("times 0x1000 - ($ - $$) nop", ""));
  assert.equal(d.get("rax"), 0xffffffffn);
});

Deno.test("the forced emulation prefix takes CPUID and nothing else", () => {
  const d = new PvMachine().domain();
  d.run(`mov eax, 0x40000000\ndb 0x0f, 0x0b, 0x78, 0x65, 0x6e\ncpuid\nend: nop`);
  assert.equal(d.get("rbx"), 0x566e6558n);
  trap(d, 6, HANDLER);
  const labels = d.run(
    `here: db 0x0f, 0x0b, 0x78, 0x65, 0x6e\nmov eax, 1\ntimes 0x1000 - ($ - $$) nop\nend: nop`,
  );
  assert.equal(stack(d, d.get("rsp"), 3)[2], labels.get("here"));
  assert.equal(guestCpuid(d.cx, 1, 0).ecx < 0, true, "a hypervisor is there");
});

Deno.test("OSXSAVE follows the guest's CR4, but the forced emulation prefix shows a kernel Xen's own", () => {
  const d = new PvMachine().domain();
  const OSXSAVE = 1n << 27n, CR4_OSXSAVE = 1 << 18;
  const forced = "db 0x0f, 0x0b, 0x78, 0x65, 0x6e\n";
  const osxsave = (prefix: string) => {
    d.run(`mov eax, 1\n${prefix}cpuid\nend: nop`);
    return (d.get("rcx") & OSXSAVE) !== 0n;
  };
  assert.deepEqual([osxsave(""), osxsave(forced)], [false, true]);
  d.vcpu.state.guestMode = GuestMode.USER;
  assert.equal((guestCpuid(d.cx, 1, 0, true).ecx & Number(OSXSAVE)) !== 0, false, "user mode");
  d.vcpu.state.guestMode = GuestMode.KERNEL;
  d.run(`mov rax, cr4\nor rax, ${CR4_OSXSAVE}\nmov cr4, rax\nend: nop`);
  assert.deepEqual([osxsave(""), osxsave(forced)], [true, true]);
  const xcr0 = (set: string) => {
    d.run(`xor ecx, ecx\nxor edx, edx\n${set}\nxor eax, eax\nxgetbv\nend: nop`);
    return d.get("rax");
  };
  assert.deepEqual([xcr0("nop"), xcr0("mov eax, 1\nxsetbv"), xcr0("mov eax, 3\nxsetbv")], [3n, 1n, 3n]);
});

Deno.test("CPUID shows the machine checks and the APIC that Xen shows a PV domain", () => {
  const { edx } = guestCpuid(new PvMachine().domain().cx, 1, 0);
  assert.deepEqual([7, 9, 14].map((bit) => edx >> bit & 1), [1, 1, 1]);
});

Deno.test("stores to a page table that is mapped read-only", () => storeToTable(new PvMachine().domain()));

Deno.test("the same with every TLB entry checked", () =>
  storeToTable(new PvMachine({ checkTlb: true }).domain()));

function storeToTable(d: PvDomain): void {
  trap(d, 14, HANDLER);
  assert.equal(d.call(HYPERVISOR.vm_assist, 0, VMASST_TYPE.writable_pagetables), 0n);
  const slot = Number(BASE) / 4096 + SPARE;
  const entry = d.address(TABLES.l1, slot * 8);
  const at = () => d.read64(TABLES.l1, slot * 8);
  const before = at();
  const end = "\ntimes 0x1000 - ($ - $$) nop\nend: nop";
  // fork's clearing of the writable bit, and of the accessed bit with its old value.
  d.run(
    `mov rbx, ${entry}\nlock btr qword [rbx], 1\nsetc al\nlock and byte [rbx], 0xdf\nmov rcx, [rbx]\ndone: jmp stop\nstop:${end}`,
    "done",
  );
  assert.equal(at(), before & ~0x22n);
  assert.equal(d.get("rcx"), at());
  assert.equal(d.get("rax") & 1n, 1n);
  // A compare-and-swap that fails, then one that works.
  d.run(
    `mov rbx, ${entry}\nmov rax, 1\nmov rcx, ${
      d.pte(SPARE + 1, 5)
    }\nlock cmpxchg [rbx], rcx\nsete dl\nlock cmpxchg [rbx], rcx\nsete dh\ndone: nop${end}`,
    "done",
  );
  assert.equal(d.get("rdx") & 0xffffn, 0x100n);
  assert.equal(at(), d.pte(SPARE + 1, 0x105));
  // What must not be mapped: the fault is the guest's, nothing has changed.
  d.run(`mov rbx, ${entry}\nmov rcx, ${d.pte(TABLES.l2, 7)}\nmov rsi, 5\nhere: xchg [rbx], rcx${end}`);
  assert.equal(d.rip, HANDLER);
  assert.equal(at(), d.pte(SPARE + 1, 0x105));
  assert.equal(d.get("rsi"), 5n);
  assert.equal(stack(d, d.get("rsp"), 3)[2], 3n);
}

Deno.test("another vCPU's flushes in the middle of an emulated store do not make it the guest's fault", () => {
  const d = new PvMachine().domain();
  trap(d, 14, HANDLER);
  assert.equal(d.call(HYPERVISOR.vm_assist, 0, VMASST_TYPE.writable_pagetables), 0n);
  const slot = Number(BASE) / 4096 + SPARE;
  const { engine } = d.cx;
  const step = engine.step.bind(engine);
  // 100: it never gets through, so the mapping is changed instead.
  for (const flushes of [1, 5, 100]) {
    let left = flushes;
    engine.step = (ctx) => {
      if (left-- > 0) engine.staleAll();
      return step(ctx);
    };
    d.run(
      `mov rbx, ${d.address(TABLES.l1, slot * 8)}\nmov rcx, ${d.pte(SPARE + flushes % 7, 5)}
       xchg [rbx], rcx\ndone: nop\ntimes 0x1000 - ($ - $$) nop\nend: nop`,
      "done",
    );
    assert.notEqual(left, flushes);
    assert.equal(d.read64(TABLES.l1, slot * 8) & ~0x60n, d.pte(SPARE + flushes % 7, 0x105));
  }
});

Deno.test("single steps trap behind each instruction", () => {
  const d = new PvMachine().domain();
  trap(d, 1, HANDLER);
  const labels = d.run(
    "pushf\nor qword [rsp], 0x100\npopf\nnop\nafter: nop\ntimes 0x1000 - ($ - $$) nop\nend: nop",
  );
  assert.equal(d.rip, HANDLER);
  assert.equal(stack(d, d.get("rsp"), 3)[2], labels.get("after"));
  assert.equal(d.call(HYPERVISOR.get_debugreg, 6) & 0x4000n, 0x4000n);
});

Deno.test("privileged instructions are recognised with their prefixes", () => {
  const decode = (bytes: number[], mode = 64) => decodePrivileged(Uint8Array.from(bytes), bytes.length, mode);
  assert.deepEqual(
    [decode([0x66, 0xe5, 0x10])?.size, decode([0xe5, 0x10])?.port, decode([0x66, 0xe5, 0x10])?.length],
    [2, 0x10, 3],
  );
  const cr = decode([0x41, 0x0f, 0x20, 0xd8]);
  assert.deepEqual([cr?.kind, cr?.special, cr?.general, cr?.length], ["mov from cr", 3, 8, 4]);
  assert.equal(decode([0xf3, 0x6f])?.repeated, true);
  assert.equal(decode([0xf0, 0xfa]), undefined);
  assert.equal(decode([0x0f, 0x20]), undefined);
  assert.equal(decode([0xf4]), undefined);
  assert.equal(decode([0x48], 32), undefined);
});
