/** What the dashboard shows of a domain, tab by tab, of the pCPUs and in its help. */
import assert from "node:assert/strict";
import { KEY_TABLE } from "../../tui/keys/table.ts";
import { hasSelected, selectDomain } from "./domain_table.ts";
import { CLEAR_ESCAPE, keyBytes } from "./key_bytes.ts";
import { KEY, type ScreenSession } from "./screen_session.ts";
import { XendPlace } from "./xend_place.ts";

const place = new XendPlace();
Deno.test.beforeAll(() => place.start("alpha", "beta"));
Deno.test.afterAll(() => place.stop());

const LARGE = { rows: 50, columns: 132 };

/** Scrolls through what is longer than its place. @returns all of its lines */
async function allLines(top: ScreenSession, marker: RegExp): Promise<string> {
  const seen: string[] = [];
  await top.press(KEY.home);
  for (;;) {
    const screen = await top.waitFor(marker);
    const [last, all] = /\d+-(\d+) of (\d+)/.exec(screen)?.slice(1).map(Number) ?? [0, 0];
    seen.push(screen);
    if (last === all) return seen.join("\n");
    await top.press(KEY.pageDown);
    await top.waitFor((now) => /(\d+)-(\d+) of/.exec(now)?.[0] !== /(\d+)-(\d+) of/.exec(screen)?.[0]);
  }
}

place.test("each tab of a domain shows what xend knows of it", { size: LARGE }, async (top) => {
  const { uuid, domid } = (await place.domain("beta"))!;
  await selectDomain(top, "beta");
  await top.press(KEY.enter);
  const overview = await top.waitFor(/Domain beta +id/);
  assert.match(overview, new RegExp(`^Domain +${domid}$[^]*^UUID +${uuid}$`, "m"));
  assert.match(overview, /^Credit +weight 256, cap none[^]*^Memory +16\.0M, target 16\.0M/m);
  const tabs: readonly (readonly [key: string, contents: RegExp])[] = [
    ["2", /As it was given[^]*name = "beta"[^]*In effect[^]*kernel = "builtin:echo"/],
    ["3", /Weight +256[^]*^ +0 +(?:blocked|running|runnable) +\d .*all \/ all[^]*Switches/m],
    ["4", /Current .*16\.0M[^]*Highest pfn +0xfff[^]*^Pinned page tables +1$[^]*^ *writable +[\d,]+ /m],
    ["5", /no devices in XenStore/],
    ["6", /4 event channels[^]*interdomain +0 .* domain 0 port \d[^]*VIRQ timer/],
    ["7", /2 of 512 entries filled in[^]*^ +0 +access +0 +0x[0-9a-f]+ +read, write/m],
    ["8", /Instructions .*\d\/s[^]*TLB misses[^]*Hypercalls +\d+\/s +Exits[^]*set_timer_op +\S+ +\d+/],
    ["9", /Xenolith's built-in guest[^]*Type help for the commands/],
    ["0", /INFO \(.*xend .* starts[^]*domain beta \(\d+\): created/],
  ];
  for (const [key, contents] of tabs) {
    await top.press(key);
    await top.waitFor(contents);
  }
  // Round, past the last one.
  await top.press(KEY.tab);
  await top.waitFor(/^UUID/m);
  await top.press(KEY.backTab);
  await top.waitFor(/domain beta \(\d+\): created/);
});

place.test("the console's tab follows what the guest says", {}, async (top) => {
  await selectDomain(top, "beta");
  await top.press("9");
  await top.waitFor(/Type help for the commands/);
  using client = await place.client();
  const console = await client.attachConsole("beta");
  await console.input(new TextEncoder().encode("help\r"));
  await top.waitFor(/spin +use the processor until a key is pressed/, 5);
  console.close();
});

place.test("its tabs say when a domain is gone, and go on", {}, async (top) => {
  await place.create("brief");
  await selectDomain(top, "brief");
  await top.press("8");
  await top.waitFor(/Domain brief/);
  await place.succeeds("destroy", "brief");
  await top.waitFor(/This domain is gone/);
  await top.press("]");
  await top.waitFor(/Domain (?:Domain-0|alpha|beta) +id/);
  await top.press(CLEAR_ESCAPE);
  await top.waitFor(/^NAME/m);
});

place.test(
  "pCPUs: who runs where; vCPUs: how busy; both follow a guest that begins to work",
  {},
  async (top) => {
    await selectDomain(top, "alpha");
    await top.press("a");
    await top.waitFor(/Type help/);
    await top.press("spin\r" + keyBytes("^]"));
    await top.waitFor(hasSelected("alpha"));
    await top.press("p");
    await top.waitFor(/^ +\d +busy +\d+\.\d% .* alpha v0 /m);
    await top.waitFor(/^alpha +0 +[1-9]\d+\.\d% +running/m);
    await top.press(CLEAR_ESCAPE + "3");
    await top.waitFor(/^ +0 +running +\d +[1-9]\d+\.\d%/m);
    await top.press("1");
    await top.waitFor(/^State +running[^]*CPU +[1-9]\d+\.\d%/m);
    await top.press("a");
    await top.waitFor(/> spin/);
    await top.press(" ");
    await top.waitFor(/spins \d+/);
    await top.press(keyBytes("^]"));
    await top.waitFor(/^State +blocked/m);
  },
);

place.test("help has every key of the table, and scrolls", {}, async (top) => {
  await top.waitFor(/beta/);
  await top.press("?");
  const help = await allLines(top, /Help: keys/);
  for (const { title } of KEY_TABLE) assert.ok(help.includes(title), title);
  await top.press("q");
  await top.waitWithout(/Help: keys/);
  await top.press(keyBytes("F1"));
  await top.waitFor(/Help: keys/);
  await top.press(CLEAR_ESCAPE);
});

place.test("what happens to domains is told of as events, with times", {}, async (top) => {
  await top.waitFor(/beta/);
  await place.create("comer");
  await place.succeeds("pause", "comer");
  await place.succeeds("destroy", "comer");
  await top.press("e");
  const events = await top.waitFor(/comer[^]*comer[^]*destroyed|comer .*gone/);
  assert.match(events, /^\d\d:\d\d:\d\d {2}info +comer /m);
});
