/**
 * The dashboard beside a stock Debian guest, on a terminal: what its screens show, and what another process sees of what it did, is left in a folder.
 * `deno run -A dashboard_session.ts FOLDER`
 */
import { join } from "node:path";
import { KEY, ScreenSession } from "../../dashboard/screen_session.ts";
import { OwnXend } from "./own_xend.ts";

const BOOT_SECONDS = 120;

const [folder] = Deno.args;
await using xend = new OwnXend(folder);
const parts: string[] = [];
const keep = (title: string, text: string) => parts.push(`== ${title}\n${text}\n`);
await xend.xenolith("create", "configs/debian-shell.cfg", "vcpus=2");
await using top = new ScreenSession(["top", "-d", "1"], { rows: 40, columns: 132 }, xend.environment);
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
keep("list", await xend.xenolith("list"));
await top.press("q");
keep("exit code", String((await top.finish()).code));
await Deno.writeTextFile(join(folder, "session.txt"), parts.join(""));
