/**
 * A guest program that does what ordinary code does (search, sort, hash, copy, lists, division, calls, bits), for tests and benchmarks of the
 * tiers: its hottest blocks are those of real loops. Ends at INT3 with a checksum in RAX.
 */
import { assemble } from "../isa/mod.ts";
import { TestMachine, type TestMachineOptions } from "./testing.ts";

export const WORKLOAD_CODE = 0x400000n;
export const WORKLOAD_DATA = 0x600000n;
const DATA_PAGES = 64;
const STACK_TOP = WORKLOAD_DATA + 0x3f000n;

const TEXT = `
start:
  mov r15, 0x600000
  xor r14d, r14d
  mov r13d, 6
round:
  ; fill 2048 words with a linear congruential generator
  mov rdi, r15
  mov ecx, 2048
  mov eax, 12345
fill:
  imul eax, eax, 1103515245
  add eax, 12345
  mov [rdi], eax
  add rdi, 4
  dec ecx
  jnz fill
  ; sum of squares with carries
  mov rsi, r15
  mov ecx, 2048
  xor ebx, ebx
  xor edx, edx
sum:
  mov eax, [rsi]
  mov r8, rax
  imul r8, rax
  add rbx, r8
  adc rdx, 0
  add rsi, 4
  sub ecx, 1
  jne sum
  add r14, rbx
  add r14, rdx
  ; insertion sort of 96 words
  mov r8d, 1
outer:
  mov eax, [r15+r8*4]
  mov r9, r8
inner:
  test r9, r9
  jz placed
  mov edx, [r15+r9*4-4]
  cmp edx, eax
  jbe placed
  mov [r15+r9*4], edx
  dec r9
  jmp inner
placed:
  mov [r15+r9*4], eax
  inc r8
  cmp r8, 96
  jb outer
  ; byte hash (FNV-1a) of 2000 bytes
  mov rsi, r15
  mov ecx, 2000
  mov eax, 0x811c9dc5
hash:
  movzx edx, byte [rsi]
  xor eax, edx
  imul eax, eax, 16777619
  inc rsi
  loop hash
  add r14, rax
  ; copy words backwards, eight bytes a turn
  lea rsi, [r15+0x2000]
  lea rdi, [r15+0x6000]
  mov ecx, 512
copy:
  mov rax, [rsi+rcx*8-8]
  mov [rdi+rcx*8-8], rax
  dec rcx
  jnz copy
  ; strlen and case change
  mov byte [r15+0x6800], 0
  lea rdi, [r15+0x6000]
upper:
  mov al, [rdi]
  test al, al
  je length
  cmp al, 0x61
  jb next
  cmp al, 0x7a
  ja next
  sub al, 0x20
  mov [rdi], al
next:
  inc rdi
  jmp upper
length:
  sub rdi, r15
  add r14, rdi
  ; list: build and walk
  lea rdi, [r15+0x8000]
  mov ecx, 500
build:
  lea rax, [rdi+0x10]
  mov [rdi], rax
  mov [rdi+8], rcx
  mov rdi, rax
  dec ecx
  jnz build
  mov qword [rdi], 0
  lea rsi, [r15+0x8000]
walk:
  test rsi, rsi
  jz walked
  add r14, [rsi+8]
  mov rsi, [rsi]
  jmp walk
walked:
  ; greatest common divisors, by division, in a function
  mov r12d, 300
gcds:
  mov edi, r12d
  mov esi, 360
  call gcd
  add r14, rax
  dec r12d
  jnz gcds
  ; bits: population count by hand, rotations, xorshift
  mov rax, r14
  mov ecx, 400
bits:
  mov rdx, rax
  shl rdx, 13
  xor rax, rdx
  mov rdx, rax
  shr rdx, 7
  xor rax, rdx
  mov rdx, rax
  and rdx, -2
  rol rdx, 5
  add r14, rdx
  sub ecx, 1
  jnz bits
  ; sieve
  lea rdi, [r15+0x10000]
  xor eax, eax
  mov ecx, 512
  rep stosq
  mov ecx, 2
sieve:
  cmp byte [r15+rcx+0x10000], 0
  jne sieved
  inc r14
  lea rdx, [rcx+rcx]
strike:
  cmp rdx, 4096
  jae sieved
  mov byte [r15+rdx+0x10000], 1
  add rdx, rcx
  jmp strike
sieved:
  inc ecx
  cmp ecx, 4096
  jb sieve
  ; matrix of 12 by 12 words
  xor r8d, r8d
rows:
  xor r9d, r9d
columns:
  xor eax, eax
  xor r10d, r10d
dot:
  mov edx, r8d
  imul edx, edx, 12
  add edx, r10d
  mov edx, [r15+rdx*4]
  mov ebx, r10d
  imul ebx, ebx, 12
  add ebx, r9d
  imul edx, [r15+rbx*4]
  add eax, edx
  inc r10d
  cmp r10d, 12
  jb dot
  add r14, rax
  inc r9d
  cmp r9d, 12
  jb columns
  inc r8d
  cmp r8d, 12
  jb rows
  ; binary search, 300 times
  mov r12d, 300
searches:
  xor r8d, r8d
  mov r9d, 96
  imul r10d, r12d, 14316557
search:
  cmp r8d, r9d
  jae found
  lea eax, [r8+r9]
  shr eax, 1
  cmp [r15+rax*4], r10d
  jb right
  mov r9d, eax
  jmp search
right:
  lea r8d, [rax+1]
  jmp search
found:
  add r14, r8
  dec r12d
  jnz searches
  dec r13d
  jnz round
  mov rax, r14
  int3
gcd:
  push rbp
  mov rbp, rsp
reduce:
  test esi, esi
  je reduced
  mov eax, edi
  xor edx, edx
  div esi
  mov edi, esi
  mov esi, edx
  jmp reduce
reduced:
  mov eax, edi
  pop rbp
  ret
`;

/** A machine with the program in place, ready to run from its start. */
export function workload(options: TestMachineOptions = {}): TestMachine {
  const { bytes } = assemble(TEXT, { mode: 64, origin: WORKLOAD_CODE });
  const codePages = Math.ceil(bytes.length / 4096);
  const m = new TestMachine({ frames: 128, codeBytes: 4 << 20, ...options });
  for (let page = 0; page < codePages; page++) {
    m.map(WORKLOAD_CODE + BigInt(page * 4096), 1 + page);
    m.put(1 + page, 0, bytes.subarray(page * 4096, page * 4096 + 4096));
  }
  for (let page = 0; page < DATA_PAGES; page++) m.map(WORKLOAD_DATA + BigInt(page * 4096), 8 + page);
  restart(m);
  return m;
}

/** Registers as at the start; what the program writes it writes again. */
export function restart(m: TestMachine): void {
  for (let n = 0; n < 16; n++) m.setReg(n, 0n);
  m.setReg(4, STACK_TOP);
  m.flags = 2;
  m.rip = WORKLOAD_CODE;
}
