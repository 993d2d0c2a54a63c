/**
 * A xend of a test's own, in a temporary directory: its domains, the commands and the dashboards that use it.
 *
 *     const place = new XendPlace();
 *     Deno.test.beforeAll(() => place.start("alpha", "beta"));
 *     Deno.test.afterAll(() => place.stop());
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { XendClient } from "../../core/toolstack/api/client.ts";
import type { DomainSummary } from "../../core/toolstack/api/types.ts";
import type { XendPaths } from "../../core/toolstack/xend/paths.ts";
import { xendEnvironment } from "../place.ts";
import { type Finished, run } from "../session.ts";
import { ScreenSession, type TerminalSize } from "./screen_session.ts";

export const USUAL_SIZE: TerminalSize = { rows: 24, columns: 80 };

const echo = (name: string) => `name = "${name}"\nkernel = "builtin:echo"\nmemory = 16\n`;

/** Whether a process runs (a zombie does not). */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

export async function until(condition: () => boolean | Promise<boolean>, what: string, seconds = 20) {
  const deadline = performance.now() + seconds * 1000;
  while (!await condition()) {
    if (performance.now() > deadline) assert.fail(`${seconds} s passed without ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export class XendPlace {
  readonly directory = Deno.makeTempDirSync({ prefix: "xd-" });
  readonly paths: XendPaths = {
    state: join(this.directory, "state"),
    log: join(this.directory, "log"),
    run: join(this.directory, "run"),
  };
  readonly environment = xendEnvironment(this.directory);

  /** Starts xend, and built-in guests of these names. */
  async start(...names: readonly string[]): Promise<void> {
    await this.succeeds("xend", "start");
    await this.create(...names);
  }

  /** Built-in guests. */
  async create(...names: readonly string[]): Promise<void> {
    using client = await this.client();
    for (const name of names) {
      await client.create({
        fileName: "echo.cfg",
        text: echo(name),
        overrides: [],
        directory: "/",
        paused: false,
        defineOnly: false,
        environment: {},
      });
    }
  }

  /** A configuration file in the directory. @returns its path */
  async file(name: string, text = echo(name)): Promise<string> {
    const path = join(this.directory, `${name}.cfg`);
    await Deno.writeTextFile(path, text);
    return path;
  }

  client(): Promise<XendClient> {
    return XendClient.connect({ paths: this.paths });
  }

  /** Runs a command in a process of its own. */
  run(...words: readonly string[]): Promise<Finished> {
    return run(words, "", this.environment);
  }

  /** @returns what it printed */
  async succeeds(...words: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...words);
    assert.equal(code, 0, `${words.join(" ")}: ${stderr}`);
    return stdout;
  }

  /** What another process has of a domain; undefined when there is none. */
  async domain(name: string): Promise<DomainSummary | undefined> {
    const list = JSON.parse(await this.succeeds("list", "--json")) as DomainSummary[];
    return list.find((domain) => domain.name === name);
  }

  /** Waits until another process sees it. */
  async untilDomain(
    name: string,
    holds: (domain: DomainSummary | undefined) => boolean,
    seconds = 20,
  ): Promise<void> {
    await until(async () => holds(await this.domain(name)), `what is awaited of ${name}: ${holds}`, seconds);
  }

  async pid(): Promise<number> {
    using client = await this.client();
    return (await client.status()).pid;
  }

  /** As a user does who knows no better. */
  async kill(): Promise<void> {
    const pid = await this.pid();
    Deno.kill(pid, "SIGKILL");
    await until(() => !isAlive(pid), "xend's end");
  }

  /** The dashboard on a terminal. */
  top(
    args: readonly string[] = [],
    size: TerminalSize = USUAL_SIZE,
    environment: Readonly<Record<string, string>> = {},
  ): ScreenSession {
    return new ScreenSession(["top", ...args], size, { ...this.environment, ...environment });
  }

  /**
   * A test with a dashboard on a terminal: it begins with the table on the screen and ends by a key that quits; the terminal is given back.
   */
  test(
    name: string,
    { args = ["-d", "1"], size = USUAL_SIZE, environment = {}, quit = "q", ignore = false }: {
      readonly args?: readonly string[];
      readonly size?: TerminalSize;
      readonly environment?: Readonly<Record<string, string>>;
      readonly quit?: string;
      readonly ignore?: boolean;
    },
    test: (top: ScreenSession) => Promise<void>,
  ): void {
    Deno.test({
      name: `the dashboard: ${name}`,
      ignore,
      fn: async () => {
        await using top = this.top(args, size, environment);
        await top.waitFor(/Domain-0/);
        await test(top);
        await top.press(quit);
        const { code } = await top.finish();
        assert.equal(code, 0);
        await assertGivenBack(top);
      },
    });
  }

  async stop(): Promise<void> {
    await this.run("xend", "stop");
    await Deno.remove(this.directory, { recursive: true });
  }
}

/** After the end: the user's screen with a cursor below what is on it, no mouse, no pastes in brackets, lines that wrap. */
export async function assertGivenBack(top: ScreenSession): Promise<void> {
  const lines = await top.lines();
  const { buffer, modes } = top.terminal;
  const below = lines.slice(buffer.active.cursorY);
  assert.ok(below.every((line) => line === ""), `the cursor stands above:\n${below.join("\n")}`);
  assert.equal(buffer.active.type, "normal");
  assert.equal(modes.mouseTrackingMode, "none");
  assert.equal(modes.bracketedPasteMode, false);
  assert.equal(modes.synchronizedOutputMode, false);
  assert.equal(modes.wraparoundMode, true);
  assert.ok(
    top.output.lastIndexOf("\x1b[?25h") > top.output.lastIndexOf("\x1b[?25l"),
    "the cursor is hidden",
  );
}
