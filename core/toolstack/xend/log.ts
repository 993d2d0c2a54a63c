/** xend.log, in the format of xm's xend, kept below a size. A log that cannot be written never takes xend down. */

export type LogLevel = "DEBUG" | "INFO" | "WARNING" | "ERROR";

const ROTATE_BYTES = 1024 * 1024;
/** xend.log.1 to xend.log.5. */
const OLD_FILES = 5;
/** Lines of the log that GET /node/log shows, whatever became of the file. */
const KEPT_LINES = 2000;

const two = (value: number) => String(value).padStart(2, "0");

/** `[2009-03-02 14:05:11 4711] INFO (module:12) message` */
export function logLine(
  level: LogLevel,
  place: string,
  message: string,
  date = new Date(),
  pid = Deno.pid,
): string {
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `[${day} ${time} ${pid}] ${level} (${place}) ${message}`;
}

/** Where a log call stands: module:line of the first frame outside this file. */
function callSite(): string {
  const frames = (new Error().stack ?? "").split("\n").slice(1);
  for (const frame of frames) {
    const match = /([^/\\(]+)\.[jt]sx?:(\d+):\d+\)?$/.exec(frame);
    if (match !== null && match[1] !== "log") return `${match[1]}:${match[2]}`;
  }
  return "xend:0";
}

export interface LogOptions {
  /** Undefined: lines are kept in memory only. */
  readonly path?: string;
  readonly rotateBytes?: number;
  /** Told each line, as in the file. */
  readonly onLine?: (line: string) => void;
}

export class XendLog implements Disposable {
  readonly #lines: string[] = [];
  #file: Deno.FsFile | undefined;
  #bytes = 0;
  /** Lines that could not be written since the last one that could. */
  #lost = 0;

  constructor(private readonly options: LogOptions = {}) {}

  debug(message: string): void {
    this.#log("DEBUG", message);
  }

  info(message: string): void {
    this.#log("INFO", message);
  }

  warning(message: string): void {
    this.#log("WARNING", message);
  }

  error(message: string): void {
    this.#log("ERROR", message);
  }

  /** The latest lines. */
  lines(): readonly string[] {
    return this.#lines;
  }

  #log(level: LogLevel, message: string): void {
    const place = callSite();
    // Guests' words come into messages: nothing of them starts a line of its own or moves a terminal's cursor.
    const safe = message.replace(/[^\P{Cc}\t\n]/gu, "?").replaceAll("\n", "\n    ");
    const line = logLine(level, place, safe);
    this.#lines.push(line);
    if (this.#lines.length > KEPT_LINES) this.#lines.splice(0, this.#lines.length - KEPT_LINES);
    this.#write(line);
    this.options.onLine?.(line);
  }

  #write(line: string): void {
    const { path, rotateBytes = ROTATE_BYTES } = this.options;
    if (path === undefined) return;
    try {
      const note = this.#lost > 0
        ? logLine("ERROR", "log:0", `${this.#lost} lines could not be written`) + "\n"
        : "";
      const bytes = new TextEncoder().encode(`${note}${line}\n`);
      if (this.#file !== undefined && this.#bytes + bytes.length > rotateBytes) this.#rotate(path);
      if (this.#file === undefined) this.#open(path);
      const file = this.#file;
      for (let rest = bytes; file !== undefined && rest.length > 0;) {
        const written = file.writeSync(rest);
        this.#bytes += written;
        rest = rest.subarray(written);
      }
      this.#lost = 0;
    } catch {
      // A full disk, a removed folder: counted, told in the log itself once it can be written again, and kept in memory.
      this.#lost++;
      this.#close();
    }
  }

  get lost(): number {
    return this.#lost;
  }

  #open(path: string): void {
    this.#file = Deno.openSync(path, { append: true, create: true, mode: 0o600 });
    this.#bytes = this.#file.statSync().size;
    if (this.#bytes >= (this.options.rotateBytes ?? ROTATE_BYTES)) this.#rotate(path);
    this.#file ??= Deno.openSync(path, { append: true, create: true, mode: 0o600 });
  }

  #rotate(path: string): void {
    this.#close();
    for (let number = OLD_FILES; number >= 1; number--) {
      const from = number === 1 ? path : `${path}.${number - 1}`;
      try {
        Deno.renameSync(from, `${path}.${number}`);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
    this.#file = Deno.openSync(path, { append: true, create: true, mode: 0o600 });
    this.#bytes = 0;
  }

  #close(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  [Symbol.dispose](): void {
    this.#close();
  }
}
