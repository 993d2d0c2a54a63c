/** Two vCPUs of one domain on two pCPU workers at once: locks, page-table changes, time, stopping. */
import assert from "node:assert/strict";
import { parseKernel } from "../core/builder/mod.ts";
import { VCPUOP } from "../core/hypervisor/abi/vcpu.ts";
import { pvKernel } from "../core/toolstack/guests/builtin.ts";
import { startXenHost } from "../core/toolstack/xen_host.ts";
import { bringUpSecond, hypercall, SECOND_DATA } from "./second_vcpu.ts";

const ROUNDS = 20_000;

/** Both vCPUs run `work`; the first compares what came out and ends the domain: poweroff when all is right, else a crash. */
const GUEST = `
hypercall_base:
entry:
        mov     [rel start_info], rsi
        ${bringUpSecond("bad")}
        lea     r12, [rel first_page]
        lea     r13, [rel second_page]
        call    work
wait:   mov     edi, 0
        call    ${hypercall("sched_op")}
        cmp     dword [rel finished], 1
        jne     wait
        cmp     qword [rel plain], ${2 * ROUNDS}
        jne     bad
        cmp     qword [rel atomic], ${2 * ROUNDS * 3}
        jne     bad
        mov     eax, [rel first_page]
        cmp     eax, ${ROUNDS}
        jne     bad
        mov     eax, [rel second_page]
        cmp     eax, ${ROUNDS}
        jne     bad
        mov     dword [rel reason], 0
        jmp     stop
bad:    mov     dword [rel reason], 3
stop:   mov     edi, 2
        lea     rsi, [rel reason]
        call    ${hypercall("sched_op")}
        jmp     stop

second:
        lea     r12, [rel second_page]
        lea     r13, [rel first_page]
        call    work
        mov     dword [rel finished], 1
        mov     edi, ${VCPUOP.down}
        mov     esi, 1
        xor     edx, edx
        call    ${hypercall("vcpu_op")}
        ud2

; r12: this vCPU's page, r13: the other's
work:
        mov     r14d, ${ROUNDS}
        ; the page's frame: base pfn by the machine-to-phys table the other way round is not needed, its entry is read from the p2m
        mov     rax, [rel start_info]
        mov     rbx, [rax + 104]
        lea     rcx, [rel entry]
        mov     rdx, r12
        sub     rdx, rcx
        shr     rdx, 12
        mov     rbx, [rbx + rdx*8]
        shl     rbx, 12
.again:
        mov     rax, 3
        lock xadd [rel atomic], rax
        ; a spin lock around an increment that is not atomic, and around time that must not go back
.lock:  mov     eax, 1
        xchg    [rel lock_word], eax
        test    eax, eax
        jz      .held
        pause
        jmp     .lock
.held:  inc     qword [rel plain]
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        cmp     rax, [rel latest]
        jb      bad
        mov     [rel latest], rax
        mov     dword [rel lock_word], 0
        ; every 16th time: the page is made read-only and writable again
        test    r14d, 15
        jnz     .write
        mov     rdi, r12
        lea     rsi, [rbx + 5]
        mov     edx, 2
        call    ${hypercall("update_va_mapping")}
        test    rax, rax
        jnz     bad
        mov     rdi, r12
        lea     rsi, [rbx + 7]
        mov     edx, 2
        call    ${hypercall("update_va_mapping")}
        test    rax, rax
        jnz     bad
.write: inc     dword [r12]
        cmp     dword [r13], ${ROUNDS}
        ja      bad
        dec     r14d
        jnz     .again
        ret

        align 4096
hypercall_page: times 4096 db 0
first_page: times 4096 db 0
second_page: times 4096 db 0
start_info: dq 0
plain: dq 0
atomic: dq 0
latest: dq 0
lock_word: dd 0
finished: dd 0
reason: dd 0
${SECOND_DATA}
`;

Deno.test("two vCPUs work on the same memory and change page tables at once", async () => {
  const log: string[] = [];
  const host = await startXenHost({ pcpus: 2, log: (line) => log.push(line) });
  try {
    const domain = await host.createDomain({
      name: "smp",
      memoryMiB: 16,
      maxMemoryMiB: 16,
      vcpus: 2,
      kernel: parseKernel(pvKernel("smp", GUEST)),
      kernelName: "smp",
      cmdline: "",
      consoleOutput: () => {},
    });
    domain.unpause();
    const { reason } = await domain.ended;
    assert.equal(reason, "poweroff", log.join("\n"));
    await domain.destroy();
  } finally {
    await host.stop();
  }
});
