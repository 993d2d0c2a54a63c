/**
 * The dashboard beside a stock Debian guest, on a terminal: what its screens show, and what another process sees of what it did, is left in a folder.
 * `deno run -A dashboard_session.ts FOLDER`
 */
import { join } from "node:path";
import { KEY, ScreenSession } from "../../dashboard/screen_session.ts";
import { run } from "../../session.ts";

const BOOT_SECONDS = 120;

const [folder] = Deno.args;
const environment = {
  XENOLITH_IN_PROCESS: "0",
  XENOLITH_STATE_DIR: join(folder, "state"),
  XENOLITH_LOG_DIR: join(folder, "log"),
  XENOLITH_RUN_DIR: join(folder, "run"),
};
const parts: string[] = [];
const keep = (title: string, text: string) => parts.push(`== ${title}\n${text}\n`);
try {
  const created = await run(["create", "configs/debian-shell.cfg", "vcpus=2"], "", environment, BOOT_SECONDS);
  if (created.code !== 0) throw new Error(created.stderr);
  await using top = new ScreenSession(["top", "-d", "1"], { rows: 40, columns: 132 }, environment);
  keep("table", await top.waitFor(/debian-shell/));
  await top.press(KEY.down);
  await top.press(KEY.enter);
  await top.waitFor(/Overview/);
  await top.press("9");
  // The guest's own words.
  keep("console", await top.waitFor(/xenolith:.*#/, BOOT_SECONDS));
  await top.press("8");
  keep("inside", await top.waitFor(/mmu_update/));
  await top.press(KEY.escape);
  await top.waitWithout(/mmu_update/);
  await top.press("X");
  await top.waitFor(/debian-shell[^]*destroy|destroy[^]*debian-shell/i);
  await top.press("debian-shell\r");
  await top.waitFor(/1 domains:/);
  keep("list", (await run(["list"], "", environment)).stdout);
  await top.press("q");
  keep("exit code", String((await top.finish()).code));
} finally {
  await run(["xend", "stop"], "", environment);
}
await Deno.writeTextFile(join(folder, "session.txt"), parts.join(""));
