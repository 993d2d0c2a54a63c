/** Assembly text of guests that bring up their second vCPU. */
import { HYPERVISOR } from "../core/hypervisor/abi/hypercall_numbers.ts";
import { VCPUOP } from "../core/hypervisor/abi/vcpu.ts";
import { vcpu_guest_context as context } from "../core/hypervisor/abi/xen.ts";

/** A hypercall's place, to be called. */
export const hypercall = (name: keyof typeof HYPERVISOR) => `hypercall_page + ${HYPERVISOR[name] * 32}`;

/**
 * Starts vCPU 1 at the label `second`, on the calling vCPU's page tables. rbx is the context's address afterwards.
 * @param bad label that is jumped to when Xen refuses
 */
export const bringUpSecond = (bad: string) => `
        mov     rax, cr3
        lea     rbx, [rel context]
        mov     qword [rbx + ${context.offset("flags")}], 4
        mov     [rbx + ${context.offset("ctrlreg") + 24}], rax
        lea     rax, [rel second]
        mov     [rbx + ${context.offset("user_regs.rip")}], rax
        lea     rax, [rel second_stack]
        mov     [rbx + ${context.offset("user_regs.rsp")}], rax
        mov     [rbx + ${context.offset("kernel_sp")}], rax
        mov     qword [rbx + ${context.offset("user_regs.rflags")}], 0x202
        mov     word [rbx + ${context.offset("user_regs.cs")}], 0xe033
        mov     word [rbx + ${context.offset("user_regs.ss")}], 0xe02b
        mov     qword [rbx + ${context.offset("kernel_ss")}], 0xe02b
        mov     edi, ${VCPUOP.initialise}
        mov     esi, 1
        mov     rdx, rbx
        call    ${hypercall("vcpu_op")}
        test    rax, rax
        jnz     ${bad}
        mov     edi, ${VCPUOP.up}
        mov     esi, 1
        xor     edx, edx
        call    ${hypercall("vcpu_op")}
        test    rax, rax
        jnz     ${bad}
`;

/** What that needs at the end of the guest: the context, the stack. */
export const SECOND_DATA = `
        align 16
context: times ${context.size()} db 0
        align 16
        times 2048 db 0
second_stack: dq 0
`;
