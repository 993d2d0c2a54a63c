import assert from "node:assert/strict";
import {
  canReturnPages,
  cleanMappings,
  returnCode,
  returnFreedMemory,
  returnPages,
} from "./memory_return.ts";

const LINUX = Deno.build.os === "linux";

/** Resident pages of files, KiB (proc_pid_status(5)). */
function residentFileKiB(): number {
  return Number(/^RssFile:\s+(\d+) kB$/m.exec(Deno.readTextFileSync("/proc/self/status"))?.[1]);
}

const SMAPS = `55a1b0000000-55a1b1b8e000 r--p 00000000 fe:00 7 /opt/a deno
Rss:               12000 kB
Anonymous:             0 kB
55a1b1b8e000-55a1b5882000 r-xp 01b8d000 fe:00 7 /opt/a deno
Rss:               30000 kB
Anonymous:             0 kB
55a1b5882000-55a1b5c00000 r--p 05880000 fe:00 7 /opt/a deno
Rss:                2504 kB
Anonymous:          2504 kB
55a1b5c00000-55a1b5d00000 rw-p 05bfe000 fe:00 7 /opt/a deno
Anonymous:             0 kB
7fc276000000-7fc288000000 rw-p 00000000 00:00 0 
Anonymous:        102984 kB
7fc288000000-7fc288001000 r-xp 00000000 00:00 0                          [vdso]
Anonymous:             0 kB
7fc289000000-7fc289001000 r-xp 00000000 00:00 0 
Anonymous:             0 kB
7fc34cbcd000-7fc34cd23000 r-xp 00026000 fe:00 9 /usr/lib/libc.so.6
Anonymous:             0 kB
`;

Deno.test("mappings are clean that hold their file's own pages only", () => {
  assert.deepEqual(cleanMappings(SMAPS), [
    { start: 0x55a1b0000000n, bytes: 0x1b8e000n },
    { start: 0x55a1b1b8e000n, bytes: 0x3cf4000n },
    { start: 0x7fc34cbcd000n, bytes: 0x156000n },
  ]);
});

Deno.test({
  name: "code leaves the process and comes back when it is run",
  ignore: !LINUX,
  fn: async () => {
    const before = residentFileKiB();
    assert.equal(returnCode(), true);
    assert.ok(residentFileKiB() < before / 2, `${before} KiB, then ${residentFileKiB()} KiB`);
    // Compiler, regular expressions, a thread, a timer: all of it still there.
    const worker = new Worker("data:text/javascript,postMessage(/b+/.exec('abbc')[0])", { type: "module" });
    const answer = await new Promise((resolve) => worker.onmessage = ({ data }) => resolve(data));
    worker.terminate();
    assert.equal(answer, "bb");
  },
});

Deno.test({
  name: "returned pages read as zero, the others stay",
  ignore: !LINUX,
  fn: () => {
    assert.equal(canReturnPages(), true);
    const memory = new WebAssembly.Memory({ initial: 2, maximum: 2, shared: true });
    const bytes = new Uint8Array(memory.buffer).fill(7);
    assert.equal(returnPages(memory, 8192, 4096), true);
    assert.deepEqual([bytes[8191], bytes[8192], bytes[12287], bytes[12288]], [7, 0, 0, 7]);
    assert.equal(typeof returnFreedMemory(), "boolean");
  },
});
