/** Debian's kernel on an interpreter that walks the page tables at every TLB hit and compares: no flush is ever missing. */
import assert from "node:assert/strict";
import { parseKernel } from "../core/builder/mod.ts";
import { buildInterpreter } from "../core/cpu/mod.ts";
import { makeXenEngine, xenParts } from "../core/hypervisor/parts.ts";
import { busyboxInitramfs } from "../core/toolstack/guests/busybox.ts";
import { cacheDirectory } from "../core/toolstack/guests/cache.ts";
import { debianKernel } from "../core/toolstack/guests/debian_kernel.ts";
import { startXenHost } from "../core/toolstack/xen_host.ts";
import { OFFLINE } from "./guests.ts";

const SECONDS = 600;
const END = "all of it ran";

/** Forks, pipes, exec, files, signals, memory that comes and goes, mappings that change. */
const INIT = `#!/bin/sh
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
seq 1 3000 | awk '{ s += $1 } END { print "sum", s }'
dd if=/dev/zero of=/zeros bs=64k count=64 2>/dev/null
gzip -c /zeros | gunzip -c | md5sum
rm /zeros
for i in 1 2 3 4 5 6 7 8; do (echo $i | cat | sed s/^/fork-/) & done; wait
sleep 100 & kill -TERM $!; wait $!; echo "status $?"
echo "cpus $(nproc)"
echo ${END}
exec poweroff -f
`;

for (const vcpus of [1, 2]) {
  Deno.test({
    name: `Debian boots and runs programs with every TLB hit compared with a page walk: ${vcpus} vCPU`,
    ignore: OFFLINE,
    fn: async () => {
      const apt = { cache: cacheDirectory(), progress: console.error };
      const kernel = await debianKernel({ flavour: "cloud" }, apt);
      const init = { kind: "file", path: "init", data: INIT, mode: 0o755 } as const;
      const ramdisk = await busyboxInitramfs(apt, { extra: [init] });
      const image = buildInterpreter({ checkTlb: true });
      const { workerUrl, support } = xenParts();
      const parts = { workerUrl, support, image, makeEngine: makeXenEngine.bind(undefined, image) };
      const log: string[] = [];
      let text = "";
      const decoder = new TextDecoder();
      const host = await startXenHost({ pcpus: vcpus, parts, log: (line) => log.push(line) });
      try {
        const domain = await host.createDomain({
          name: "checked",
          memoryMiB: 192,
          maxMemoryMiB: 192,
          vcpus,
          kernel: parseKernel(await Deno.readFile(kernel.path)),
          kernelName: kernel.release,
          ramdisk,
          cmdline: "console=hvc0",
          consoleOutput: (bytes) => text += decoder.decode(bytes, { stream: true }),
        });
        domain.unpause();
        let timer: ReturnType<typeof setTimeout> | undefined;
        const late = new Promise<never>((_, reject) => {
          timer = setTimeout(() => reject(new Error(`no end: ${text.slice(-1500)}`)), SECONDS * 1000);
        });
        try {
          const { reason } = await Promise.race([domain.ended, late]);
          // A hit that is no longer true is an internal error: the domain crashes, and the log names the entry.
          assert.equal(reason, "poweroff", `${log.join("\n")}\n${text.slice(-1500)}`);
        } finally {
          clearTimeout(timer);
        }
        await domain.destroy();
      } finally {
        await host.stop();
      }
      assert.match(text, /sum 4501500\r\n/);
      assert.match(text, /b5cfa9d6c8febd618f91ac2843d50a1c {2}-\r\n/);
      for (let i = 1; i <= 8; i++) assert.ok(text.includes(`fork-${i}\r\n`));
      assert.match(text, new RegExp(`status 143\\r\\ncpus ${vcpus}\\r\\n${END}`));
    },
  });
}
