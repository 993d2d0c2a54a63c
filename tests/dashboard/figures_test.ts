/** The dashboard's figures against what other processes are told, and its memory and CPU time over many refreshes. */
import assert from "node:assert/strict";
import { dashboard, soak, use } from "../../bench/dashboard_bench.ts";
import type { DomainSummary } from "../../core/toolstack/api/types.ts";
import { selectDomain } from "./domain_table.ts";
import { keyBytes } from "./key_bytes.ts";
import { XendPlace } from "./xend_place.ts";

const IDLE = Array.from({ length: 18 }, (_, index) => `d${String(index).padStart(2, "0")}`);
const place = new XendPlace();
Deno.test.beforeAll(() => place.start("worker", "capped", ...IDLE));
Deno.test.afterAll(() => place.stop());

const WIDE = { rows: 48, columns: 170 };

type Row = Readonly<Record<string, string>>;

/** The table as it shows, by domain and title. */
function tableOf(screen: string): Map<string, Row> {
  const lines = screen.split("\n");
  const heading = lines.findIndex((line) => line.startsWith("NAME"));
  const rows = new Map<string, Row>();
  if (heading < 0) return rows;
  // Titles and figures end in the same column (names begin in it), and no figure has blanks in it but "no limit".
  const titles = lines[heading].split(/\s+(?!HISTORY)/);
  for (const line of lines.slice(heading + 1)) {
    const values = line.replace("no limit", "no-limit").split(/\s+/);
    if (values.length < titles.length - 1 || !/^[d-][s-][b-][c-][p-][r-]$/.test(values[1])) break;
    rows.set(values[0], Object.fromEntries(titles.map((title, index) => [title, values[index]])));
  }
  return rows;
}

/** The list of another process. */
const list = async () => JSON.parse(await place.succeeds("list", "--json")) as DomainSummary[];

place.test("memory, vCPUs and CPU time are those of `list` and `top -b`", { size: WIDE }, async (top) => {
  const screen = await top.waitFor(/d17[^]*SSID|SSID[^]*d17/);
  const rows = tableOf(screen);
  const batch = tableOf((await place.succeeds("top", "-b", "-i", "1")).replaceAll(/^ +(?=\S)/gm, ""));
  const domains = await list();
  assert.equal(rows.size, domains.length);
  for (const { name, memoryKiB, maxMemoryKiB, vcpus, domid } of domains) {
    const row = rows.get(name)!;
    if (domid !== 0) {
      assert.equal(row["MEM(k)"], String(memoryKiB), name);
      assert.equal(row["MAXMEM(k)"], String(maxMemoryKiB), name);
    }
    assert.equal(row["VCPUS"], String(vcpus), name);
    // Domain-0's memory is xend's own, which is another one each time.
    for (const title of [...(domid === 0 ? [] : ["MEM(%)"]), "MAXMEM(%)", "NETS", "VBDS", "VBD_RD", "SSID"]) {
      assert.equal(row[title], batch.get(name)![title], `${name}: ${title}`);
    }
  }
});

place.test(
  "CPU(sec) is between what `list` says before and after, CPU(%) what it grew by",
  { size: WIDE },
  async (top) => {
    // Half a pCPU, whatever else the host does: another figure each time would show nothing.
    await place.succeeds("sched-credit", "-d", "capped", "-c", "40");
    await selectDomain(top, "capped");
    await top.press("a");
    await top.waitFor(/Type help/);
    await top.press("spin\r" + keyBytes("^]"));
    await top.waitFor((screen) => Number(tableOf(screen).get("capped")?.["CPU(%)"]) > 15);
    const seconds = async () => (await list()).find(({ name }) => name === "capped")!.seconds;
    const shown = (screen: string) => Number(tableOf(screen).get("capped")!["CPU(sec)"]);
    const clock = (screen: string) => /^xentop - (\S+)/.exec(screen)?.[1];
    const shares: number[] = [];
    const started = await seconds();
    const at = performance.now();
    let last = clock(await top.text());
    for (let turn = 0; turn < 6; turn++) {
      const before = await seconds();
      const screen = await top.waitFor((now) => clock(now) !== last, 5);
      last = clock(screen);
      const after = await seconds();
      shares.push(Number(tableOf(screen).get("capped")!["CPU(%)"]));
      assert.ok(
        Math.floor(before) <= shown(screen) && shown(screen) <= after,
        `${before} ${shown(screen)} ${after}`,
      );
    }
    const share = 100 * (await seconds() - started) / ((performance.now() - at) / 1000);
    const mean = shares.reduce((sum, value) => sum + value, 0) / shares.length;
    console.log(`CPU(%) ${shares.join(" ")}: ${mean.toFixed(1)}; list: ${share.toFixed(1)}`);
    assert.ok(Math.abs(mean - share) < 4, `${mean} shown, ${share} by list; ${shares}`);
  },
);

Deno.test("the dashboard: with 20 domains it takes under 3 % of a core at a refresh a second, and its memory is flat", async () => {
  // Refreshed ten times a second, of which a tenth is what they take once a second.
  const working = use(dashboard("0.1"), { rows: 24, columns: 80 }, place.environment, {
    seconds: 8,
    settle: 6,
  });
  // A heap that is collected often, so that what stays shows among what comes and goes.
  const environment = { ...place.environment, DENO_V8_FLAGS: "--max-semi-space-size=2,--optimize-for-size" };
  const soaking = soak(environment, { seconds: 18, warmUp: 10, delay: 0.05 });
  const [{ share, bytesPerSecond }, { startMiB, endMiB, refreshes }] = await Promise.all([working, soaking]);
  console.log(
    `${(share * 10).toFixed(2)} % of a core at 1 s, ${(bytesPerSecond / 10).toFixed(0)} bytes a second`,
  );
  console.log(`${refreshes} refreshes: ${startMiB.toFixed(1)} to ${endMiB.toFixed(1)} MiB`);
  assert.ok(share / 10 < 0.03, `${(share * 10).toFixed(2)} %`);
  assert.ok(endMiB - startMiB < 5, `${startMiB} to ${endMiB} MiB`);
});
