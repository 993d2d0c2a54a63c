/**
 * `deno task screenshots`: boots guests under a xend of its own, runs the dashboard beside them on a terminal and keeps its screens as
 * pictures/*.svg, which the README shows. What the pictures show is a real run: a stock Debian kernel at work and small guests beside it.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { KEY, ScreenSession } from "../../tests/dashboard/screen_session.ts";
import { xendEnvironment } from "../../tests/place.ts";
import { run, Session } from "../../tests/session.ts";
import { screenSvg } from "./svg.ts";

const PICTURES = fileURLToPath(new URL("./pictures/", import.meta.url));
const SIZE = { rows: 36, columns: 132 };
const BOOT_SECONDS = 240;
/** History for the graphs. */
const WATCHED_SECONDS = 45;

interface Picture {
  readonly name: string;
  /** For readers who do not see it. */
  readonly title: string;
  /** Pressed one after the other. */
  readonly keys: readonly string[];
  /** Shows that the screen is there. */
  readonly shows: RegExp;
  /** What is collected a while before the picture is taken, seconds. */
  readonly settles?: number;
}

const PICTURE_LIST: readonly Picture[] = [
  {
    name: "domains",
    title: "The dashboard: xentop's figures for each domain, with histories of CPU and memory",
    keys: [],
    shows: /debian/,
  },
  {
    name: "inside",
    title: "Inside a domain: its hypercalls and exits by name, a second and in all",
    keys: [KEY.enter, "8"],
    shows: /hypercall|Hypercalls/,
    settles: 6,
  },
  {
    name: "pcpus",
    title: "The pCPUs and who runs on them",
    keys: [KEY.escape, KEY.tab],
    shows: /pCPU/,
    settles: 4,
  },
  {
    name: "palette",
    title: "The command palette over the table",
    keys: [KEY.backTab, ":", "cre"],
    shows: /create|credit/i,
  },
];

const sleep = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** A guest whose shell computes for a while and rests for a while, so that there is something to see. */
const WORK =
  "while :; do md5sum /bin/busybox >/dev/null; i=0; while [ $i -lt 4000 ]; do i=$((i+1)); done; usleep 300000; done &\n";

async function takePictures(environment: Readonly<Record<string, string>>): Promise<void> {
  const create = async (args: readonly string[]) => {
    const { code, stderr } = await run(["create", ...args], "", environment, BOOT_SECONDS);
    if (code !== 0) throw new Error(`create ${args.join(" ")}: ${stderr}`);
  };
  console.error("booting the guests ...");
  await create(["configs/debian-shell.cfg", "name=debian", "vcpus=2"]);
  for (const name of ["web-1", "web-2", "cache", "build"]) {
    await create(["configs/builtin.cfg", `name=${name}`]);
  }
  {
    await using console = new Session(["console", "debian"], environment, true);
    await console.expect(/# /, BOOT_SECONDS);
    await console.send(WORK);
    await sleep(2);
    await console.send("\x1d");
    await console.finish();
  }
  await using top = new ScreenSession(["top", "-d", "1"], SIZE, environment);
  await top.waitFor(/debian/);
  await top.press(KEY.down);
  console.error(`watching for ${WATCHED_SECONDS} s ...`);
  await sleep(WATCHED_SECONDS);
  for (const { name, title, keys, shows, settles = 1 } of PICTURE_LIST) {
    for (const key of keys) {
      await top.press(key);
      await sleep(0.4);
    }
    await top.waitFor(shows);
    await sleep(settles);
    await top.lines();
    const path = join(PICTURES, `${name}.svg`);
    await Deno.writeTextFile(path, screenSvg(top.terminal, title));
    console.error(path);
  }
  await top.press(KEY.escape);
  await sleep(0.3);
  await top.press("q");
  const { code } = await top.finish();
  if (code !== 0) throw new Error(`the dashboard ended with ${code}`);
}

if (import.meta.main) {
  const folder = await Deno.makeTempDir({ prefix: "xenolith-screenshots-" });
  const environment = xendEnvironment(folder);
  try {
    await Deno.mkdir(PICTURES, { recursive: true });
    await takePictures(environment);
  } finally {
    await run(["destroy", "debian"], "", environment);
    await run(["xend", "stop"], "", environment);
    await Deno.remove(folder, { recursive: true });
  }
}
