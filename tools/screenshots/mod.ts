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
    title: "The dashboard: xentop's figures for each domain, with histories of CPU, memory, network and disk",
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

const address = (number: number) => `ip addr add 10.0.0.${number}/24 dev eth0; ip link set eth0 up; `;

/** Shells that compute, write to a disk, send to each other and rest, so that there is something to see. */
const WORK: Readonly<Record<string, string>> = {
  debian: address(1) +
    "while :; do md5sum /bin/busybox; i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done; " +
    "dd if=/bin/busybox of=/dev/xvda conv=fsync; nc -w 3 10.0.0.2 9 < /bin/busybox; usleep 300000; done > /dev/null 2>&1 &\n",
  mirror: address(2) + "while :; do nc -l -p 9; done > /dev/null 2>&1 &\n",
};

async function takePictures(folder: string, environment: Readonly<Record<string, string>>): Promise<void> {
  const create = async (args: readonly string[]) => {
    const { code, stderr } = await run(["create", ...args], "", environment, BOOT_SECONDS);
    if (code !== 0) throw new Error(`create ${args.join(" ")}: ${stderr}`);
  };
  console.error("booting the guests ...");
  const disk = join(folder, "disk.img");
  await Deno.writeFile(disk, new Uint8Array(16 << 20));
  await create(["configs/debian-network.cfg", "name=debian", "vcpus=2", `disk=["${disk},raw,xvda,rw"]`]);
  await create(["configs/debian-network.cfg", "name=mirror", "memory=128"]);
  for (const name of ["web-1", "web-2", "cache"]) {
    await create(["configs/builtin.cfg", `name=${name}`]);
  }
  for (const [name, work] of Object.entries(WORK)) {
    await using console = new Session(["console", name], environment, true);
    await console.expect(/# /, BOOT_SECONDS);
    await console.send(work);
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
    await takePictures(folder, environment);
  } finally {
    for (const name of Object.keys(WORK)) await run(["destroy", name], "", environment);
    await run(["xend", "stop"], "", environment);
    await Deno.remove(folder, { recursive: true });
  }
}
