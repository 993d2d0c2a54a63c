/**
 * The terminal as the dashboard has it: Ink's frames come in, the fewest bytes go out. The latest frame wins: when a write takes long (a slow
 * terminal) the frames until the next are dropped, and as much time as a write took passes before it.
 *
 *     const screen = new Screen(ports.terminal);
 *     screen.enter();
 *     render(<App />, { ...screen.inkOptions() });
 *     ...
 *     screen.leave();
 */
import type { DashboardTerminal } from "../ports.ts";
import { FrameParser } from "./frame.ts";
import { FrameStream, SilentInput } from "./ink_streams.ts";
import { ScreenWriter, type WriterCounts } from "./screen_writer.ts";
import { ENTER, LEAVE, MOUSE_OFF, MOUSE_ON } from "./terminal_modes.ts";

/** A write that blocked this long is followed by a pause of the same length, at most this long. */
const LONGEST_PAUSE_MS = 1000;

export class Screen {
  readonly stdout: FrameStream;
  readonly stdin = new SilentInput();
  readonly #parser = new FrameParser();
  readonly #writer = new ScreenWriter();
  readonly #now: () => number;
  #endListening: (() => void) | undefined;
  #isEntered = false;
  #isShown = false;
  #hasMouse = false;
  /** The latest that Ink has drawn. */
  #frame: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #notBefore = 0;
  #frames = 0;
  #dropped = 0;
  #isWritten = true;

  /** @param options.now milliseconds of any clock */
  constructor(private readonly terminal: DashboardTerminal, options: { readonly now?: () => number } = {}) {
    this.#now = options.now ?? (() => performance.now());
    const { columns, rows } = terminal.size();
    this.stdout = new FrameStream(columns, rows, (text) => this.#take(text));
  }

  /** Options for Ink's render. */
  inkOptions(): {
    stdout: NodeJS.WriteStream;
    stdin: NodeJS.ReadStream;
    debug: true;
    interactive: true;
    exitOnCtrlC: false;
    patchConsole: false;
  } {
    return {
      // Ink uses what FrameStream and SilentInput have of these.
      stdout: this.stdout as unknown as NodeJS.WriteStream,
      stdin: this.stdin as unknown as NodeJS.ReadStream,
      debug: true,
      interactive: true,
      exitOnCtrlC: false,
      patchConsole: false,
    };
  }

  /** What was written so far; `frames` came from Ink, `dropped` of them were never shown. */
  get counts(): Readonly<WriterCounts> & { readonly frames: number; readonly dropped: number } {
    return { ...this.#writer.counts, frames: this.#frames, dropped: this.#dropped };
  }

  enter(): void {
    if (this.#isEntered) return;
    this.#isEntered = true;
    this.terminal.setRaw(true);
    this.#endListening = this.terminal.onResize(() => this.#resized());
    this.resume();
  }

  /** Gives the user's screen back. Safe to call at any time, from a crash too. */
  leave(): void {
    if (!this.#isEntered) return;
    this.#isEntered = false;
    this.#endListening?.();
    this.suspend();
    this.terminal.setRaw(false);
  }

  /** Lends the terminal to another (an attached console): raw still, the user's screen, a cursor. Frames wait. */
  suspend(): void {
    if (!this.#isShown) return;
    this.#isShown = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.terminal.write(LEAVE);
  }

  resume(): void {
    if (this.#isShown || !this.#isEntered) return;
    this.#isShown = true;
    this.terminal.write(ENTER + (this.#hasMouse ? MOUSE_ON : ""));
    this.#resized();
  }

  /** Paints everything anew (^L). */
  repaint(): void {
    this.#writer.forget();
    this.#schedule();
  }

  setMouse(on: boolean): void {
    if (on === this.#hasMouse) return;
    this.#hasMouse = on;
    if (this.#isShown) this.terminal.write(on ? MOUSE_ON : MOUSE_OFF);
  }

  get hasMouse(): boolean {
    return this.#hasMouse;
  }

  /** Writes the latest frame now. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#isShown || this.#frame === undefined) return;
    const { columns, rows } = this.stdout;
    const text = this.#writer.update(this.#parser.parse(this.#frame, columns, rows));
    this.#isWritten = true;
    if (text === "") return;
    const start = this.#now();
    this.terminal.write(text);
    const end = this.#now();
    this.#notBefore = end + Math.min(end - start, LONGEST_PAUSE_MS);
  }

  #take(text: string): void {
    this.#frames++;
    if (!this.#isWritten) this.#dropped++;
    this.#isWritten = false;
    this.#frame = text;
    this.#schedule();
  }

  /** Frames that Ink draws in one turn of the event loop are one. */
  #schedule(): void {
    if (this.#timer !== undefined || !this.#isShown) return;
    this.#timer = setTimeout(() => this.flush(), Math.max(0, this.#notBefore - this.#now()));
  }

  #resized(): void {
    const { columns, rows } = this.terminal.size();
    if (columns !== this.stdout.columns || rows !== this.stdout.rows) this.stdout.resize(columns, rows);
    this.repaint();
  }
}
