/** One domain with two vCPUs on two pCPUs: locked counters, a lock of the guest's own, and time that both agree on. */
import assert from "node:assert/strict";
import { buildPv, parseKernel } from "../core/builder/mod.ts";
import { vcpu_guest_context, VGCF_in_kernel } from "../core/hypervisor/abi/xen.ts";
import { Host } from "../core/hypervisor/host.ts";
import { assemble } from "../core/isa/mod.ts";
import { pvKernel } from "../core/toolstack/guests/builtin.ts";

const ROUNDS = 50_000;
const VIRT_BASE = 0xffffffff80000000n;
const field = (path: Parameters<typeof vcpu_guest_context.offset>[0]) => vcpu_guest_context.offset(path);

const TEXT = `
base:
entry:
        mov     rbx, rsi
        ; the mfn of the top-level table: p2m[pfn of start_info.pt_base]
        mov     rax, [rbx + 88]
        lea     rdx, [rel base]
        sub     rax, rdx
        shr     rax, 12
        mov     rdx, [rbx + 104]
        mov     rax, [rdx + rax*8]
        shl     rax, 12
        lea     rdi, [rel context]
        mov     [rdi + ${field("ctrlreg") + 24}], rax
        mov     qword [rdi + ${field("flags")}], ${VGCF_in_kernel}
        lea     rax, [rel second]
        mov     [rdi + ${field("user_regs.rip")}], rax
        mov     dword [rdi + ${field("user_regs.cs")}], 0xe033
        mov     dword [rdi + ${field("user_regs.ss")}], 0xe02b
        mov     qword [rdi + ${field("kernel_ss")}], 0xe02b
        lea     rax, [rel second_stack]
        mov     [rdi + ${field("user_regs.rsp")}], rax
        mov     [rdi + ${field("kernel_sp")}], rax
        mov     qword [rdi + ${field("user_regs.rflags")}], 0x200
        lea     rdx, [rel context]
        mov     esi, 1
        xor     edi, edi                        ; VCPUOP_initialise
        call    hypercall_page + 24*32
        mov     [rel initialised], eax
        mov     edi, 1                          ; VCPUOP_up
        mov     esi, 1
        xor     edx, edx
        call    hypercall_page + 24*32
        mov     [rel up], eax
        call    work
.wait:
        pause
        cmp     dword [rel done], 2
        jne     .wait
        mov     edi, 2                          ; SCHEDOP_shutdown
        lea     rsi, [rel reason]
        call    hypercall_page + 29*32
        ud2

second:
        call    work
        mov     edi, 2                          ; VCPUOP_down
        mov     esi, 1
        xor     edx, edx
        call    hypercall_page + 24*32
        ud2

work:
        ; both begin together, so that they do run at the same time
        lock inc dword [rel begun]
.begin:
        pause
        cmp     dword [rel begun], 2
        jb      .begin
        mov     ebx, ${ROUNDS}
.round:
        lock inc qword [rel locked]
        mov     eax, 1
        lock xadd [rel added], rax
        ; a lock of our own
.take:
        mov     eax, 1
        xchg    [rel lock_word], eax
        test    eax, eax
        jnz     .take
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        cmp     rax, [rel latest]
        jae     .later
        inc     qword [rel backwards]
.later:
        mov     [rel latest], rax
        inc     qword [rel guarded]
        mov     dword [rel lock_word], 0
        dec     ebx
        jnz     .round
        lock inc dword [rel done]
        ret

        align   4096
counters:
locked:      dq 0
added:       dq 0
guarded:     dq 0
backwards:   dq 0
latest:      dq 0
lock_word:   dd 0
done:        dd 0
begun:       dd 0
initialised: dd 99
up:          dd 99
reason:      dd 0
        align   4096
context:
        times   8192 db 0
        times   4096 db 0
second_stack:
hypercall_page:
        times   4096 db 0
`;

Deno.test("two vCPUs of one domain share memory, locks and time", async () => {
  const kernel = parseKernel(pvKernel("smp", TEXT));
  const { labels } = assemble(TEXT, { mode: 64, origin: VIRT_BASE });
  const log: string[] = [];
  await using host = await Host.start({ pcpus: 2, log: (line) => log.push(line) });
  const domain = await host.createDomain({
    name: "smp",
    memoryMiB: 8,
    vcpus: 2,
    build: (target) => buildPv(target, { kernel, cmdline: "" }),
  });
  domain.unpause();
  const { reason } = await domain.ended;
  assert.equal(reason, "poweroff", log.join("\n"));
  const page = domain.frame(domain.domain.mfnBase + Number((labels.get("counters")! - VIRT_BASE) >> 12n));
  const view = new DataView(page.buffer, page.byteOffset, 4096);
  const offset = (label: string) => Number(labels.get(label)! - labels.get("counters")!);
  const counter = (label: string) => Number(view.getBigUint64(offset(label), true));
  const word = (label: string) => view.getInt32(offset(label), true);
  assert.deepEqual([word("initialised"), word("up")], [0, 0]);
  assert.equal(counter("locked"), 2 * ROUNDS);
  assert.equal(counter("added"), 2 * ROUNDS);
  assert.equal(counter("guarded"), 2 * ROUNDS);
  assert.equal(counter("backwards"), 0);
  const { vcpus } = domain.info();
  assert.ok(vcpus.every(({ retired }) => retired > 6 * ROUNDS), JSON.stringify(vcpus));
});
