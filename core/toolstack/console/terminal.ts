/** The user's end of a console: a terminal, or the two ends of a pipeline. */
export interface Terminal {
  /** Standard input is a terminal: keys go to the guest one by one and ^] leaves. */
  readonly interactive: boolean;
  /** What the terminal shows, where it is known. */
  size(): { readonly columns: number; readonly rows: number } | undefined;
  /** Input as it comes; ends where standard input ends. */
  input(): AsyncIterable<Uint8Array>;
  /** Writes all of it before it returns. */
  write(bytes: Uint8Array): void;
  /** Takes every key as it is pressed, without echo, or gives the terminal back. */
  setRaw(raw: boolean): void;
}

/** Standard output was closed by whoever read it. */
export class OutputClosed extends Error {
  override readonly name = "OutputClosed";
}

/** After a guest: plain colours, a visible cursor, a line of one's own. */
const FAREWELL = new TextEncoder().encode("\x1b[0m\x1b[?25h\r\n");

const naps = new Int32Array(new SharedArrayBuffer(4));

function writeAll(bytes: Uint8Array): void {
  let rest = bytes;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(Deno.stdout.writeSync(rest));
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe) throw new OutputClosed("standard output is closed");
      // Another program may have set the terminal or pipe to non-blocking: wait for it as blocking output does.
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      Atomics.wait(naps, 0, 0, 5);
    }
  }
}

/**
 * Deno's raw mode still makes every line feed a carriage return too, which full-screen programs do not expect.
 * What setRaw(false) restores covers this; without stty (coreutils) only such programs look wrong.
 */
function leaveOutputAlone(): void {
  try {
    new Deno.Command("stty", { args: ["-opost"], stdin: "inherit", stdout: "null", stderr: "null" })
      .outputSync();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** The process's own standard input and output. */
export function processTerminal(): Terminal {
  const interactive = Deno.stdin.isTerminal();
  let isRaw = false;
  return {
    interactive,
    size() {
      if (!interactive || !Deno.stdout.isTerminal()) return undefined;
      const { columns, rows } = Deno.consoleSize();
      // A terminal that does not know says 0.
      return columns > 0 && rows > 0 ? { columns, rows } : undefined;
    },
    async *input() {
      const buffer = new Uint8Array(4096);
      for (;;) {
        const count = await Deno.stdin.read(buffer);
        if (count === null) return;
        yield buffer.slice(0, count);
      }
    },
    write: writeAll,
    setRaw(raw) {
      if (!interactive || raw === isRaw) return;
      Deno.stdin.setRaw(raw);
      if (raw) leaveOutputAlone();
      isRaw = raw;
      if (!raw && Deno.stdout.isTerminal()) writeAll(FAREWELL);
    },
  };
}
