/** System instructions: who may execute them, what faults they raise, what they leave to the host. */
import assert from "node:assert/strict";
import { encodeText } from "../isa/mod.ts";
import { exitName } from "./exit.ts";
import { ExitReason, TestMachine } from "./testing.ts";

const CODE = 0x400000n;
const DATA = 0x600000n;
const m = new TestMachine();
const m32 = new TestMachine({ mode: 32 });
for (const one of [m, m32]) {
  one.map(CODE, 1);
  one.map(DATA, 2);
}

interface Start {
  cpl?: number;
  cr0?: bigint;
  cr4?: bigint;
  eflags?: number;
  rax?: bigint;
}
const CR0 = 0x80050033n;
const CR4 = 0x620n;

/** What one instruction at CPL 3 (or the one given) does: "GP(0)", "UD", an exit's name, or "" when it completes. */
function outcome(text: string, start: Start = {}, machine = m): string {
  const mode = machine === m ? 64 : 32;
  const code = encodeText(text, { mode });
  machine.reset(machine.ctx, mode);
  machine.put(1, 0, [...code, 0xcc]);
  machine.rip = CODE;
  machine.setReg(0, start.rax ?? 0n);
  machine.setReg(1, 1n);
  machine.setReg(6, DATA);
  const { view, ctx } = machine;
  view.set(ctx, "cpl", start.cpl ?? 3);
  view.setBig(ctx, "cr0", start.cr0 ?? CR0);
  view.setBig(ctx, "cr4", start.cr4 ?? CR4);
  machine.flags = start.eflags ?? 0x202;
  machine.engine.flushAll(ctx);
  const before = machine.retired;
  const reason = machine.run(1);
  if (reason === ExitReason.BUDGET) return "";
  assert.equal(machine.rip, CODE, text);
  assert.equal(machine.retired, before, text);
  if (reason !== ExitReason.FAULT) {
    assert.equal(view.big(ctx, "nextRip"), CODE + BigInt(code.length), text);
    return exitName(reason);
  }
  const { vector, errorCode } = machine.fault;
  const name =
    ["DE", "DB", "NMI", "BP", "OF", "BR", "UD", "NM", "DF", "", "TS", "NP", "SS", "GP", "PF"][vector];
  return errorCode === undefined ? name : `${name}(${errorCode})`;
}

Deno.test("privileged instructions are #GP(0) at CPL 3 and leave to the host at CPL 0", () => {
  const rows: [text: string, exit: string][] = [
    ["hlt", "HLT"],
    ["rdmsr", "RDMSR"],
    ["wrmsr", "WRMSR"],
    ["clts", "CLTS"],
    ["invd", "INVD"],
    ["wbinvd", "WBINVD"],
    ["swapgs", "SWAPGS"],
    ["mov rax, cr0", "MOVFROMCR"],
    ["mov rbx, cr8", "MOVFROMCR"],
    ["mov cr3, rcx", "MOVTOCR"],
    ["mov rax, dr7", "MOVFROMDR"],
    ["mov dr0, rdx", "MOVTODR"],
    ["lmsw cx", "LMSW"],
    ["invlpg [rsi]", "INVLPG"],
    ["lgdt [rsi]", "LGDT"],
    ["lidt [rsi]", "LIDT"],
    ["lldt cx", "LLDT"],
    ["ltr cx", "LTR"],
    ["sysret", "SYSRET"],
  ];
  for (const [text, exit] of rows) {
    assert.equal(outcome(text), "GP(0)", text);
    assert.equal(outcome(text, { cpl: 0 }), exit, text);
  }
});

Deno.test("IN, OUT, CLI and STI look at IOPL", () => {
  for (const [text, exit] of [["in al, dx", "IN"], ["out 0x70, al", "OUT"], ["cli", "CLI"], ["sti", "STI"]]) {
    assert.equal(outcome(text), "GP(0)", text);
    assert.equal(outcome(text, { eflags: 0x3202 }), exit, text);
    assert.equal(outcome(text, { cpl: 0 }), exit, text);
  }
  outcome("out dx, eax", { cpl: 0, rax: 0x12345678n });
  assert.equal(m.view.get(m.ctx, "exitInfo") >>> 16, 4);
  assert.equal(m.view.big(m.ctx, "exitValue"), 0x12345678n);
});

Deno.test("CR4 decides about time, counters, FS and GS bases and XCR0", () => {
  assert.equal(outcome("rdtsc"), "RDTSC");
  assert.equal(outcome("rdtscp"), "RDTSCP");
  assert.equal(outcome("rdtsc", { cr4: CR4 | 4n }), "GP(0)");
  assert.equal(outcome("rdtscp", { cr4: CR4 | 4n }), "GP(0)");
  assert.equal(outcome("rdtsc", { cr4: CR4 | 4n, cpl: 0 }), "RDTSC");
  assert.equal(outcome("rdpmc"), "GP(0)");
  assert.equal(outcome("rdpmc", { cr4: CR4 | 0x100n }), "RDPMC");
  assert.equal(outcome("xgetbv"), "UD");
  assert.equal(outcome("xgetbv", { cr4: CR4 | 1n << 18n }), "GP(0)");
  assert.equal(outcome("xsetbv"), "UD");
  assert.equal(outcome("xsetbv", { cr4: CR4 | 1n << 18n }), "GP(0)");
  assert.equal(outcome("rdfsbase rax"), "UD");
  assert.equal(outcome("wrgsbase rax"), "UD");
  const fsgsbase = CR4 | 1n << 16n;
  assert.equal(outcome("wrfsbase rax", { cr4: fsgsbase, rax: 0x7fff_0000_1000n }), "");
  assert.equal(outcome("wrfsbase rax", { cr4: fsgsbase, rax: 0x8000_0000_0000n }), "GP(0)");
});

Deno.test("WRFSBASE moves what FS addresses, RDFSBASE shows it", () => {
  m.put(2, 0x10, [0x78, 0x56, 0x34, 0x12, 0, 0, 0, 0]);
  m.put(1, 0, [
    ...encodeText("wrfsbase rax", { mode: 64 }),
    ...encodeText("rdfsbase rbx", { mode: 64 }),
    ...encodeText("mov rcx, fs:[0x10]", { mode: 64 }),
    0xcc,
  ]);
  m.reset();
  m.view.setBig(m.ctx, "cr4", CR4 | 1n << 16n);
  m.rip = CODE;
  m.setReg(0, DATA);
  assert.equal(m.run(3), ExitReason.BUDGET);
  assert.equal(m.reg(3), DATA);
  assert.equal(m.reg(1), 0x12345678n);
});

Deno.test("what is not privileged stores, and UMIP makes it so", () => {
  for (const text of ["sgdt [rsi]", "sidt [rsi]", "sldt [rsi]", "str ax", "smsw [rsi]"]) {
    assert.equal(outcome(text), "", text);
    assert.equal(outcome(text, { cr4: CR4 | 1n << 11n }), "GP(0)", text);
    assert.equal(outcome(text, { cr4: CR4 | 1n << 11n, cpl: 0 }), "", text);
  }
  m.reset();
  m.view.setBig(m.ctx, "gdtBase", 0xffff830000123000n);
  m.view.set(m.ctx, "gdtLimit", 0xe03f);
  m.put(1, 0, [...encodeText("sgdt [rsi]", { mode: 64 }), 0xcc]);
  m.put(2, 0, new Uint8Array(16));
  m.rip = CODE;
  m.setReg(6, DATA + 1n);
  assert.equal(m.run(1), ExitReason.BUDGET);
  assert.deepEqual([...m.bytes(2, 1, 11)], [0x3f, 0xe0, 0, 0x30, 0x12, 0, 0, 0x83, 0xff, 0xff, 0]);
});

Deno.test("registers that do not exist, entries of other modes", () => {
  assert.equal(outcome("mov rax, cr1", { cpl: 0 }), "UD");
  assert.equal(outcome("mov cr5, rax", { cpl: 0 }), "UD");
  assert.equal(outcome("mov rax, cr9", { cpl: 0 }), "UD");
  assert.equal(outcome("sysenter"), "UD");
  assert.equal(outcome("sysexit", { cpl: 0 }), "UD");
  assert.equal(outcome("syscall"), "SYSCALL");
  assert.equal(outcome("mov cs, ax"), "UD");
});

Deno.test("instructions that leave to the host say what it needs", () => {
  outcome("invlpg [rsi+0x123]", { cpl: 0 });
  assert.equal(m.view.big(m.ctx, "exitValue"), DATA + 0x123n);
  outcome("mov cr4, rcx", { cpl: 0 });
  assert.equal(m.view.get(m.ctx, "exitInfo"), 4 | 1 << 8 | 8 << 16);
  assert.equal(m.view.big(m.ctx, "exitValue"), 1n);
  m.put(2, 0, [0xff, 0x07, 0, 0x10, 0x20, 0x30, 0x40, 0, 0, 0]);
  outcome("lgdt [rsi]", { cpl: 0 });
  assert.equal(m.view.get(m.ctx, "exitInfo"), 0x7ff);
  assert.equal(m.view.big(m.ctx, "exitValue"), 0x40302010_00n);
});

Deno.test("ARPL in 32-bit code raises the requested privilege", () => {
  for (const [destination, source, wanted, zero] of [[0x10, 0x23, 0x13, 1], [0x13, 0x21, 0x13, 0]] as const) {
    m32.reset(m32.ctx, 32);
    m32.put(1, 0, [...encodeText("arpl ax, cx", { mode: 32 }), 0xcc]);
    m32.rip = CODE;
    m32.setReg(0, BigInt(destination));
    m32.setReg(1, BigInt(source));
    assert.equal(m32.run(1), ExitReason.BUDGET);
    assert.equal(m32.reg(0), BigInt(wanted));
    assert.equal(m32.flags >> 6 & 1, zero);
  }
});
