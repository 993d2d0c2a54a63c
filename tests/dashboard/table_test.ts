/** The dashboard's table with a hundred domains: selection and window, filter, order, columns, lines below a domain, delay. */
import assert from "node:assert/strict";
import { COLUMNS } from "../../tui/model/mod.ts";
import { hasSelected, selectDomain, selectedDomain, shownDomains } from "./domain_table.ts";
import { CLEAR_ESCAPE, keyBytes } from "./key_bytes.ts";
import { KEY, type ScreenSession } from "./screen_session.ts";
import { XendPlace } from "./xend_place.ts";

const COUNT = 100;
const NAMES = Array.from({ length: COUNT }, (_, index) => `web${String(index).padStart(2, "0")}`);

const place = new XendPlace();
Deno.test.beforeAll(async () => {
  await place.start("mail-server", ...NAMES);
  // Another order by name than by number.
  await place.create("archive");
});
Deno.test.afterAll(() => place.stop());

const ALL = ["Domain-0", "mail-server", ...NAMES, "archive"];

/** A name, as much of it as its column holds. */
const same = (shown: string, name: string) =>
  shown === name || (shown.length >= 10 && name.startsWith(shown));

/** Where the domains that show stand among all. */
function windowOf(screen: string): { readonly from: number; readonly to: number } {
  const shown = shownDomains(screen);
  const from = ALL.findIndex((name) => same(shown[0], name));
  shown.forEach((name, index) => assert.ok(same(name, ALL[from + index]), `${name}: ${ALL[from + index]}`));
  return { from, to: from + shown.length };
}

place.test(
  "the window follows the selection through a hundred domains and says how many are outside",
  {},
  async (top) => {
    const first = await top.waitFor(new RegExp(`Domains ${ALL.length}`));
    assert.match(first, new RegExp(`^${ALL.length} domains: \\d+ running, \\d+ blocked, 0 paused`, "m"));
    const page = windowOf(first).to;
    assert.ok(page >= 10, `${page} rows`);
    assert.match(first, new RegExp(`^${ALL.length - page} domains below\\b`, "m"));
    assert.equal(selectedDomain(first), "Domain-0");
    // Down to the last row that shows: it stays. One further: it moves by one.
    await top.press(KEY.down.repeat(page - 1));
    const edge = await top.waitFor(hasSelected(ALL[page - 1]));
    assert.deepEqual(windowOf(edge), { from: 0, to: page });
    await top.press(KEY.down);
    const further = await top.waitFor(hasSelected(ALL[page]));
    assert.deepEqual(windowOf(further), { from: 1, to: page + 1 });
    assert.match(further, new RegExp(`^1 domain above, ${ALL.length - page - 1} domains below\\b`, "m"));
    await top.press(KEY.pageDown);
    const next = await top.waitFor(hasSelected(ALL[2 * page - 1]));
    assert.equal(windowOf(next).to, 2 * page);
    await top.press(KEY.end);
    const last = await top.waitFor(hasSelected("archive"));
    assert.deepEqual(windowOf(last), { from: ALL.length - page, to: ALL.length });
    await top.press(KEY.home);
    const home = await top.waitFor(hasSelected("Domain-0"));
    assert.equal(windowOf(home).from, 0);
    // A larger window shows more of them, the selection among them.
    await top.press(KEY.end);
    await top.resize({ rows: 50, columns: 120 });
    const large = await top.waitFor((screen) =>
      shownDomains(screen).length > page && /^archive/m.test(screen)
    );
    assert.equal(windowOf(large).to, ALL.length);
  },
);

place.test(
  "/ filters by letters in order as they are typed, Enter keeps it, Esc forgets it",
  {},
  async (top) => {
    await top.waitFor(/web05/);
    await top.press("/");
    await top.press("w9");
    const found = await top.waitFor((screen) => new RegExp(`Domains 19/${ALL.length}`).test(screen));
    assert.deepEqual(
      new Set(shownDomains(found).map((name) => /9/.test(name) && name.startsWith("web"))),
      new Set([true]),
    );
    await top.press("9");
    await top.waitFor((screen) => shownDomains(screen).join() === "web99");
    await top.press("x");
    await top.waitFor(/no domain's name has the letters of "w99x"/);
    await top.press(keyBytes("Backspace") + "\r");
    const kept = await top.waitFor(/filter: w99/);
    assert.deepEqual(shownDomains(kept), ["web99"]);
    assert.equal(selectedDomain(kept), "web99");
    await top.press(CLEAR_ESCAPE);
    const all = await top.waitFor(new RegExp(`Domains ${ALL.length} `));
    assert.equal(selectedDomain(all), "web99");
    await top.press("/mlsv\r");
    await top.waitFor((screen) => shownDomains(screen).join() === "mail-server");
  },
);

place.test("S sorts by column after column, i turns the order round, < goes back", {}, async (top) => {
  await top.waitFor(/web05/);
  await top.press("S");
  const up = await top.waitFor(/sort: name up/);
  assert.deepEqual(shownDomains(up).slice(0, 4), ["Domain-0", "archive", "mail-server", "web00"]);
  await top.press("i" + KEY.home);
  const down = await top.waitFor((screen) =>
    /sort: name down/.test(screen) && shownDomains(screen)[0] === "web99"
  );
  assert.deepEqual(shownDomains(down).slice(0, 3), ["web99", "web98", "web97"]);
  await top.press("S" + KEY.home);
  const byNumber = await top.waitFor((screen) =>
    /sort: id down/.test(screen) && shownDomains(screen)[0] === "archive"
  );
  assert.deepEqual(shownDomains(byNumber).slice(0, 2), ["archive", "web99"]);
  await top.press("<<" + KEY.home);
  const none = await top.waitFor((screen) => !/sort:/.test(screen) && shownDomains(screen)[0] === "Domain-0");
  assert.deepEqual(windowOf(none).from, 0);
});

place.test("a domain that works comes to the top by its CPU time", {}, async (top) => {
  await top.waitFor(/web05/);
  const titles = async () => (await top.text()).split("\n").find((line) => line.startsWith("NAME"));
  await top.press("SSSSS");
  await top.waitFor(/sort: cpu down/);
  await top.press("/web42\r");
  await top.waitFor(hasSelected("web42"));
  await top.press("a");
  await top.waitFor(/Type help/);
  await top.press("spin\r");
  await top.press(keyBytes("^]"));
  await top.waitFor(/filter|console web42: done/);
  await top.press(CLEAR_ESCAPE + KEY.home);
  const busy = await top.waitFor((screen) =>
    /^web42 .* [1-9]\d+\.\d /m.test(screen) && shownDomains(screen)[0] === "web42"
  );
  assert.match(busy, /^web42 +-----r/m);
  assert.match(await titles() ?? "", /CPU\(%\)/);
  // A key ends it: what it then has used stays.
  await top.press("/web42\r");
  await top.waitFor((screen) => shownDomains(screen).join() === "web42");
  await top.press("a");
  await top.waitFor(/> spin/);
  await top.press(" ");
  await top.waitFor(/spins \d+/);
  await top.press(keyBytes("^]"));
  await top.waitFor(/^web42 +--b---/m);
});

place.test("c hides and shows columns; what is hidden leaves its place to others", {}, async (top) => {
  const before = await top.waitFor(/^NAME .*MEM\(k\)/m);
  assert.doesNotMatch(before, /CPU\(sec\)/);
  await top.press("c");
  const list = await top.waitFor(/─ Columns ─/);
  assert.match(list, /▸ \[x\] NAME/);
  for (const title of ["CPU HISTORY", "MEM(k)"]) await mark(top, title);
  // The name stays, whatever one presses.
  await top.press(KEY.home + " ");
  await top.waitFor(/▸ \[x\] NAME/);
  await top.press("\r");
  const after = await top.waitFor((screen) =>
    /^NAME .*CPU\(sec\)/m.test(screen) && !/─ Columns ─/.test(screen)
  );
  assert.doesNotMatch(after.split("\n")[4], /HISTORY|MEM\(k\)/);
  await top.press("c");
  await top.waitFor(/─ Columns ─/);
  for (const title of ["CPU HISTORY", "MEM(k)"]) await mark(top, title);
  await top.press(CLEAR_ESCAPE);
  await top.waitFor((screen) => screen.split("\n")[4] === before.split("\n")[4]);
});

/** Goes to a column in the list and turns it on or off. */
async function mark(top: ScreenSession, title: string): Promise<void> {
  await top.press(KEY.home);
  await top.waitFor(/▸ \[.\] NAME/);
  const pointed = (screen: string) => /▸ \[(.)\] (.*?) *│/.exec(screen);
  let screen = await top.text();
  while (pointed(screen)?.[2] !== title) {
    const from = pointed(screen)?.[2];
    await top.press(KEY.down);
    screen = await top.waitFor((now) => pointed(now)?.[2] !== from, 5);
  }
  const was = pointed(screen)?.[1];
  await top.press(" ");
  await top.waitFor((now) => pointed(now)?.[1] !== was && pointed(now)?.[2] === title);
}

place.test("arrows move through all the columns, one after the other, and back", {}, async (top) => {
  const heading = (screen: string) => screen.split("\n").find((line) => line.startsWith("NAME"));
  const screenAtFirst = await top.waitFor(/^NAME/m);
  const first = heading(screenAtFirst);
  const seen = new Set<string>();
  const look = (screen: string) =>
    COLUMNS.forEach(({ title }) => heading(screen)?.includes(` ${title}`) && seen.add(title));
  look(screenAtFirst);
  let last = first;
  // The first step passes ID, which has no room, with STATE.
  for (let moved = 0; moved < COLUMNS.length - 3; moved++) {
    await top.press(KEY.right);
    const screen = await top.waitFor((now) => heading(now) !== last, 5);
    last = heading(screen);
    look(screen);
  }
  assert.deepEqual(COLUMNS.map(({ title }) => title).filter((title) => !seen.has(title)), ["NAME", "ID"]);
  await top.press(KEY.left.repeat(COLUMNS.length));
  await top.waitFor((now) => heading(now) === first);
});

place.test("V, R and F: vCPUs below each domain, a heading before each, names in full", {}, async (top) => {
  await top.waitFor(/^mail-serve/m);
  await top.press("V");
  const vcpus = await top.waitFor(/^VCPUs\(sec\)/m);
  // Domain-0 has two vCPUs here, the others one; each has its line.
  const lines = vcpus.split("\n");
  const at = lines.findIndex((line) => line.startsWith("mail-serve"));
  assert.match(lines[at + 1], /^VCPUs\(sec\): +0: +\d+s$/);
  await top.press("VR");
  const headings = await top.waitFor((screen) =>
    screen.split("\n").filter((line) => line.startsWith("NAME")).length > 4
  );
  assert.doesNotMatch(headings, /VCPUs\(sec\)/);
  const rows = headings.split("\n").slice(4, 12);
  rows.forEach((row, index) => assert.equal(row.startsWith("NAME"), index % 2 === 0, row));
  await top.press("R");
  await top.waitFor((screen) => screen.split("\n").filter((line) => line.startsWith("NAME")).length === 1);
});

place.test("-n, -x, -v, -r and -f turn on at the start what keys turn on later", {
  args: ["-d", "1", "-n", "-x", "-v", "-r", "-f"],
}, async (top) => {
  const screen = await top.waitFor(/^mail-server/m);
  assert.match(screen, /^VCPUs\(sec\)/m);
  assert.ok(screen.split("\n").filter((line) => line.startsWith("NAME")).length > 3);
});

place.test("D: another delay, in seconds; what is none is refused", { args: ["-d", "60"] }, async (top) => {
  await top.waitFor(/web05/);
  await top.press("D");
  await top.waitFor(/Delay between refreshes[^]*> 60/);
  await top.press(keyBytes("^U") + "0\r");
  await top.waitFor(/expected seconds from 0\.1/);
  await top.press(keyBytes("^U") + "0.3\r");
  await top.waitFor(/delay: 0\.3 s/);
  // Figures come that often now: the clock of the header runs.
  const clock = (screen: string) => /^xentop - (\S+)/.exec(screen)?.[1];
  const seen = new Set<string | undefined>();
  await top.waitFor((screen) => seen.add(clock(screen)).size >= 4, 6);
});

place.test("the selected row stands out from the others, and moves", {}, async (top) => {
  const ground = async (name: string) => {
    const y = (await top.lines()).findIndex((line) => line.startsWith(name));
    const cell = top.terminal.buffer.active.getLine(y)?.getCell(2);
    return cell === undefined ? undefined : [cell.getBgColor(), cell.isInverse()].join();
  };
  await selectDomain(top, "web03");
  assert.notEqual(await ground("web03"), await ground("web04"));
  assert.equal(await ground("web02"), await ground("web04"));
  await selectDomain(top, "web04");
  assert.notEqual(await ground("web04"), await ground("web03"));
});
