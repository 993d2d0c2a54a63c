import assert from "node:assert/strict";
import { assemble, AssemblyError, encodeText } from "./mod.ts";

const hex = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
const one = (text: string, mode: 16 | 32 | 64 = 64) => hex(encodeText(text, { mode }));

function fails(text: string, message: RegExp): void {
  assert.throws(
    () => assemble(text),
    (error) => error instanceof AssemblyError && message.test(error.message),
    text,
  );
}

Deno.test("the shortest encoding is chosen", () => {
  assert.equal(one("add eax, 1"), "83 c0 01");
  assert.equal(one("add eax, 1000"), "05 e8 03 00 00");
  assert.equal(one("add rax, -1"), "48 83 c0 ff");
  assert.equal(one("mov rax, 1"), "48 c7 c0 01 00 00 00");
  assert.equal(one("mov rax, 0x123456789"), "48 b8 89 67 45 23 01 00 00 00");
  assert.equal(one("mov eax, 0xffffffff"), "b8 ff ff ff ff");
  assert.equal(one("push 5"), "6a 05");
  assert.equal(one("push 0x12345"), "68 45 23 01 00");
  assert.equal(one("shl eax, 1"), "d1 e0");
  assert.equal(one("inc ecx", 32), "41");
  assert.equal(one("inc ecx"), "ff c1");
});

Deno.test("memory operands", () => {
  assert.equal(one("mov rax, [rbx+8]"), "48 8b 43 08");
  assert.equal(one("mov [rbx+rcx*4-0x80], al"), "88 44 8b 80");
  assert.equal(one("mov eax, [rbp]"), "8b 45 00");
  assert.equal(one("mov eax, [r13]"), "41 8b 45 00");
  assert.equal(one("mov eax, [rsp]"), "8b 04 24");
  assert.equal(one("mov eax, [r12]"), "41 8b 04 24");
  assert.equal(one("mov eax, [rax+rsp]"), "8b 04 04", "rsp becomes the base");
  assert.equal(one("mov eax, [rip+0x10]"), "8b 05 10 00 00 00");
  assert.equal(one("mov eax, [0x1000]"), "8b 04 25 00 10 00 00");
  assert.equal(one("mov eax, [0x1000]", 32), "a1 00 10 00 00");
  assert.equal(one("mov rax, [fs:0x28]"), "64 48 8b 04 25 28 00 00 00");
  assert.equal(one("mov rax, fs:[0x28]"), "64 48 8b 04 25 28 00 00 00");
  assert.equal(one("mov eax, [ebx]"), "67 8b 03");
  assert.equal(one("mov ax, [bp+si+2]", 16), "8b 42 02");
  assert.equal(one("inc byte [rax]"), "fe 00");
  assert.equal(one("inc qword ptr [rax]"), "48 ff 00");
  assert.equal(one("lea rax, [rbx*8+5]"), "48 8d 04 dd 05 00 00 00");
  assert.equal(one("jmp [rax]"), "ff 20", "branches have a natural size");
});

Deno.test("prefixes and far transfers", () => {
  assert.equal(one("lock cmpxchg [rdi], rsi"), "f0 48 0f b1 37");
  assert.equal(one("rep movsq"), "f3 48 a5");
  assert.equal(one("repne scasb"), "f2 ae");
  assert.equal(one("o16 push 5"), "66 6a 05");
  assert.equal(one("a32 rep stosb"), "f3 67 aa");
  assert.equal(one("jmp 0x10:0x1000", 32), "ea 00 10 00 00 10 00");
  assert.equal(one("jmp far dword [eax]", 32), "ff 28");
  assert.equal(one("iretq"), "48 cf");
  assert.equal(one("pushf"), "9c");
  assert.equal(one("syscall"), "0f 05");
});

Deno.test("labels, branches that grow, local labels", () => {
  const { bytes, labels } = assemble(`
    start:  jmp .far        ; short would not reach
            jz start
    .near:  loop .near
            times 130 nop
    .far:   call start
    other:
    .near:  jmp .near
  `);
  assert.equal(hex(bytes.subarray(0, 9)), "e9 86 00 00 00 74 f9 e2 fe");
  assert.equal(labels.get("start.far"), 139n);
  assert.equal(hex(bytes.subarray(139)), "e8 70 ff ff ff eb fe");
  assert.equal(labels.get("other.near"), 144n);
});

Deno.test("data, equ, align, org, expressions", () => {
  const { bytes, labels, listing } = assemble(`
    org 0x100
    size equ end - text
    text: db "Hi\\n", 0, 'x'
    end:
          align 8, 0
          dw 0x1234, size * 2, -1
          dd text, (1 << 4) | 3
          dq end, $ - $$
  `);
  assert.equal(
    hex(bytes),
    "48 69 0a 00 78 00 00 00 34 12 0a 00 ff ff 00 01 00 00 13 00 00 00 05 01 00 00 00 00 00 00 16 00 00 00 00 00 00 00",
  );
  assert.equal(labels.get("size"), 5n);
  assert.equal(listing[0].address, 0x100n);
});

Deno.test("a label alone is relative to rip in 64-bit code, with or without an address before it is known", () => {
  const { bytes } = assemble("lea rsi, [text]\nmov eax, [text+4]\ncmp dword [abs text], 5\ntext: dd 1");
  assert.equal(hex(bytes.subarray(0, 13)), "48 8d 35 0e 00 00 00 8b 05 0c 00 00 00");
  const high = assemble("org 0xffffffff80000000\nlea rsi, [text]\njmp text\ntext: nop");
  assert.equal(hex(high.bytes), "48 8d 35 02 00 00 00 eb 00 90");
});

Deno.test("bits changes the mode", () => {
  const { bytes } = assemble("bits 16\nmov eax, 1\nbits 32\nmov eax, 1\nbits 64\nmov eax, 1");
  assert.equal(hex(bytes), "66 b8 01 00 00 00 b8 01 00 00 00 b8 01 00 00 00");
});

Deno.test("errors name the line and the reason", () => {
  fails("nop\nfoo eax", /^line 2: foo is no instruction$/);
  fails("mov eax, nowhere", /nowhere is not defined/);
  fails("inc [rax]", /size of the memory operand is not given/);
  fails("mov eax, bx", /does not take these operands/);
  fails("mov ah, r8b", /REX/);
  fails("mov eax, [rax", /"\]" is missing/);
  fails("a: nop\na: nop", /^line 2: a is defined twice$/);
  fails("bits 32\nmov eax, [r8d]", /64-bit code/);
  fails("mov eax, [rsp*2]", /rsp cannot be an index/);
  fails("db 256", /does not fit/);
  fails("jmp short $+1000", /too far/);
  fails("times -1 nop", /times -1/);
  fails("add eax, 0x1ffffffff", /does not take/);
});
