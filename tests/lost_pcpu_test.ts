/** A whole pCPU worker dies: the domain that ran on it ends with a clear reason, the others and the machine go on. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { parseKernel } from "../core/builder/mod.ts";
import { xenParts } from "../core/hypervisor/parts.ts";
import { builtinGuest, pvKernel } from "../core/toolstack/guests/builtin.ts";
import { startXenHost } from "../core/toolstack/xen_host.ts";
import { bringUpSecond, hypercall, SECOND_DATA } from "./second_vcpu.ts";

const SECONDS = 30;

/** The second vCPU changes a mapping all the time, for which every vCPU of the domain must leave its code; the first then dies. */
const doomed = (death: string) => `
hypercall_base:
entry:  mov     rax, [rsi + 104]
        lea     rcx, [rel entry]
        lea     rdx, [rel page]
        sub     rdx, rcx
        shr     rdx, 12
        mov     rax, [rax + rdx*8]
        shl     rax, 12
        mov     [rel entry_of_page], rax
        ${bringUpSecond("bad")}
.wait:  cmp     qword [rel changes], 1000
        jb      .wait
        ${death}
bad:    ud2
second: mov     rsi, [rel entry_of_page]
        or      rsi, 5
        call    map
        mov     rsi, [rel entry_of_page]
        or      rsi, 7
        call    map
        inc     qword [rel changes]
        jmp     second
map:    lea     rdi, [rel page]
        mov     edx, 2
        call    ${hypercall("update_va_mapping")}
        mov     byte [rel byte_of_code], 0x90
byte_of_code:
        nop
        ret
        align 4096
hypercall_page: times 4096 db 0
page:   times 4096 db 0
changes: dq 0
entry_of_page: dq 0
${SECOND_DATA}
`;

for (
  const [where, death] of [
    ["in a hypercall, with locks held", `xor edi, edi\ncall ${hypercall("xen_version")}`],
    ["in the middle of an instruction", "rdrand rax"],
  ]
) {
  Deno.test(`a pCPU worker that dies ${where} takes its domain along and nothing else`, async () => {
    const log: string[] = [];
    const { support, image, makeEngine } = xenParts();
    const parts = {
      workerUrl: new URL("./lost_pcpu_worker.ts", import.meta.url),
      support,
      image,
      makeEngine,
    };
    const host = await startXenHost({ pcpus: 2, parts, log: (line) => log.push(line) });
    const create = (name: string, kernel: Uint8Array, vcpus: number, output: (bytes: Uint8Array) => void) =>
      host.createDomain({
        name,
        memoryMiB: 16,
        maxMemoryMiB: 16,
        vcpus,
        kernel: parseKernel(kernel),
        kernelName: name,
        cmdline: "",
        consoleOutput: output,
      });
    const echo = builtinGuest("echo");
    assert.ok(echo);
    try {
      let text = "";
      const decoder = new TextDecoder();
      const other = await create(
        "other",
        echo,
        1,
        (bytes) => text += decoder.decode(bytes, { stream: true }),
      );
      const ask = async (question: string, answer: RegExp) => {
        const from = text.length;
        other.consoleInput(new TextEncoder().encode(`${question}\n`));
        for (
          const end = performance.now() + SECONDS * 1000;
          !answer.test(text.slice(from));
          await sleep(10)
        ) {
          assert.ok(performance.now() < end, `no answer: ${text.slice(from)}\n${log.join("\n")}`);
        }
      };
      other.unpause();
      await ask("time", /uptime \d+ ms/);
      const victim = await create("doomed", pvKernel("doomed", doomed(death)), 2, () => {});
      victim.unpause();
      const late = sleep(SECONDS * 1000).then(() => assert.fail(`it did not end\n${log.join("\n")}`));
      const { reason, registerDump } = await Promise.race([victim.ended, late]);
      assert.equal(reason, "crash");
      assert.match(registerDump ?? "", /internal error: cpu#[01] was lost: .*killed by the test in/);
      for (let i = 0; i < 5; i++) await ask("time", /uptime \d+ ms/);
      await victim.destroy();
      // Another worker has taken the place: both pCPUs run guests again.
      const more = await Promise.all([1, 2].map((n) => create(`more${n}`, echo, 1, () => {})));
      for (const domain of more) {
        domain.unpause();
        domain.consoleInput(new TextEncoder().encode("halt\n"));
      }
      const ends = await Promise.race([Promise.all(more.map(({ ended }) => ended)), late]);
      assert.deepEqual(ends.map((end) => end.reason), ["poweroff", "poweroff"], log.join("\n"));
      await ask("time", /uptime \d+ ms/);
      assert.ok(log.some((line) => /cpu#[01] lost: /.test(line)));
      assert.ok(!log.some((line) => /does not come back/.test(line)), log.join("\n"));
    } finally {
      await host.stop();
    }
  });
}
