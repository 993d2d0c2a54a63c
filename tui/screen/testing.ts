/** A terminal for tests: @xterm/headless, read cell by cell. */
import xterm from "@xterm/headless";
import type { DashboardTerminal } from "../ports.ts";

type XtermTerminal = InstanceType<typeof xterm.Terminal>;

export type XtermCell = NonNullable<ReturnType<XtermTerminal["buffer"]["active"]["getNullCell"]>>;

/** Everything of a cell that a user sees. */
export function describe(cell: XtermCell): string {
  const chars = cell.getChars();
  const text = chars === "" ? " " : chars;
  const lines = (cell.isUnderline() ? "u" : "") + (cell.isStrikethrough() ? "s" : "") +
    (cell.isInverse() ? "i" : "");
  const paper = `${cell.getBgColorMode()}:${cell.getBgColor()}`;
  // Where there is no ink its colour does not show.
  const hasInk = text !== " " || lines !== "";
  const weight = (cell.isBold() ? "b" : "") + (cell.isDim() ? "d" : "") + (cell.isItalic() ? "i" : "");
  const ink = hasInk ? `${cell.getFgColorMode()}:${cell.getFgColor()} ${weight}` : "";
  return `${cell.getWidth() === 0 ? "" : text}|${cell.getWidth()}|${ink}|${paper}|${lines}`;
}

export class HeadlessTerminal {
  readonly #terminal: XtermTerminal;
  /** Lines that left the top of the screen. */
  scrolls = 0;

  constructor(readonly columns: number, readonly rows: number) {
    this.#terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 100 });
    this.#terminal.onScroll(() => this.scrolls++);
  }

  write(text: string): Promise<void> {
    return new Promise((resolve) => this.#terminal.write(text, resolve));
  }

  resize(columns: number, rows: number): void {
    this.#terminal.resize(columns, rows);
  }

  get isAlternate(): boolean {
    return this.#terminal.buffer.active.type === "alternate";
  }

  /** What each row shows, styles included. */
  picture(): string[] {
    const { active } = this.#terminal.buffer;
    const spare = active.getNullCell();
    return Array.from({ length: this.#terminal.rows }, (_, y) => {
      const line = active.getLine(active.viewportY + y);
      return Array.from({ length: this.#terminal.cols }, (_, x) => describe(line?.getCell(x, spare) ?? spare))
        .join("\n");
    });
  }

  /** Text alone, without blanks at the ends. */
  lines(): string[] {
    const { active } = this.#terminal.buffer;
    return Array.from(
      { length: this.#terminal.rows },
      (_, y) => active.getLine(active.viewportY + y)?.translateToString(true).trimEnd() ?? "",
    );
  }

  [Symbol.dispose](): void {
    this.#terminal.dispose();
  }
}

/** A terminal whose size and slowness a test sets. */
export class FakeTerminal implements DashboardTerminal {
  readonly written: string[] = [];
  readonly #listeners = new Set<() => void>();
  isRaw = false;
  /** Called with each write. */
  onWrite: ((text: string) => void) | undefined;

  constructor(private columns = 80, private rows = 24, private readonly bytes: readonly Uint8Array[] = []) {}

  async *input(): AsyncIterable<Uint8Array> {
    for (const bytes of this.bytes) yield await Promise.resolve(bytes);
  }

  write(text: string): void {
    this.written.push(text);
    this.onWrite?.(text);
  }

  size(): { columns: number; rows: number } {
    return { columns: this.columns, rows: this.rows };
  }

  onResize(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  setRaw(raw: boolean): void {
    this.isRaw = raw;
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  resize(columns: number, rows: number): void {
    this.columns = columns;
    this.rows = rows;
    this.#listeners.forEach((listener) => listener());
  }

  /** All that was written since the last call. */
  take(): string {
    return this.written.splice(0).join("");
  }
}

/** Numbers from 0 to 1, the same ones for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
