/** The dashboard beside a Debian guest: what only a real kernel shows and answers. */
import assert from "node:assert/strict";
import { OFFLINE } from "../guests.ts";
import { assertLogged, selectDomain } from "./domain_table.ts";
import { CLEAR_ESCAPE, keyBytes } from "./key_bytes.ts";
import { XendPlace } from "./xend_place.ts";

const place = new XendPlace();
Deno.test.beforeAll(async () => {
  await place.start();
  if (!OFFLINE) await place.succeeds("create", "-q", "configs/debian-shell.cfg", 'name="debian"', "vcpus=2");
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
