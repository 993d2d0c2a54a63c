/** xend goes away under the dashboard, killed or stopped: it says so, keeps what it has, and finds the next xend. */
import assert from "node:assert/strict";
import { hasSelected, selectDomain, shownDomains } from "./domain_table.ts";
import { CLEAR_ESCAPE } from "./key_bytes.ts";
import { XendPlace } from "./xend_place.ts";

const place = new XendPlace();
Deno.test.beforeAll(() => place.start("alpha", "beta"));
Deno.test.afterAll(() => place.stop());

place.test("a killed xend: a banner, the old figures, and the next one is found", {}, async (top) => {
  await selectDomain(top, "beta");
  await place.kill();
  const lost = await top.waitFor(/xend is lost since \d\d:\d\d:\d\d/, 5);
  assert.deepEqual(shownDomains(lost), ["Domain-0", "alpha", "beta"]);
  assert.ok(hasSelected("beta")(lost));
  // Keys work on what is there; what needs xend says that it is not.
  await top.press("1");
  await top.waitFor(/Domain beta/);
  await top.press("e");
  await top.waitFor(/ALERT +xend is lost/);
  await top.press(CLEAR_ESCAPE);
  await top.waitFor(/^NAME/m);
  // The figures are old, and look so; and no second xend was started.
  assert.notEqual((await place.run("xend", "status")).code, 0);
  await place.succeeds("xend", "start");
  const back = await top.waitFor((screen) => !/xend is lost/.test(screen), 15);
  // Its domains died with it.
  await top.waitFor((screen) => shownDomains(screen).join() === "Domain-0");
  assert.match(back, /xend is back|delay/);
  await place.create("alpha", "gamma");
  await top.waitFor((screen) => shownDomains(screen).join() === "Domain-0,alpha,gamma");
  await selectDomain(top, "gamma");
  await top.press("P");
  await top.waitFor(/xenolith pause gamma: done/);
  await place.succeeds("unpause", "gamma");
  await top.press("e");
  await top.waitFor(/ALERT +xend is lost[^]*xend is back/);
});

place.test("a xend that was stopped stays stopped until somebody starts it", {}, async (top) => {
  await top.waitFor(/alpha/);
  await place.succeeds("xend", "stop");
  await top.waitFor(/xend is lost since/);
  await new Promise((resolve) => setTimeout(resolve, 2500));
  assert.notEqual((await place.run("xend", "status")).code, 0);
  await top.waitFor(/xend is lost since/);
  await place.start("delta");
  await top.waitFor((screen) => shownDomains(screen).join() === "Domain-0,delta", 15);
  await top.waitWithout(/xend is lost/);
});

place.test("a console and a tab that were open while xend was killed", {}, async (top) => {
  await place.create("epsilon");
  await selectDomain(top, "epsilon");
  await top.press("9");
  await top.waitFor(/Type help/);
  await top.press("a");
  await top.waitFor(/comes back to the dashboard\][^]*Type help/);
  await place.kill();
  await top.waitFor(/xend is lost since/, 10);
  assert.equal(top.terminal.buffer.active.type, "alternate");
  await place.start("epsilon");
  await top.waitWithout(/xend is lost/, 15);
  await top.press(CLEAR_ESCAPE);
  await selectDomain(top, "epsilon");
  await top.press("9");
  await top.waitFor(/Domain epsilon[^]*Type help/);
});

Deno.test("the dashboard: it starts xend where there is none, and shows its first frame meanwhile", async () => {
  await place.succeeds("xend", "stop");
  await using top = place.top();
  await top.waitFor(/connecting to xend/, 5);
  const screen = await top.waitFor(/^Domain-0/m, 30);
  assert.match(screen, /^1 domains?: 1 running/m);
  await top.press("q");
  assert.equal((await top.finish()).code, 0);
});
