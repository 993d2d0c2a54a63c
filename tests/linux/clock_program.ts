/**
 * A Linux program that holds the clocks of two processors against each other, in machine code that our own assembler makes.
 *
 * Two threads, pinned to a processor each, read the TSC and the kernel's clocks as fast as they can. A reading must not be
 * earlier than the latest of either thread that was in memory before it began. The first thread also prints what the clocks
 * say, at moments of its own choosing, for whoever listens to hold against his own clock.
 */
import { makeElf } from "../../core/builder/mod.ts";
import { assemble } from "../../core/isa/mod.ts";

/** What is read, in the order of the program's figures. `vdso` is by the kernel's code in user space, `call` by SYSCALL. */
export const CLOCKS = ["tsc", "monotonic vdso", "realtime vdso", "monotonic call", "realtime call"] as const;

const LOAD_BIAS = 0x400000n;
/** Behind the ELF header and one program header: Linux wants a segment's address to be its place in the file, in a page. */
const ORIGIN = LOAD_BIAS + 120n;
const STACK_BYTES = 16384;

/** Linux' numbers (asm/unistd_64.h, linux/sched.h, linux/auxvec.h, elf.h). */
const PROGRAM = `
SYS_write             equ 1
SYS_clone             equ 56
SYS_exit              equ 60
SYS_sched_setaffinity equ 203
SYS_clock_gettime     equ 228
SYS_exit_group        equ 231
; VM | FS | FILES | SIGHAND | THREAD | SYSVSEM
CLONE_FLAGS           equ 0x50f00
AT_SYSINFO_EHDR       equ 33
PT_DYNAMIC            equ 2
DT_STRTAB             equ 5
DT_SYMTAB             equ 6
REALTIME              equ 0
MONOTONIC             equ 1
KINDS                 equ ${CLOCKS.length}
SECOND                equ 1000000000
PERIOD                equ 10000000

; rsp: argc, argv, 0, environment, 0, auxiliary vector
_start: lea     rbx, [rsp + 8]
        mov     ecx, 2
.skip:  mov     rax, [rbx]
        add     rbx, 8
        test    rax, rax
        jnz     .skip
        dec     ecx
        jnz     .skip
.aux:   mov     rax, [rbx]
        mov     rsi, [rbx + 8]
        add     rbx, 16
        test    rax, rax
        jz      no_vdso
        cmp     rax, AT_SYSINFO_EHDR
        jne     .aux
        call    find_vdso
        test    rax, rax
        jz      no_vdso
        mov     [rel vdso], rax
        mov     edi, CLONE_FLAGS
        lea     rsi, [rel second_stack]
        xor     edx, edx
        xor     r10d, r10d
        xor     r8d, r8d
        mov     eax, SYS_clone
        syscall
        test    rax, rax
        js      failed
        mov     r15d, 1
        jz      worker
        xor     r15d, r15d
        jmp     worker

; rsi: the ELF image that the kernel mapped -> rax: __vdso_clock_gettime, or 0
find_vdso:
        movzx   ecx, word [rsi + 56]
        mov     rdx, [rsi + 32]
        add     rdx, rsi
.header:
        cmp     dword [rdx], PT_DYNAMIC
        je      .dynamic
        add     rdx, 56
        dec     ecx
        jnz     .header
        xor     eax, eax
        ret
.dynamic:
        mov     rdx, [rdx + 16]
        add     rdx, rsi
        xor     r8d, r8d
        xor     r9d, r9d
.entry: mov     rax, [rdx]
        mov     rdi, [rdx + 8]
        add     rdx, 16
        cmp     rax, DT_STRTAB
        jne     .symtab
        lea     r8, [rdi + rsi]
.symtab:
        cmp     rax, DT_SYMTAB
        jne     .more
        lea     r9, [rdi + rsi]
.more:  test    rax, rax
        jnz     .entry
; the table of names lies behind that of symbols
.symbol:
        add     r9, 24
        cmp     r9, r8
        jae     .none
        mov     edi, [r9]
        add     rdi, r8
        lea     rdx, [rel wanted]
.letter:
        mov     al, [rdi]
        cmp     al, [rdx]
        jne     .symbol
        inc     rdi
        inc     rdx
        test    al, al
        jnz     .letter
        mov     rax, [r9 + 8]
        add     rax, rsi
        ret
.none:  xor     eax, eax
        ret

; r15: which thread. rbx: the kind of clock, rbp: what was the latest before
worker: mov     eax, 1
        mov     ecx, r15d
        shl     eax, cl
        lea     rdx, [rel masks]
        lea     rdx, [rdx + r15*8]
        mov     [rdx], rax
        xor     edi, edi
        mov     esi, 8
        mov     eax, SYS_sched_setaffinity
        syscall
        test    rax, rax
        js      failed
        lock inc dword [rel ready]
.wait:  cmp     dword [rel ready], 2
        jb      .wait
round:  xor     ebx, ebx
.kind:  lea     r14, [rel latest]
        mov     rbp, [r14 + rbx*8]
        call    read
        cmp     rax, rbp
        jae     .fine
        lea     rcx, [rel backwards]
        lock inc qword [rcx + rbx*8]
.fine:  mov     r12, rax
        mov     rax, [r14 + rbx*8]
.later: cmp     r12, rax
        jbe     .told
        lock cmpxchg [r14 + rbx*8], r12
        jne     .later
.told:  mov     eax, r15d
        xchg    [rel writer], eax
        cmp     eax, r15d
        je      .same
        lock inc qword [rel handovers]
.same:  lea     rcx, [rel readings]
        lock inc qword [rcx + rbx*8]
        inc     ebx
        cmp     ebx, KINDS
        jb      .kind
; some work besides
        mov     ecx, 300
.work:  imul    rdx, rcx
        dec     ecx
        jnz     .work
        test    r15d, r15d
        jnz     .other
        mov     rax, [rel latest + 8]
        cmp     qword [rel end], 0
        jne     .begun
        mov     rcx, SECOND
        imul    rcx, [rel seconds]
        add     rcx, rax
        mov     [rel end], rcx
.begun: cmp     rax, [rel end]
        jae     report
        cmp     rax, [rel next]
        jb      round
        add     rax, PERIOD
        mov     [rel next], rax
        mov     al, 84
        call    start_line
        xor     ebx, ebx
.print: call    read
        call    put_number
        inc     ebx
        cmp     ebx, 3
        jb      .print
        call    end_line
        jmp     round
.other: cmp     dword [rel ready], 3
        jb      round
        xor     edi, edi
        mov     eax, SYS_exit
        syscall

; rbx: the kind of clock -> rax: nanoseconds, or the TSC
read:   test    ebx, ebx
        jnz     .clock
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        ret
.clock: sub     rsp, 24
        mov     edi, MONOTONIC
        mov     ecx, REALTIME
        test    ebx, 1
        cmovz   edi, ecx
        mov     rsi, rsp
        cmp     ebx, 3
        jae     .call
        call    [rel vdso]
        jmp     .have
.call:  mov     eax, SYS_clock_gettime
        syscall
.have:  test    rax, rax
        jnz     failed
        imul    rax, [rsp], SECOND
        add     rax, [rsp + 8]
        add     rsp, 24
        ret

report: mov     dword [rel ready], 3
        mov     al, 82
        call    start_line
        mov     rax, [rel handovers]
        call    put_number
        xor     ebx, ebx
.kind:  lea     rcx, [rel readings]
        mov     rax, [rcx + rbx*8]
        call    put_number
        lea     rcx, [rel backwards]
        mov     rax, [rcx + rbx*8]
        call    put_number
        inc     ebx
        cmp     ebx, KINDS
        jb      .kind
        call    end_line
        xor     edi, edi
        jmp     exit

; al: the letter that a line begins with; r13: where the line is
start_line:
        lea     r13, [rel line]
        mov     [r13], al
        inc     r13
        ret
; rax, 16 digits with a blank before
put_number:
        mov     byte [r13], 32
        inc     r13
        mov     ecx, 16
.digit: rol     rax, 4
        mov     edx, eax
        and     edx, 15
        add     edx, 48
        cmp     edx, 57
        jbe     .put
        add     edx, 39
.put:   mov     [r13], dl
        inc     r13
        dec     ecx
        jnz     .digit
        ret
end_line:
        mov     byte [r13], 10
        inc     r13
        mov     edi, 1
        lea     rsi, [rel line]
        mov     rdx, r13
        sub     rdx, rsi
        mov     eax, SYS_write
        syscall
        ret

no_vdso:
failed: mov     edi, 1
exit:   mov     eax, SYS_exit_group
        syscall
        ud2

wanted: db "__vdso_clock_gettime", 0
        align 64
seconds: dq SECONDS
vdso:   dq 0
end:    dq 0
next:   dq 0
masks:  dq 0, 0
ready:  dd 0
        align 64
latest: times KINDS dq 0
        align 64
backwards: times KINDS dq 0
readings: times KINDS dq 0
handovers: dq 0
        align 64
writer: dd 0
line:   times 512 db 0
        align 64
        times ${STACK_BYTES} db 0
second_stack:
        dq 0
`;

/** A static ELF executable that runs for some seconds, prints lines for `parseClockLine`, and ends with 0. */
export function clockProgram(seconds: number): Uint8Array {
  const labels = new Map([["SECONDS", BigInt(seconds)]]);
  const { bytes, labels: found } = assemble(PROGRAM, { mode: 64, origin: ORIGIN, labels });
  return makeElf({ entry: found.get("_start"), segments: [{ vaddr: ORIGIN, paddr: ORIGIN, data: bytes }] });
}

export type ClockLine =
  | { readonly kind: "time"; readonly tsc: number; readonly monotonic: number; readonly realtime: bigint }
  | {
    readonly kind: "report";
    /** Readings that followed one of the other thread. */
    readonly handovers: number;
    readonly clocks: readonly {
      readonly name: string;
      readonly readings: number;
      readonly backwards: number;
    }[];
  };

/** A line of the program's, nanoseconds; undefined for others. */
export function parseClockLine(line: string): ClockLine | undefined {
  const match = /^([TR])((?: [0-9a-f]{16})+)\r?$/.exec(line);
  if (match === null) return undefined;
  const numbers = match[2].trim().split(" ").map((digits) => BigInt(`0x${digits}`));
  if (match[1] === "T") {
    const [tsc, monotonic, realtime] = numbers;
    return { kind: "time", tsc: Number(tsc), monotonic: Number(monotonic), realtime };
  }
  const clocks = CLOCKS.map((name, i) => ({
    name,
    readings: Number(numbers[1 + 2 * i]),
    backwards: Number(numbers[2 + 2 * i]),
  }));
  return { kind: "report", handovers: Number(numbers[0]), clocks };
}
