/** The dashboard beside a Debian guest: what only a real kernel shows and answers. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { OFFLINE } from "../guests.ts";
import { assertLogged, selectDomain } from "./domain_table.ts";
import { CLEAR_ESCAPE, keyBytes } from "./key_bytes.ts";
import { XendPlace } from "./xend_place.ts";

const place = new XendPlace();
Deno.test.beforeAll(async () => {
  await place.start();
  if (OFFLINE) return;
  const image = join(place.directory, "disk.img");
  await Deno.writeFile(image, new Uint8Array(16 << 20));
  const devices = [`disk=["${image},raw,xvda,rw"]`, 'vif=["bridge=b"]'];
  await place.succeeds("create", "-q", "configs/debian-network.cfg", 'name="debian"', "vcpus=2", ...devices);
});
Deno.test.afterAll(() => place.stop());

const PROMPT = /^xenolith:\/root#$/m;
const CLEAR_LINE = keyBytes("^U");

place.test("a Debian guest: its console with a full-screen program, its inside, balloon, hotplug, shutdown", {
  size: { rows: 50, columns: 132 },
  ignore: OFFLINE,
}, async (top) => {
  await selectDomain(top, "debian");
  await top.press("a");
  await top.waitFor(PROMPT, 120);
  // Left in the middle of a program that has the whole screen.
  await top.press("vi /etc/passwd\r");
  await top.waitFor(/^~$/m);
  await top.press(keyBytes("^]"));
  const back = await top.waitFor(/xenolith console debian: done/);
  assert.match(back, /^NAME[^]*^debian +/m);
  // Its screen as it stands.
  await top.press("9");
  await top.waitFor(/^~$[^]*^~$[^]*^- \/etc\/passwd 1\/\d+/m);
  await top.press(CLEAR_ESCAPE);
  await top.waitFor(/^NAME/m);
  await top.press("a");
  await top.waitFor(/- \/etc\/passwd/);
  await top.press(":q!\r");
  await top.waitFor(PROMPT);
  await top.press(keyBytes("^]"));
  await top.waitFor(/^NAME/m);

  const tabs: readonly (readonly [key: string, contents: RegExp])[] = [
    ["1", /^vCPUs +2 of 2 online$/m],
    ["3", /^ +0 +\w+ +\d[^]*^ +1 +\w+ +\d[^]*^Time/m],
    ["4", /^l1 +\d+ [^]*^l4 +\d+ /m],
    ["5", /XenStore/],
    ["6", /^ +\d+ +virq +1 .* VIRQ timer$[^]*^ +\d+ +ipi +1 /m],
    ["7", /^ +\d+ +access +0 +0x[0-9a-f]+ +read, write/m],
    ["8", /^mmu_update +\S+ +\d+[^]*SYSCALL/m],
    ["9", /xenolith:\/root#$/m],
  ];
  for (const [key, contents] of tabs) {
    await top.press(key);
    await top.waitFor(contents);
  }
  // What it reads, writes and sends, by its own count. The tab has shown the prompt already.
  await top.press("a");
  await top.waitFor((screen) => PROMPT.test(screen) && !/^Domain debian /m.test(screen));
  await top.press(
    "dd if=/dev/xvda of=/dev/null bs=64k; dd if=/bin/busybox of=/dev/xvda conv=fsync bs=4k count=100\r",
  );
  await top.waitFor(/100\+0 records out/, 30);
  await top.press("clear; ip link set eth0 up; ping -c 1 -W 1 10.1.1.1; cat /sys/block/xvda/stat\r");
  const stat = await top.waitFor(/^ *\d+ +\d+ +\d+ .*\d$/m, 30);
  const [, , readSectors, , , , writtenSectors] = (/^ *(\d+ .*\d)$/m.exec(stat)?.[1] ?? "").split(/ +/).map(
    Number,
  );
  await top.press("clear; cat /sys/class/net/eth0/statistics/tx_packets\r");
  const [sent] = /^\d+$/m.exec(await top.waitFor(/^\d+$/m)) ?? [];
  await top.press(keyBytes("^]"));
  await top.waitFor(/^Domain debian /m);
  await top.press("5");
  const kib = (sectors: number) => `${sectors / 2}K|${(sectors / 2048).toFixed(1)}M`;
  await top.waitFor(
    new RegExp(`^51712 xvda +\\d+ +(?:${kib(readSectors)}) +\\d+ +(?:${kib(writtenSectors)}) +0$`, "m"),
  );
  await top.waitFor(new RegExp(`^ *0 .* ${sent} +0 +0$`, "m"));
  await top.press("4M");
  await top.waitFor(/Memory of debian/);
  await top.press(`${CLEAR_LINE}200\r`);
  // It gives pages back one by one, until it has what it was asked for.
  await top.waitFor(/^Current .* 200M +78\.1%[^]*^Target .* 200M/m, 30);
  await top.press("1Y");
  await top.waitFor(/vCPUs of debian/);
  await top.press(`${CLEAR_LINE}1\r`);
  await top.waitFor(/^vCPUs +1 of 2 online$/m, 30);
  await top.press(CLEAR_ESCAPE);
  await assertLogged(top, "xenolith vcpu-set debian 1");
  await top.press("H");
  await assertLogged(top, "xenolith shutdown debian");
  await top.waitWithout(/^debian/m, 60);
  await top.press("e");
  await top.waitFor(/debian .*(?:powered off|shut down|ended|gone)/);
});
