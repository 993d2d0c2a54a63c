/** SSE state: when the instructions are there at all, unmasked exceptions, and that both ways of computing agree. */
import assert from "node:assert/strict";
import { encodeText } from "../isa/mod.ts";
import { ExitReason, TestMachine } from "./testing.ts";

const CODE = 0x400000n;
const DATA = 0x600000n;
const m = new TestMachine();
m.map(CODE, 1);
m.map(DATA, 2);

const CR0 = 0x80050033n;
const OSFXSR = 0x200n, OSXMMEXCPT = 0x400n, PAE = 0x20n;
const UD = 6, NM = 7, GP = 13, XM = 19;

function start(text: string): void {
  m.reset();
  m.put(1, 0, [...text.split(";").flatMap((line) => [...encodeText(line.trim(), { mode: 64 })]), 0xcc]);
  m.rip = CODE;
  m.setReg(6, DATA);
}
/** The vector raised by the one instruction, or -1. */
function vector(): number {
  const reason = m.run(1);
  if (reason === ExitReason.BUDGET) return -1;
  assert.equal(reason, ExitReason.FAULT);
  assert.equal(m.rip, CODE);
  return m.fault.vector;
}
const set = (field: "cr0" | "cr4", value: bigint) => m.view.setBig(m.ctx, field, value);
const doubles = (...values: number[]) => new Uint8Array(Float64Array.from(values).buffer);
const bits = (bytes: Uint8Array) => new BigUint64Array(bytes.slice().buffer);

Deno.test("CR0.EM, CR4.OSFXSR and CR0.TS disable SSE, in that order, before memory is looked at", () => {
  const texts = [
    "addps xmm0, xmm1",
    "movups xmm0, [0x123]",
    "cvtsi2sd xmm0, rax",
    "stmxcsr [0x123]",
    "pxor xmm3, xmm3",
  ];
  for (const text of texts) {
    start(text);
    m.view.set(m.ctx, "fpuDisabled", 1);
    set("cr0", CR0 | 8n);
    set("cr4", PAE | OSFXSR);
    assert.equal(vector(), NM, text);
    set("cr0", CR0 | 4n | 8n);
    assert.equal(vector(), UD, text);
    set("cr0", CR0);
    set("cr4", PAE);
    assert.equal(vector(), UD, text);
  }
  start("movnti [rsi], eax");
  m.view.set(m.ctx, "fpuDisabled", 1);
  set("cr0", CR0 | 8n);
  assert.equal(vector(), -1);
  start("fxsave [rsi]");
  m.view.set(m.ctx, "fpuDisabled", 1);
  set("cr0", CR0 | 8n);
  assert.equal(vector(), NM);
});

Deno.test("an unmasked exception sets its flag, raises #XM and writes nothing", () => {
  start("divsd xmm1, xmm2");
  set("cr4", PAE | OSFXSR | OSXMMEXCPT);
  m.setXmm(1, doubles(1, 5));
  m.setXmm(2, doubles(0, 7));
  // All masked but ZE.
  m.view.set(m.ctx, "mxcsr", 0x1d80);
  assert.equal(vector(), XM);
  assert.equal(m.fault.errorCode, undefined);
  assert.equal(m.view.get(m.ctx, "mxcsr"), 0x1d84);
  assert.deepEqual(m.xmm(1), doubles(1, 5));
  // Without OSXMMEXCPT the same is #UD.
  set("cr4", PAE | OSFXSR);
  assert.equal(vector(), UD);
  // Masked: the default response.
  m.view.set(m.ctx, "mxcsr", 0x1f80);
  assert.equal(vector(), -1);
  assert.equal(m.view.get(m.ctx, "mxcsr"), 0x1f84);
  assert.deepEqual(m.xmm(1), doubles(Infinity, 5));
});

Deno.test("one lane's unmasked exception keeps all lanes", () => {
  start("sqrtpd xmm1, xmm2");
  set("cr4", PAE | OSFXSR | OSXMMEXCPT);
  m.setXmm(1, doubles(1, 2));
  m.setXmm(2, doubles(2, -1));
  m.view.set(m.ctx, "mxcsr", 0x1f00);
  assert.equal(vector(), XM);
  // The inexact root of 2 is not reported: IE came first.
  assert.equal(m.view.get(m.ctx, "mxcsr"), 0x1f01);
  assert.deepEqual(m.xmm(1), doubles(1, 2));
});

Deno.test("LDMXCSR refuses reserved bits and keeps the old value", () => {
  start("ldmxcsr [rsi]");
  m.put(2, 0, [0x80, 0x1f, 1, 0]);
  assert.equal(vector(), GP);
  assert.equal(m.view.get(m.ctx, "mxcsr"), 0x1f80);
  m.put(2, 0, [0xc0, 0xff, 0, 0]);
  assert.equal(vector(), -1);
  assert.equal(m.view.get(m.ctx, "mxcsr"), 0xffc0);
});

Deno.test("wasm's arithmetic and the soft float agree, whichever MXCSR chooses", () => {
  let state = 88172645463325252n;
  const random = () => {
    state ^= BigInt.asUintN(64, state << 13n);
    state ^= state >> 7n;
    state ^= BigInt.asUintN(64, state << 17n);
    return state;
  };
  // Exponents from 2^-20 to 2^43, and a zero now and then.
  const operand = () => {
    const one = random();
    if ((one & 0xfn) === 0n) return one & 1n << 63n;
    return (one & 0x800fffffffffffffn) | (1003n + (random() & 63n)) << 52n;
  };
  const texts = ["add", "sub", "mul", "div", "min", "max", "sqrt"].flatMap((name) => [
    `${name}sd xmm1, xmm2`,
    `${name}pd xmm1, xmm2`,
    `${name}ss xmm1, xmm2`,
    `${name}ps xmm1, xmm2`,
  ]);
  texts.push("cvtsd2ss xmm1, xmm2", "cvtpd2ps xmm1, xmm2", "cvtss2sd xmm1, xmm2", "cvtps2pd xmm1, xmm2");
  texts.push("cvtsd2si rax, xmm2", "cvttsd2si eax, xmm2", "cvtpd2dq xmm1, xmm2", "cvttps2dq xmm1, xmm2");
  texts.push("cvtsi2sd xmm1, rcx", "cvtsi2ss xmm1, rcx", "cvtdq2ps xmm1, xmm2", "cmppd xmm1, xmm2, 2");
  const PE = 0x20;
  let fast = 0;
  for (const text of texts) {
    start(text);
    for (let i = 0; i < 200; i++) {
      const single = /^cvtt?[ps]s2/.test(text) || (/^\w+[sp]s /.test(text) && !text.startsWith("cvt"));
      const values = Array.from({ length: 4 }, operand);
      const bytes = new Uint8Array(BigUint64Array.from(values).buffer);
      if (single) {
        const lanes = Float32Array.from(new Float64Array(bytes.buffer).subarray(0, 4));
        bytes.set(new Uint8Array(lanes.buffer), 0);
        bytes.set(new Uint8Array(lanes.buffer), 16);
      }
      const results = [0x1f80 | PE, 0x1f80].map((mxcsr) => {
        m.rip = CODE;
        m.setReg(0, 0n);
        m.setReg(1, values[3]);
        m.setXmm(1, bytes.slice(0, 16));
        m.setXmm(2, bytes.slice(16, 32));
        m.view.set(m.ctx, "mxcsr", mxcsr);
        assert.equal(vector(), -1, text);
        return { xmm: bits(m.xmm(1)), rax: m.reg(0), mxcsr: m.view.get(m.ctx, "mxcsr") };
      });
      assert.deepEqual(results[0].xmm, results[1].xmm, `${text} ${values.map((v) => v.toString(16))}`);
      assert.equal(results[0].rax, results[1].rax, text);
      assert.equal(results[0].mxcsr, results[1].mxcsr | PE, text);
      if (results[0].mxcsr === (0x1f80 | PE)) fast++;
    }
  }
  assert.ok(fast > texts.length * 50, `${fast} quiet results`);
});
