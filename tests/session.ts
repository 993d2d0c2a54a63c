/** The xenolith command in a process of its own, driven as a user or a pipeline drives it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { v8Option, wantsChecks } from "../core/toolstack/v8_flags.ts";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** With XENOLITH_EXECUTABLE set every session is one of that executable, else of the sources, as deno.json's tasks run them. */
const EXECUTABLE = Deno.env.get("XENOLITH_EXECUTABLE");
export const COMMAND = EXECUTABLE === undefined
  ? [Deno.execPath(), "run", "-A", "--unstable-worker-options", v8Option(wantsChecks()), "mod.ts"]
  : [EXECUTABLE];

let links: string | undefined;

/** What to run for a program of that name: the executable goes by the name that it is called by. */
function commandAs(name: string | undefined): string[] {
  if (EXECUTABLE === undefined || name === undefined || name === "xenolith") return COMMAND;
  links ??= Deno.makeTempDirSync({ prefix: "xenolith-links-" });
  const link = join(links, name);
  try {
    Deno.symlinkSync(EXECUTABLE, link);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
  return [link];
}

export class Session implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #done: Promise<Finished>;
  #stdout = "";
  #stderr = "";
  /** Where the next `expect` starts to look. */
  #seen = 0;
  #wake: () => void = () => {};
  #ended = false;

  /**
   * @param terminal the command gets a pseudo-terminal (by util-linux' script), whose keys `send` presses; with a size,
   * it has that many rows and columns, and its name (/dev/pts/N) is written to `deviceFile`; with `shell` that runs there, and the test types
   * the command (SESSION_COMMAND) into it
   */
  constructor(
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
    terminal: boolean | {
      readonly rows: number;
      readonly columns: number;
      readonly deviceFile?: string;
      readonly shell?: string;
    } = false,
  ) {
    const command = [...commandAs(environment.XENOLITH_AS), ...args];
    const quoted = command.map((word) => `'${word}'`).join(" ");
    const size = typeof terminal === "object"
      ? `tty > ${
        terminal.deviceFile ?? "/dev/null"
      }; stty rows ${terminal.rows} cols ${terminal.columns}; exec `
      : "";
    const shell = typeof terminal === "object" ? terminal.shell : undefined;
    this.#child = new Deno.Command(terminal !== false ? "script" : command[0], {
      args: terminal !== false ? ["-qec", size + (shell ?? quoted), "/dev/null"] : command.slice(1),
      cwd: ROOT,
      // Domains in the command's own process: tests of guests at the same time share no xend.
      env: { NO_COLOR: "1", XENOLITH_IN_PROCESS: "1", SESSION_COMMAND: quoted, ...environment },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    const out = this.#collect(this.#child.stdout, (text) => this.#stdout += text);
    const err = this.#collect(this.#child.stderr, (text) => this.#stderr += text);
    this.#done = Promise.all([this.#child.status, out, err]).then(([{ code }]) => {
      this.#ended = true;
      this.#wake();
      return { code, stdout: this.#stdout, stderr: this.#stderr };
    });
  }

  async #collect(
    stream: ReadableStream<Uint8Array<ArrayBuffer>>,
    take: (text: string) => void,
  ): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      take(text);
      this.#wake();
    }
  }

  /** Of the command (of script, with a terminal). */
  get pid(): number {
    return this.#child.pid;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get ended(): boolean {
    return this.#ended;
  }

  async send(text: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(text));
  }

  async closeInput(): Promise<void> {
    await this.#input.close();
  }

  /** Waits for a pattern in the console's output behind what was matched before. */
  async expect(pattern: RegExp | string, seconds = 60): Promise<string> {
    const deadline = performance.now() + seconds * 1000;
    for (;;) {
      const fresh = this.#stdout.slice(this.#seen);
      const text = typeof pattern === "string" ? pattern : pattern.exec(fresh)?.[0];
      const at = text === undefined ? -1 : fresh.indexOf(text);
      if (text !== undefined && at >= 0) {
        this.#seen += at + text.length;
        return text;
      }
      const left = deadline - performance.now();
      if (left <= 0 || this.#ended) {
        const why = this.#ended ? "the command ended" : `${seconds} s passed`;
        const tail = JSON.stringify(this.#stdout.slice(-1500));
        assert.fail(
          `${why} without ${pattern}; the console's end: ${tail}; stderr: ${this.#stderr.slice(-1500)}`,
        );
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Waits for the command's end. */
  async finish(seconds = 60): Promise<Finished> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      const fail = () =>
        reject(new Error(`still running after ${seconds} s; console: ${this.#stdout.slice(-1500)}`));
      timer = setTimeout(fail, seconds * 1000);
    });
    try {
      return await Promise.race([this.#done, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) this.#child.kill("SIGKILL");
    await this.#done;
    await this.#input.abort().catch(() => {}); // The pipe is gone with its process.
  }
}

/** Runs the command to its end with all its input given at once. */
export async function run(
  args: readonly string[],
  input = "",
  environment: Readonly<Record<string, string>> = {},
  seconds = 60,
): Promise<Finished> {
  await using session = new Session(args, environment);
  if (input !== "") await session.send(input);
  await session.closeInput();
  return await session.finish(seconds);
}
