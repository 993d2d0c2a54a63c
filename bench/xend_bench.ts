/**
 * xend with many idle guests: `deno run -A --unstable-worker-options bench/xend_bench.ts [DOMAINS]` (200). Prints each figure beside what it may be.
 * The guests are the built-in one (kernel="builtin:echo"), which wakes once a second.
 */
import { join } from "node:path";
import { XendClient } from "../core/toolstack/api/client.ts";
import { echo } from "../tests/xend_in_place.ts";

interface Usage {
  readonly rssMiB: number;
  readonly cpuSeconds: number;
}

/** Of a Linux process. */
function usage(pid: number): Usage {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).replace(/^.*\) /, "").split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  return { rssMiB: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024, cpuSeconds: ticks / 100 };
}

export interface DensityResult {
  readonly createSeconds: number;
  /** Median time of the last quarter's creations over the first quarter's. */
  readonly growth: number;
  readonly listMs: number;
  /** Share of one core that the idle host uses. */
  readonly idleShare: number;
  readonly mibPerDomain: number;
  readonly rssAfterMiB: number;
  readonly destroySeconds: number;
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export async function density(
  count: number,
  idleMs = 10_000,
  settleMs = 10_000,
  say: (line: string) => void = () => {},
): Promise<DensityResult> {
  const directory = Deno.makeTempDirSync({ prefix: "xend-" });
  const paths = { state: join(directory, "state"), log: join(directory, "log"), run: directory };
  const client = await XendClient.connect({ start: true, paths });
  try {
    const { pid } = await client.status();
    const create = (name: string) => client.create(echo(name));
    // What is loaded with the first domain is not the domains'.
    await create("warm");
    await sleep(1000);
    await client.destroy("warm");
    await sleep(2000);
    const before = usage(pid);
    say(`before: ${before.rssMiB.toFixed(0)} MiB`);
    const times: number[] = [];
    const started = performance.now();
    for (let i = 0; i < count; i++) {
      const at = performance.now();
      await create(`d${i}`);
      times.push(performance.now() - at);
    }
    const createSeconds = (performance.now() - started) / 1000;
    const median = (list: number[]) => list.toSorted((a, b) => a - b)[list.length >> 1];
    const quarter = Math.max(1, count >> 2);
    const growth = median(times.slice(-quarter)) / median(times.slice(0, quarter));
    say(`created: ${createSeconds.toFixed(1)} s, the last quarter ${growth.toFixed(2)} times the first`);
    // The collections and compilations that follow so many starts are over then.
    await sleep(settleMs);
    const lists: number[] = [];
    for (let i = 0; i < 20; i++) {
      const at = performance.now();
      const list = await client.domains();
      lists.push(performance.now() - at);
      if (list.length !== count + 1) throw new Error(`${list.length} domains instead of ${count + 1}`);
    }
    const listMs = lists.sort((a, b) => a - b)[10];
    say(`list: ${listMs.toFixed(1)} ms`);
    const idleFrom = usage(pid), idleAt = performance.now();
    await sleep(idleMs);
    const idle = usage(pid);
    const idleShare = (idle.cpuSeconds - idleFrom.cpuSeconds) / ((performance.now() - idleAt) / 1000);
    const mibPerDomain = (idle.rssMiB - before.rssMiB) / count;
    say(
      `idle: ${(idleShare * 100).toFixed(1)} % of a core; ${idle.rssMiB.toFixed(0)} MiB, ${
        mibPerDomain.toFixed(2)
      } a domain`,
    );
    const destroyAt = performance.now();
    for (let i = 0; i < count; i++) await client.destroy(`d${i}`);
    const destroySeconds = (performance.now() - destroyAt) / 1000;
    await sleep(4000);
    const rssAfterMiB = usage(pid).rssMiB - before.rssMiB;
    say(`destroyed: ${destroySeconds.toFixed(1)} s; ${rssAfterMiB.toFixed(0)} MiB above the start`);
    return { createSeconds, growth, listMs, idleShare, mibPerDomain, rssAfterMiB, destroySeconds };
  } finally {
    await client.stop(0);
    client[Symbol.dispose]();
    await sleep(300);
    Deno.removeSync(directory, { recursive: true });
  }
}

if (import.meta.main) {
  const count = Number(Deno.args[0] ?? 200);
  const result = await density(count, 10_000, 10_000, (line) => console.log(line));
  const rows: [string, number, number][] = [
    ["seconds to create them", result.createSeconds, 20 * count / 200],
    ["last quarter's creations over the first's", result.growth, 1.5],
    ["list, ms", result.listMs, 200],
    ["idle, share of a core", result.idleShare, 0.1],
    ["MiB a domain", result.mibPerDomain, 8],
    ["MiB left after all are destroyed", result.rssAfterMiB, 150],
  ];
  for (const [what, value, limit] of rows) {
    console.log(`${value <= limit ? "ok  " : "OVER"} ${what}: ${value.toFixed(2)} (at most ${limit})`);
  }
  if (rows.some(([, value, limit]) => value > limit)) Deno.exit(1);
}
