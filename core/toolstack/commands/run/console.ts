/** A domain's console at this process's terminal or pipes. */
import type { XendEvent } from "../../api/types.ts";
import { EXIT } from "../../exit_codes.ts";
import type { Terminal } from "../../console/terminal.ts";
import type { Context, Xend } from "../context.ts";
import { restoreOnSignals, verdict } from "../ends.ts";
import { CommandError, UnknownDomain } from "../errors.ts";
import type { Runner } from "../spec.ts";
import { about, domainOf } from "./domains.ts";

const ESCAPE_KEY = 0x1d;

type DomainEvent = Extract<XendEvent, { type: "domain" }>;

/** Follows what becomes of domains. To be made before the domain can end. */
export class EndWatcher {
  #last: DomainEvent[] = [];
  #wake: () => void = () => {};
  readonly #done: Promise<void>;

  private constructor(events: AsyncIterable<XendEvent>) {
    this.#done = this.#run(events);
  }

  /** When it resolves, nothing is missed any more. */
  static async follow(xend: Xend): Promise<EndWatcher> {
    return new EndWatcher((await xend.followEvents(["domain"])).events);
  }

  async #run(events: AsyncIterable<XendEvent>): Promise<void> {
    for await (const event of events) {
      if (event.type !== "domain") continue;
      this.#last.push(event);
      this.#wake();
    }
  }

  #find(name: string, changes: readonly DomainEvent["change"][]): DomainEvent | undefined {
    return this.#last.findLast((event) => event.name === name && changes.includes(event.change));
  }

  /** How the domain ended, once it has: undefined when it was destroyed, or when nothing is heard in time. */
  async end(name: string, timeoutMs: number): Promise<DomainEvent | undefined> {
    const deadline = Date.now() + timeoutMs;
    while (this.#find(name, ["shutdown", "destroyed"]) === undefined) {
      const left = deadline - Date.now();
      if (left <= 0) return undefined;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(left, 2 ** 30));
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
        this.#done.then(this.#wake, this.#wake);
      });
    }
    return this.#find(name, ["shutdown"]);
  }
}

export interface AttachOptions {
  readonly name: string;
  readonly quiet: boolean;
  readonly history: boolean;
  /** The byte that detaches, on a terminal. */
  readonly escapeKey?: number;
  /** Called when the console is there. */
  readonly onAttached?: () => Promise<void>;
}

const END_EVENT_MS = 5000;

/** Attaches until the domain ends or the user leaves; gives the exit code. */
export async function attach(xend: Xend, context: Context, options: AttachOptions): Promise<number> {
  const { name, quiet, history, escapeKey = ESCAPE_KEY } = options;
  const say = (line: string) => {
    if (!quiet) context.say(line);
  };
  const terminal = await context.terminal();
  const watcher = await EndWatcher.follow(xend);
  const connection = await about(xend, name, () => xend.attachConsole(name, history));
  const restore = () => terminal.setRaw(false);
  const stopWatching = terminal.interactive ? restoreOnSignals(restore) : () => {};
  const left = Promise.withResolvers<"left">();
  try {
    if (terminal.interactive) {
      say(`the console of ${name} follows; ^] leaves it`);
      terminal.setRaw(true);
    }
    const output = (async () => {
      for await (const bytes of connection.output) terminal.write(bytes);
      return "ended" as const;
    })();
    // Not awaited: a read of standard input cannot be called back; the process ends around it.
    pump(terminal, escapeKey, connection, () => left.resolve("left")).catch((error) =>
      say(`standard input: ${error instanceof Error ? error.message : error}`)
    );
    await options.onAttached?.();
    const result = await Promise.race([output, left.promise]);
    restore();
    if (result === "left") {
      say(`left the console of ${name}; it goes on`);
      return EXIT.ok;
    }
    // xenconsole, which xm and xl leave the terminal to, has no words or codes for how a domain ended (tools/console/client/main.c).
    if (context.dialect !== "xenolith") return EXIT.ok;
    const end = connection.ended === undefined ? await watcher.end(name, END_EVENT_MS) : undefined;
    const { code, words } = verdict(connection.ended ?? end?.reason);
    if (end?.registers !== undefined) context.say(end.registers);
    say(`${name} ${words}`);
    return code;
  } finally {
    connection.close();
    restore();
    stopWatching();
  }
}

async function pump(
  terminal: Terminal,
  escapeKey: number,
  { input }: { input(bytes: Uint8Array): Promise<void> },
  leave: () => void,
): Promise<void> {
  for await (const bytes of terminal.input()) {
    const escape = terminal.interactive ? bytes.indexOf(escapeKey) : -1;
    const forGuest = escape < 0 ? bytes : bytes.subarray(0, escape);
    if (forGuest.length > 0) await input(forGuest);
    if (escape >= 0) return leave();
  }
}

/** ^X or a character, as xenconsole's -e takes it. @throws CommandError */
export function parseEscape(text: string): number {
  const code = /^\^[@-_a-z?]$/.test(text)
    ? text.toUpperCase().charCodeAt(1) & 0x1f
    : text.length === 1
    ? text.charCodeAt(0)
    : NaN;
  if (!(code <= 0x7f)) {
    throw new CommandError(
      `expected ^ and a letter, or one character; found ${JSON.stringify(text)}`,
      "usage",
    );
  }
  return code;
}

/** @throws CommandError: managed, and does not run */
async function nameOf(xend: Xend, id: string): Promise<string> {
  try {
    const { name, domid } = await domainOf(xend, id);
    if (domid !== undefined) return name;
    throw new CommandError(`${name} is not running; start -c ${name} starts it and attaches`);
  } catch (error) {
    // It may have ended just now: then xend still has what it wrote.
    if (error instanceof UnknownDomain) return id;
    throw error;
  }
}

export const console: Runner = async (invocation, context) => {
  const [id] = invocation.words;
  const escape = invocation.text("escape");
  const escapeKey = escape === undefined ? undefined : parseEscape(escape);
  if (
    invocation.text("type") === "serial" ||
    invocation.number("number", 0, 0) === undefined && invocation.has("number")
  ) {
    throw new CommandError("a PV domain has its PV console alone: -t pv -n 0");
  }
  const xend = await context.xend();
  return await attach(xend, context, {
    name: await nameOf(xend, id),
    quiet: invocation.has("quiet") || context.dialect !== "xenolith",
    history: !invocation.has("from-now"),
    escapeKey,
  });
};
