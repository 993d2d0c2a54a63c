/** A domain's console for a program: what the guest prints is kept as text and waited for. */
import type { ConsoleConnection } from "../api/client.ts";

/** Characters of output that are kept for `text`. */
const KEPT = 4 * 1024 * 1024;
const TIMEOUT_MS = 60_000;
/** Characters of the console's end that an error shows. */
const SHOWN = 2000;

/** What was waited for did not come; the message has the console's end. */
export class ConsoleTimeout extends Error {
  override readonly name = "ConsoleTimeout";
}

export interface WaitOptions {
  /** Milliseconds; 60,000 by default. */
  readonly timeoutMs?: number;
}

/**
 * A domain's console. It is attached before the guest's first instruction, so that nothing it prints is missed.
 *
 * ```ts
 * import { Xen } from "./mod.ts";
 *
 * await using xen = await Xen.launch();
 * await using domain = await xen.domains.create({ name: "doc-console", kernel: "builtin:echo", memory: 16 });
 * const [, mebibytes] = await domain.console.waitFor(/PV, (\d+) MiB/);
 * console.assert(mebibytes === "16");
 * await domain.console.write("help\n");
 * await domain.console.waitFor("halt");
 * ```
 */
export class DomainConsole {
  #text = "";
  /** Where the next `waitFor` looks from. */
  #seen = 0;
  #ended = false;
  #wake = Promise.withResolvers<void>();
  readonly #reading: Promise<void>;

  constructor(private readonly connection: ConsoleConnection, private readonly name: string) {
    this.#reading = this.#read();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    try {
      for await (const bytes of this.connection.output) this.#take(decoder.decode(bytes, { stream: true }));
      this.#take(decoder.decode());
    } finally {
      this.#ended = true;
      this.#changed();
    }
  }

  #take(text: string): void {
    this.#text += text;
    const dropped = this.#text.length - KEPT;
    if (dropped > 0) {
      this.#text = this.#text.slice(dropped);
      this.#seen = Math.max(0, this.#seen - dropped);
    }
    this.#changed();
  }

  #changed(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  /** Everything that the guest has printed (its last 4 Mi characters). */
  get text(): string {
    return this.#text;
  }

  /**
   * Waits until the guest prints a text, or something that a pattern matches, after what was matched before.
   * @returns the match with its groups
   * @throws ConsoleTimeout when it does not come in time, or the domain ends without it
   */
  async waitFor(pattern: RegExp | string, options: WaitOptions = {}): Promise<RegExpExecArray> {
    const { timeoutMs = TIMEOUT_MS } = options;
    const expression = typeof pattern === "string"
      ? new RegExp(RegExp.escape(pattern))
      : new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ""));
    const late = Promise.withResolvers<void>();
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      late.resolve();
    }, timeoutMs);
    try {
      for (;;) {
        const match = expression.exec(this.#text.slice(this.#seen));
        if (match !== null) {
          this.#seen += match.index + match[0].length;
          return match;
        }
        if (this.#ended || isLate) {
          const why = this.#ended ? "its console ended" : `${timeoutMs / 1000} s passed`;
          const tail = JSON.stringify(this.#text.slice(-SHOWN));
          throw new ConsoleTimeout(`${this.name}: ${why} without ${pattern}; it printed ${tail}`);
        }
        await Promise.race([this.#wake.promise, late.promise]);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Types text, or sends bytes as they are. */
  async write(input: string | Uint8Array): Promise<void> {
    await this.connection.input(typeof input === "string" ? new TextEncoder().encode(input) : input);
  }

  /** Detaches; the domain goes on. @throws what reading the console failed with */
  async close(): Promise<void> {
    this.connection.close();
    await this.#reading;
  }
}
