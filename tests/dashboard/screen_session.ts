/**
 * The xenolith command on a terminal of which a test sees the screen: a pseudo-terminal whose output goes into a headless xterm.
 *
 *     await using top = new ScreenSession(["top"], { rows: 24, columns: 80 }, environment);
 *     await top.waitFor(/Domain-0/);
 *     await top.press("q");
 */
import assert from "node:assert/strict";
import xterm from "@xterm/headless";
import { type Finished, Session } from "../session.ts";

export type XtermTerminal = InstanceType<typeof xterm.Terminal>;

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** A shell in the command's place: see Session. */
export interface ShellSize extends TerminalSize {
  readonly shell: string;
}

/** Names of keys for `press`, by what a terminal sends. */
export const KEY = {
  enter: "\r",
  escape: "\x1b",
  tab: "\t",
  backTab: "\x1b[Z",
  up: "\x1b[A",
  down: "\x1b[B",
  right: "\x1b[C",
  left: "\x1b[D",
  pageUp: "\x1b[5~",
  pageDown: "\x1b[6~",
  home: "\x1b[H",
  end: "\x1b[F",
  backspace: "\x7f",
} as const;

const LOOK_MS = 5;

export class ScreenSession implements AsyncDisposable {
  readonly session: Session;
  readonly terminal: XtermTerminal;
  /** How much of the session's output the terminal has had. */
  #fed = 0;
  readonly #device: string;

  constructor(
    args: readonly string[],
    size: TerminalSize | ShellSize,
    environment: Readonly<Record<string, string>> = {},
  ) {
    const { rows, columns } = size;
    this.#device = Deno.makeTempFileSync({ prefix: "xenolith-tty-" });
    this.terminal = new xterm.Terminal({ rows, cols: columns, allowProposedApi: true, scrollback: 0 });
    this.session = new Session(
      args,
      // Colours, unlike in the other sessions; its own kind of terminal, whatever the test runs in.
      { NO_COLOR: "", TERM: "xterm-256color", COLORTERM: "truecolor", LC_ALL: "C.UTF-8", ...environment },
      { ...size, deviceFile: this.#device },
    );
  }

  /** Characters that the command has written so far. */
  get written(): number {
    return this.session.stdout.length;
  }

  /** Everything that it has written, controls and all. */
  get output(): string {
    return this.session.stdout;
  }

  /** What stands on the screen now, a string a line, without blanks at the ends. */
  async lines(): Promise<string[]> {
    const { stdout, ended } = this.session;
    // Of an update that is being written a terminal shows nothing until it is whole.
    const begun = stdout.lastIndexOf("\x1b[?2026h");
    const isWhole = ended || begun < this.#fed || stdout.indexOf("\x1b[?2026l", begun) >= 0;
    const fresh = stdout.slice(this.#fed, isWhole ? undefined : begun);
    this.#fed += fresh.length;
    await new Promise<void>((resolve) => this.terminal.write(fresh, resolve));
    const { active } = this.terminal.buffer;
    return Array.from(
      { length: this.terminal.rows },
      (_, y) => active.getLine(active.viewportY + y)?.translateToString(true).trimEnd() ?? "",
    );
  }

  async text(): Promise<string> {
    return (await this.lines()).join("\n");
  }

  /** Waits until the screen matches. @returns the screen */
  async waitFor(pattern: RegExp | ((screen: string) => boolean), seconds = 20): Promise<string> {
    const deadline = performance.now() + seconds * 1000;
    let seen = -1;
    let screen = "";
    for (;;) {
      if (this.written !== seen) {
        seen = this.written;
        screen = await this.text();
        if (typeof pattern === "function" ? pattern(screen) : pattern.test(screen)) return screen;
      }
      if (performance.now() > deadline || this.session.ended) {
        const why = this.session.ended ? "the command ended" : `${seconds} s passed`;
        assert.fail(`${why} without ${pattern} on the screen:\n${screen}\nstderr: ${this.session.stderr}`);
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  /** Waits until a pattern is no longer on the screen. */
  async waitWithout(pattern: RegExp, seconds = 20): Promise<string> {
    return await this.waitFor((screen) => !pattern.test(screen), seconds);
  }

  async press(keys: string): Promise<void> {
    await this.session.send(keys);
  }

  /** What `stty -a` says of the terminal now. */
  async settings(): Promise<string> {
    const device = (await Deno.readTextFile(this.#device)).trim();
    const { stdout } = await new Deno.Command("stty", { args: ["-F", device, "-a"] }).output();
    return new TextDecoder().decode(stdout);
  }

  /** Another size of the window: the terminal tells the command's foreground process. */
  async resize({ rows, columns }: TerminalSize): Promise<void> {
    await this.lines();
    const device = (await Deno.readTextFile(this.#device)).trim();
    this.terminal.resize(columns, rows);
    const { success, stderr } = await new Deno.Command("stty", {
      args: ["-F", device, "rows", String(rows), "cols", String(columns)],
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
  }

  finish(seconds = 20): Promise<Finished> {
    return this.session.finish(seconds);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session[Symbol.asyncDispose]();
    this.terminal.dispose();
    await Deno.remove(this.#device);
  }
}
