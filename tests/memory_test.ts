/** Memory of the host, as its own accounting gives it. */
import assert from "node:assert/strict";
import { anonymousMappings, hostMemory } from "./host_memory.ts";
import { OFFLINE } from "./guests.ts";
import { Session } from "./session.ts";

const BOOT_SECONDS = 180;
/** The runtime's heaps, its program, the hypervisor's part of the domain. */
const MOST_BEYOND_MIB = 150;
const SETTLE_SECONDS = 60;

Deno.test("mappings are read from smaps", () => {
  const smaps = `7fc276000000-7fc288000000 rw-p 00000000 00:00 0 
Size:             294912 kB
Rss:              102984 kB
7fc288000000-7fc289000000 rw-p 00000000 fe:00 7 /some/file
Rss:                  12 kB
7fc28a000000-7fc28b000000 r-xp 00000000 00:00 0 
Rss:                  16 kB
`;
  assert.deepEqual(anonymousMappings(smaps), [
    { start: 0x7fc276000000, bytes: 294912 * 1024, residentBytes: 102984 * 1024 },
  ]);
});

Deno.test({
  name: `an idle Linux takes at most ${MOST_BEYOND_MIB} MiB beyond the frames that it touched`,
  ignore: OFFLINE || Deno.build.os !== "linux",
  fn: async () => {
    await using session = new Session(["create", "-c", "-q", "configs/debian-shell.cfg"]);
    await session.expect(/xenolith:.*# /, BOOT_SECONDS);
    const early = await hostMemory(session.pid, 256);
    assert.ok(early.touchedMiB > 50 && early.touchedMiB < 256, `${early.touchedMiB} MiB touched`);
    // The guest's own frames are counted as its: most of these 64 MiB are new to it.
    await session.send("dd if=/dev/zero of=/tmp/x bs=1M count=64 2>&1 | tail -1; echo do''ne\n");
    await session.expect(/done/, BOOT_SECONDS);
    const deadline = performance.now() + SETTLE_SECONDS * 1000;
    for (;;) {
      const { residentMiB, touchedMiB, beyondMiB } = await hostMemory(session.pid, 256);
      const found =
        `${residentMiB.toFixed(0)} MiB resident, ${touchedMiB.toFixed(0)} MiB touched by the guest, ` +
        `${beyondMiB.toFixed(0)} MiB beyond`;
      assert.ok(
        touchedMiB > early.touchedMiB + 30,
        `${found}; before: ${early.touchedMiB.toFixed(0)} MiB touched`,
      );
      if (beyondMiB < MOST_BEYOND_MIB) {
        console.log(found);
        break;
      }
      assert.ok(performance.now() < deadline, found);
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
    await session.send("poweroff\n");
    assert.equal((await session.finish(BOOT_SECONDS)).code, 0);
  },
});
