/** Small kernels that misbehave in one way each. */
import { pvKernel } from "../../core/toolstack/guests/builtin.ts";

/** Registers at the start: rsi = start_info, as Xen's ABI has it. */
const PRELUDE = `
base:
entry:
        cld
        mov     rbx, rsi
        lea     rsp, [rel stack_top]
        jmp     start

; eax: reason
shutdown:
        mov     [rel word_a], eax
        mov     edi, 2
        lea     rsi, [rel word_a]
        mov     eax, 29
        syscall
        ud2

; rax: mfn. rax = its address in the bootstrap mapping
address_of:
        mov     rdx, 0xffff800000000000
        mov     rax, [rdx + rax*8]
        shl     rax, 12
        lea     rdx, [rel base]
        add     rax, rdx
        ret

; esi: event channel. Sends.
send:
        mov     [rel word_a], esi
        mov     edi, 4
        lea     rsi, [rel word_a]
        mov     eax, 32
        syscall
        ret
`;

const DATA = `
        align   8
word_a: dq 0
word_b: dq 0
traps:  dq 0xe033000d, handler, 0xe033000e, handler, 0xe0330006, handler, 0, 0
        align   4096
        times   8192 db 0
stack_top:
hypercall_page: times 4096 db 0
`;

const BODIES = {
  /** An exception while no trap table is set. */
  "no handler": `
start:  mov     rax, 0x1122334455667788
        ud2
handler:
`,
  /** An exception whose frame cannot be pushed. */
  "no stack": `
start:  lea     rdi, [rel traps]
        xor     eax, eax
        syscall
        mov     rsp, 0x1000
        ud2
handler: ud2
`,
  /** Its handler faults too, again and again, until the stack is used up. */
  "faulting handler": `
start:  lea     rdi, [rel traps]
        xor     eax, eax
        syscall
        ud2
handler:
        push    rax
        ud2
`,
  "asks for a crash": `
start:  mov     eax, 3
        jmp     shutdown
handler:
`,
  /** Endless, with events masked (as they are from the start). */
  "endless loop": `
start:  inc     rax
        jmp     start
handler:
`,
  /** Endless hypercalls that do next to nothing. */
  "endless hypercalls": `
start:  mov     eax, 17
        xor     edi, edi
        xor     esi, esi
        syscall
        jmp     start
handler:
`,
  /** Indexes that no ring has, and events so that Domain-0 looks; then it powers off. */
  "broken rings": `
start:  mov     rax, [rbx + 72]
        call    address_of
        mov     dword [rax + 3072], 0x80000000
        mov     dword [rax + 3076], 0x7fffffff
        mov     dword [rax + 3080], 0xdeadbeef
        mov     dword [rax + 3084], 0x12345678
        mov     rax, [rbx + 56]
        call    address_of
        mov     dword [rax + 2048], 0xcafebabe
        mov     dword [rax + 2052], 0x13371337
        mov     dword [rax + 2056], 0x80000001
        mov     dword [rax + 2060], 3
        mov     r12d, 2000
.again: mov     esi, [rbx + 80]
        call    send
        mov     esi, [rbx + 64]
        call    send
        dec     r12d
        jnz     .again
        xor     eax, eax
        jmp     shutdown
handler:
`,
  /** Every event channel that it can get, and an event on each as fast as they go, for ever. */
  "event storm": `
start:  mov     dword [rel word_b], 0           ; EVTCHNOP_bind_ipi for vCPU 0
        mov     edi, 7
        lea     rsi, [rel word_b]
        mov     eax, 32
        syscall
        test    rax, rax
        jz      start
.again: mov     r12d, 4096
.next:  dec     r12d
        js      .again
        mov     esi, r12d
        call    send
        jmp     .next
handler:
`,
  /** Gives back every frame it has, mapped or not, then takes the mappings away from under itself. */
  "balloons away": `
start:  mov     r12, [rbx + 104]                ; the p2m list
        mov     r13, [rbx + 32]                 ; nr_pages
        xor     r14d, r14d
.next:  lea     rax, [r12 + r14*8]
        mov     [rel reservation], rax
        mov     qword [rel reservation + 8], 1
        mov     edi, 1
        lea     rsi, [rel reservation]
        mov     eax, 12
        syscall
        inc     r14
        cmp     r14, r13
        jb      .next
        xor     r14d, r14d
.unmap: mov     rdi, r14
        shl     rdi, 12
        lea     rax, [rel base]
        add     rdi, rax
        xor     esi, esi
        mov     edx, 2
        mov     eax, 14
        syscall
        inc     r14
        jmp     .unmap
        align   8
reservation: dq 0, 1, 0, 0x7ff0
handler:
`,
} as const;

export type BadGuest = keyof typeof BODIES;

/** The kernel image. */
export function badGuest(name: BadGuest): Uint8Array {
  return pvKernel(name.replaceAll(" ", "-"), `${PRELUDE}${BODIES[name]}${DATA}`);
}
