/**
 * CPU seconds of a busy Debian guest as `top` tells them against what the host has given xend's worker threads (proc(5), schedstat):
 * `deno run -A accounting.ts FOLDER` leaves the figures and their difference there.
 */
import { join } from "node:path";
import { Session } from "../../session.ts";
import { OwnXend } from "./own_xend.ts";

const BOOT_SECONDS = 240;
const WATCHED_SECONDS = 30;

const [folder] = Deno.args;
await using xend = new OwnXend(folder);

/** Of all threads that Deno calls workers: the pCPUs. */
function hostSeconds(pid: number): number {
  let nanoseconds = 0;
  for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
    const task = `/proc/${pid}/task/${name}`;
    if (!Deno.readTextFileSync(`${task}/comm`).startsWith("worker-")) continue;
    nanoseconds += Number(Deno.readTextFileSync(`${task}/schedstat`).split(" ")[0]);
  }
  return nanoseconds / 1e9;
}

async function told(): Promise<number> {
  const { domains }: { domains: { domid: number; cpu_sec: number }[] } = JSON.parse(
    await xend.xenolith("top", "--json"),
  );
  return domains.filter(({ domid }) => domid !== 0).reduce((sum, { cpu_sec }) => sum + cpu_sec, 0);
}

await xend.xenolith("create", "configs/debian-shell.cfg", "vcpus=2");
{
  await using console = new Session(["console", "debian-shell"], xend.environment, true);
  await console.expect(/# /, BOOT_SECONDS);
  await console.send("for i in 1 2; do while :; do :; done & done\n");
  await new Promise((resolve) => setTimeout(resolve, 3000));
  await console.send("\x1d");
  await console.finish();
}
const { pid } = await xend.status();
const measure = async () => ({ guest: await told(), host: hostSeconds(pid) });
const before = await measure();
await new Promise((resolve) => setTimeout(resolve, WATCHED_SECONDS * 1000));
const after = await measure();
const guest = after.guest - before.guest, host = after.host - before.host;
const difference = 100 * Math.abs(guest - host) / host;
await Deno.writeTextFile(
  join(folder, "accounting.txt"),
  `the guest's ${guest.toFixed(2)} s, the host's ${host.toFixed(2)} s\ndifference: ${
    difference.toFixed(2)
  } %\n`,
);
await xend.xenolith("destroy", "debian-shell");
