/**
 * The dashboard beside 20 idle domains: `deno run -A --unstable-worker-options bench/dashboard_bench.ts [MINUTES [DELAY]]` (of the soak: a
 * minute with 0.1 s between refreshes; an hour as users have it: 60 1).
 * Share of a core at 1 s, first frame, bytes written and memory over time, each beside what it may be, and beside top(1) of procps and `top -b`.
 * With XENOLITH_EXECUTABLE set it is that executable's dashboard.
 */
// deno-lint-ignore-file no-control-regex -- the terminal is told by its control sequences
import { join } from "node:path";
import { XendClient } from "../core/toolstack/api/client.ts";
import type { XendPaths } from "../core/toolstack/xend/paths.ts";
import { COMMAND, ROOT } from "../tests/session.ts";

export interface Size {
  readonly rows: number;
  readonly columns: number;
}

const USUAL: Size = { rows: 24, columns: 80 };
const LARGE: Size = { rows: 60, columns: 200 };
/** Clock ticks a second of /proc/PID/stat, on Linux everywhere. */
const TICKS = 100;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1];

function cpuSeconds(pid: number): number {
  const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).replace(/^.*\) /, "").split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

function rssMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1]) / 1024;
}

/** A xend of its own with idle domains. */
export async function withDomains<T>(
  count: number,
  work: (environment: Readonly<Record<string, string>>) => Promise<T>,
): Promise<T> {
  const directory = Deno.makeTempDirSync({ prefix: "xd-" });
  const paths: XendPaths = {
    state: join(directory, "state"),
    log: join(directory, "log"),
    run: join(directory, "run"),
  };
  const client = await XendClient.connect({ start: true, paths });
  try {
    for (let index = 0; index < count; index++) {
      await client.create({
        fileName: "echo.cfg",
        text: `name = "d${String(index).padStart(2, "0")}"\nkernel = "builtin:echo"\nmemory = 16\n`,
        overrides: [],
        directory: "/",
        paused: false,
        defineOnly: false,
        environment: {},
      });
    }
    return await work({
      XENOLITH_STATE_DIR: paths.state,
      XENOLITH_LOG_DIR: paths.log,
      XENOLITH_RUN_DIR: paths.run,
      XENOLITH_IN_PROCESS: "0",
    });
  } finally {
    await client.stop(0);
    client[Symbol.dispose]();
    await sleep(300);
    Deno.removeSync(directory, { recursive: true });
  }
}

/** A command on a terminal of its own (by util-linux' script), whose output is only counted. */
export class OnTerminal implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #pidFile = Deno.makeTempFileSync({ prefix: "xenolith-pid-" });
  readonly #started = performance.now();
  readonly #reading: Promise<void>;
  readonly #marks = new Map<RegExp, { readonly seen: (ms: number) => void }>();
  #text = "";
  /** That it wrote so far. */
  bytes = 0;

  constructor(
    command: readonly string[],
    { rows, columns }: Size,
    environment: Readonly<Record<string, string>> = {},
  ) {
    const quoted = command.map((word) => `'${word}'`).join(" ");
    this.#child = new Deno.Command("script", {
      args: [
        "-qec",
        `stty rows ${rows} cols ${columns}; echo $$ > ${this.#pidFile}; exec ${quoted}`,
        "/dev/null",
      ],
      cwd: ROOT,
      env: {
        NO_COLOR: "",
        TERM: "xterm-256color",
        COLORTERM: "truecolor",
        LC_ALL: "C.UTF-8",
        ...environment,
      },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#reading = this.#read();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of this.#child.stdout) {
      this.bytes += bytes.length;
      // What is waited for comes soon after the start.
      if (this.#marks.size === 0) continue;
      this.#text += decoder.decode(bytes, { stream: true });
      for (const [pattern, { seen }] of this.#marks) {
        if (!pattern.test(this.#text)) continue;
        this.#marks.delete(pattern);
        seen(performance.now() - this.#started);
      }
    }
  }

  /** @returns how long it was from the start until the output had it, milliseconds */
  wrote(pattern: RegExp): Promise<number> {
    return new Promise((seen) => this.#marks.set(pattern, { seen }));
  }

  get pid(): number {
    return Number(Deno.readTextFileSync(this.#pidFile));
  }

  async press(keys: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(keys));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.press("q");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 3000);
    await this.#child.status;
    clearTimeout(timer);
    await this.#reading;
    // Nobody reads what was pressed last.
    await this.#input.abort().catch(() => {});
    Deno.removeSync(this.#pidFile);
  }
}

export interface Use {
  /** Share of a core. */
  readonly share: number;
  readonly bytesPerSecond: number;
  readonly rssMiB: number;
}

export const dashboard = (delay: string) => [...COMMAND, "top", "-d", delay];

/** What a command uses in a while, after it has settled. */
export async function use(
  command: readonly string[],
  size: Size,
  environment: Readonly<Record<string, string>>,
  { seconds = 30, settle = 10, keys = "" } = {},
): Promise<Use> {
  await using running = new OnTerminal(command, size, environment);
  await sleep(settle * 500);
  if (keys !== "") await running.press(keys);
  await sleep(settle * 500);
  const { pid } = running;
  const [cpu, bytes, at] = [cpuSeconds(pid), running.bytes, performance.now()];
  await sleep(seconds * 1000);
  const elapsed = (performance.now() - at) / 1000;
  return {
    share: (cpuSeconds(pid) - cpu) / elapsed,
    bytesPerSecond: (running.bytes - bytes) / elapsed,
    rssMiB: rssMiB(pid),
  };
}

/** Milliseconds from the start to the first frame, and to the one with the domains: medians. */
export async function firstFrame(
  environment: Readonly<Record<string, string>>,
  starts = 5,
): Promise<{ readonly first: number; readonly domains: number }> {
  const first: number[] = [], domains: number[] = [];
  for (let start = 0; start < starts; start++) {
    await using running = new OnTerminal(dashboard("1"), USUAL, environment);
    const both = [running.wrote(/\x1b\[\?1049h[^]*xentop/), running.wrote(/Domain-0[^]*d03/)];
    first.push(await both[0]);
    domains.push(await both[1]);
  }
  return { first: median(first), domains: median(domains) };
}

export interface Soak {
  /** Medians of the first and the last quarter. */
  readonly startMiB: number;
  readonly endMiB: number;
  readonly refreshes: number;
}

/** Refreshes after which the heap has the size that it keeps. */
export const WARM_UP = 300;

/** Memory over time, after what is compiled and kept at the start is there. */
export async function soak(
  environment: Readonly<Record<string, string>>,
  { seconds, warmUp, delay, keys = "" }: {
    readonly seconds: number;
    readonly warmUp: number;
    readonly delay: number;
    readonly keys?: string;
  },
  say: (line: string) => void = () => {},
): Promise<Soak> {
  await using running = new OnTerminal(dashboard(String(delay)), LARGE, environment);
  await running.wrote(/Domain-0[^]*d03/);
  if (keys !== "") await running.press(keys);
  await sleep(warmUp * 1000);
  const samples: number[] = [];
  const from = performance.now();
  let told = from;
  while (performance.now() - from < seconds * 1000) {
    await sleep(250);
    samples.push(rssMiB(running.pid));
    if (performance.now() - told < 60_000) continue;
    told = performance.now();
    say(`  ${((told - from) / 60_000).toFixed(0)} min: ${samples.at(-1)!.toFixed(1)} MiB`);
  }
  const quarter = Math.max(1, samples.length >> 2);
  return {
    startMiB: median(samples.slice(0, quarter)),
    endMiB: median(samples.slice(-quarter)),
    refreshes: Math.floor(seconds / delay),
  };
}

const percent = (share: number) => `${(100 * share).toFixed(2)} % of a core`;

async function main(): Promise<void> {
  const [minutes, delay] = [Deno.args[0] ?? 1, Deno.args[1] ?? 0.1].map(Number);
  let isOver = false;
  const tell = (what: string, value: number, most: number, text: string) => {
    isOver ||= value > most;
    console.log(`${value <= most ? "ok  " : "OVER"} ${what}: ${text}`);
  };
  await withDomains(20, async (environment) => {
    const frame = await firstFrame(environment);
    tell("first frame", frame.first, 400, `${frame.first.toFixed(0)} ms (at most 400)`);
    console.log(`     with the domains in it: ${frame.domains.toFixed(0)} ms`);
    const small = await use(dashboard("1"), USUAL, environment);
    tell("80x24, 20 domains, 1 s", small.share, 0.03, `${percent(small.share)} (at most 3 %)`);
    const large = await use(dashboard("1"), LARGE, environment);
    tell("200x60", large.share, 0.03, `${percent(large.share)} (at most 3 %)`);
    const batch = await use([...COMMAND, "top", "-b", "-d", "1"], USUAL, environment);
    const top = await use(["top", "-d", "1"], USUAL, environment);
    for (const [name, other] of [["xenolith top -b", batch], ["top(1) of procps", top]] as const) {
      console.log(
        `     ${name} at 1 s: ${percent(other.share)}, ${other.bytesPerSecond.toFixed(0)} bytes a second, ${
          other.rssMiB.toFixed(0)
        } MiB; the dashboard ${(small.share / other.share).toFixed(2)} times its CPU time, ${
          (small.bytesPerSecond / other.bytesPerSecond).toFixed(2)
        } times its bytes`,
      );
    }
    console.log(
      `     written: ${small.bytesPerSecond.toFixed(0)} bytes a second at 80x24, ${
        large.bytesPerSecond.toFixed(0)
      } at 200x60; memory ${small.rssMiB.toFixed(0)} MiB`,
    );
    const { startMiB, endMiB, refreshes } = await soak(
      environment,
      { seconds: 60 * minutes, warmUp: WARM_UP * delay, delay },
      (line) => console.log(line),
    );
    const grown = endMiB - startMiB;
    tell(
      `memory after ${refreshes} refreshes`,
      grown,
      8,
      `${startMiB.toFixed(1)} to ${endMiB.toFixed(1)} MiB, ${grown.toFixed(1)} more (at most 8)`,
    );
  });
  if (isOver) Deno.exit(1);
}

if (import.meta.main) await main();
