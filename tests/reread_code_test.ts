/**
 * Code that changes in a frame which a guest has executed before, by writers other than its own processor: another
 * domain's grant copies and mapped grants, and Domain-0, here with the console's ring. A device that reads into guest
 * frames goes the same way as the ring (`HostDomain.page`).
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { parseKernel } from "../core/builder/mod.ts";
import {
  GNTMAP_host_map,
  gnttab_copy,
  gnttab_map_grant_ref,
  gnttab_setup_table,
  GNTTABOP,
} from "../core/hypervisor/abi/grant_table.ts";
import { DOMID_SELF, HYPERVISOR } from "../core/hypervisor/abi/hypercall_numbers.ts";
import { pvKernel } from "../core/toolstack/guests/builtin.ts";
import { startXenHost } from "../core/toolstack/xen_host.ts";

const SECONDS = 60;
/** The last value is the order to end. */
const COPIES_TO = 100, STORES_TO = 200, LAST = 255;
const CODE_REF = 8, SHARED_REF = 9;
/** GNTCOPY_dest_gref */
const DEST_GREF = 2;
/** Where in the page the changing instruction lies: a jump in the page leads there. */
const CHANGING = 0x200;

const SHUTDOWN = `
done:   mov     dword [rel reason], 0
        jmp     stop
bad:    mov     dword [rel reason], 3
stop:   mov     edi, 2
        lea     rsi, [rel reason]
        call    hypercall_page + ${HYPERVISOR.sched_op * 32}
        jmp     stop
yield:  mov     edi, 0
        call    hypercall_page + ${HYPERVISOR.sched_op * 32}
        ret
; rdi: a page of ours -> rax: its mfn, by the p2m of start_info
mfn_of: mov     rax, [rel start_info]
        mov     rax, [rax + 104]
        lea     rcx, [rel base]
        sub     rdi, rcx
        shr     rdi, 12
        mov     rax, [rax + rdi*8]
        ret
reason: dd 0
start_info: dq 0
        align 4096
hypercall_page: times 4096 db 0
`;

/** Grants a page of code and a page for what it gives, and runs the code again and again, and tells what it gave and how often. */
const executor = (writer: number) => `
base:
entry:  mov     [rel start_info], rsi
        lea     rsi, [rel setup]
        mov     edi, ${GNTTABOP.setup_table}
        mov     edx, 1
        call    hypercall_page + ${HYPERVISOR.grant_table_op * 32}
        or      eax, [rel setup + ${gnttab_setup_table.offset("status")}]
        test    ax, ax
        jnz     bad
        lea     rdi, [rel table]
        mov     rsi, [rel frame]
        shl     rsi, 12
        or      rsi, 7
        mov     edx, 2
        call    hypercall_page + ${HYPERVISOR.update_va_mapping * 32}
        test    rax, rax
        jnz     bad
        lea     rdi, [rel code]
        call    mfn_of
        mov     [rel table + ${CODE_REF * 8 + 4}], eax
        lea     rdi, [rel shared]
        call    mfn_of
        mov     [rel table + ${SHARED_REF * 8 + 4}], eax
        mov     dword [rel table + ${CODE_REF * 8}], ${writer << 16 | 1}
        mov     dword [rel table + ${SHARED_REF * 8}], ${writer << 16 | 1}
again:  mov     ebx, 200
.call:  call    code
        cmp     eax, ${LAST}
        je      done
        mov     [rel shared], eax
        inc     dword [rel shared + 4]
        dec     ebx
        jnz     .call
        call    yield
        jmp     again
        align 8
setup:  dw ${DOMID_SELF}, 0
        dd 1
        dq 0
        dq frame
frame:  dq 0
${SHUTDOWN}
        align 4096
code:   xor     eax, eax
        jmp     changing
        times ${CHANGING} - ($ - code) db 0xcc
changing:
        mov     eax, 1
        ret
        align 4096
shared: times 4096 db 0
table:  times 4096 db 0
`;

/** Changes the other's code, first by grant copies and then by stores through a mapping, and looks at the effect of each. */
const writer = (executor: number) => `
base:
entry:  mov     [rel start_info], rsi
.map:   mov     eax, ${SHARED_REF}
        lea     rdi, [rel shared]
        call    map
        jnz     .map
        mov     ebx, 2
.copy:  mov     [rel text + 1], bl
        lea     rdi, [rel text]
        and     rdi, -4096
        call    mfn_of
        mov     [rel copy + ${gnttab_copy.offset("source")}], rax
        mov     edi, ${GNTTABOP.copy}
        lea     rsi, [rel copy]
        mov     edx, 1
        call    hypercall_page + ${HYPERVISOR.grant_table_op * 32}
        test    rax, rax
        jnz     bad
        cmp     word [rel copy + ${gnttab_copy.offset("status")}], 0
        jne     bad
        call    await
        inc     ebx
        cmp     ebx, ${COPIES_TO}
        jbe     .copy
        mov     eax, ${CODE_REF}
        lea     rdi, [rel theirs]
        call    map
        jnz     bad
.store: mov     [rel theirs + ${CHANGING + 1}], bl
        call    await
        inc     ebx
        cmp     ebx, ${STORES_TO}
        jbe     .store
        mov     byte [rel theirs + ${CHANGING + 1}], ${LAST}
        jmp     done
; The change is complete. The other's next run may have begun before that; from the one after it on all give ebx.
await:  mov     ebp, [rel shared + 4]
.next:  call    yield
        mov     eax, [rel shared + 4]
        sub     eax, ebp
        cmp     eax, 2
        jb      .next
        cmp     [rel shared], ebx
        jne     bad
        cmp     eax, 1000
        jb      .next
        ret
; eax: the other's grant reference, rdi: our page in whose place it comes -> zero flag: it did
map:    mov     [rel mapping + ${gnttab_map_grant_ref.offset("host_addr")}], rdi
        mov     [rel mapping + ${gnttab_map_grant_ref.offset("ref")}], eax
        mov     edi, ${GNTTABOP.map_grant_ref}
        lea     rsi, [rel mapping]
        mov     edx, 1
        call    hypercall_page + ${HYPERVISOR.grant_table_op * 32}
        cmp     word [rel mapping + ${gnttab_map_grant_ref.offset("status")}], 0
        ret
        align 8
mapping:
        dq 0
        dd ${GNTMAP_host_map}, 0
        dw ${executor}, 0
        dd 0
        dq 0
copy:   dq 0
        dw ${DOMID_SELF}, 0
        dd 0
        dq ${CODE_REF}
        dw ${executor}, ${CHANGING}
        dd 0
        dw 6, ${DEST_GREF}, 0, 0
${SHUTDOWN}
        align 4096
text:   mov     eax, 1
        ret
        align 4096
shared: times 4096 db 0
theirs: times 4096 db 0
`;

/** Runs what lies at the start of the console's input ring each time that the ring is full, and prints what that gives. */
const RING_GUEST = `
base:
entry:  mov     [rel start_info], rsi
        mov     eax, [rsi + 80]
        mov     [rel port], eax
        mov     rax, [rsi + 72]
        mov     rdx, 0xffff800000000000
        mov     rbp, [rdx + rax*8]
        shl     rbp, 12
        lea     rdx, [rel base]
        add     rbp, rdx
.wait:  call    yield
        mov     ebx, [rbp + 3076]
        mov     eax, ebx
        sub     eax, [rbp + 3072]
        cmp     eax, 1024
        jne     .wait
        call    rbp
        cmp     al, ${LAST}
        je      done
        mov     ecx, [rbp + 3084]
        mov     edx, ecx
        and     edx, 2047
        mov     [rbp + rdx + 1024], al
        inc     ecx
        mov     [rbp + 3084], ecx
        mov     [rbp + 3072], ebx
        mov     edi, 4
        lea     rsi, [rel port]
        call    hypercall_page + ${HYPERVISOR.event_channel_op * 32}
        jmp     .wait
port:   dd 0
${SHUTDOWN}
`;

function spec(name: string, text: string, consoleOutput: (bytes: Uint8Array) => void = () => {}) {
  return {
    name,
    memoryMiB: 16,
    maxMemoryMiB: 16,
    vcpus: 1,
    kernel: parseKernel(pvKernel(name, text)),
    kernelName: name,
    cmdline: "",
    consoleOutput,
  };
}

for (const pcpus of [1, 2]) {
  const where = pcpus === 1 ? "one pCPU" : "two pCPUs at once";
  Deno.test(`code that another domain copies or writes into a granted frame is run as it is then: ${where}`, async () => {
    const log: string[] = [];
    const host = await startXenHost({ pcpus, log: (line) => log.push(line) });
    try {
      const first = await host.createDomain(spec("executor", executor(2)));
      const second = await host.createDomain(spec("writer", writer(first.domid)));
      assert.equal(second.domid, 2);
      first.unpause();
      second.unpause();
      let ended = false;
      const ends = Promise.all([first.ended, second.ended]).then((all) => {
        ended = true;
        return all.map(({ reason }) => reason);
      });
      const deadline = performance.now() + SECONDS * 1000;
      let wereBoth = false;
      while (!ended && performance.now() < deadline) {
        await Promise.race([ends, sleep(5)]);
        const states = [first, second].map((domain) => domain.info().vcpus[0]);
        wereBoth ||= states.every(({ state }) => state === "running") && states[0].pcpu !== states[1].pcpu;
        // One that crashed leaves the other waiting.
        if (states.some(({ state }) => state === "offline")) await Promise.race([ends, sleep(500)]);
        if ([first, second].some((domain) => domain.info().crashed)) break;
      }
      assert.ok(ended, `no end; ${log.join("\n")}`);
      assert.deepEqual(await ends, ["poweroff", "poweroff"], log.join("\n"));
      assert.equal(wereBoth, pcpus === 2);
      const { counters } = second.info();
      assert.equal(counters.grantCopies, COPIES_TO - 1);
    } finally {
      await host.stop();
    }
  });
}

Deno.test("code that Domain-0 writes into a frame, here the console's ring, is run as it is then", async () => {
  const log: string[] = [];
  const host = await startXenHost({ pcpus: 2, log: (line) => log.push(line) });
  try {
    const seen: number[] = [];
    let wake = () => {};
    const domain = await host.createDomain(spec("ring", RING_GUEST, (bytes) => {
      seen.push(...bytes);
      wake();
    }));
    domain.unpause();
    const type = (value: number) => {
      const text = new Uint8Array(1024).fill(0x90);
      text.set([0xb8, value, 0, 0, 0, 0xc3]);
      domain.consoleInput(text);
    };
    for (let value = 1; value <= 50; value++) {
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      type(value);
      const end = domain.ended.then(({ reason }) => assert.fail(`${reason}: ${log.join("\n")}`));
      await Promise.race([promise, end, sleep(SECONDS * 1000).then(() => assert.fail("no answer"))]);
      assert.equal(seen.at(-1), value);
    }
    type(LAST);
    assert.equal((await domain.ended).reason, "poweroff", log.join("\n"));
    assert.equal(seen.length, 50);
    await domain.destroy();
  } finally {
    await host.stop();
  }
});
