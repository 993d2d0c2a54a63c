/**
 * A console as a terminal of the user's size would show it: xterm.js reads what the guest writes, and lines of harmless text come out, none of it
 * able to reach the user's own terminal. What a guest asks its terminal (where is the cursor?) is answered by whoever is attached, not here.
 */
// By its file: its package names a module for bundlers that it does not have.
// @ts-types="@xterm/headless"
import xterm from "@xterm/headless/lib-headless/xterm-headless.js";

/** Above the screen. */
const LINES_KEPT = 2000;
/** What no cell shows but would turn the user's text around or hide it. */
const HIDDEN = /\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}|\p{Cs}/gu;

export interface ConsoleSize {
  readonly columns: number;
  readonly rows: number;
}

export class ConsoleScreen {
  readonly #terminal: InstanceType<typeof xterm.Terminal>;

  constructor({ columns, rows }: ConsoleSize) {
    this.#terminal = new xterm.Terminal({
      cols: columns,
      rows,
      scrollback: LINES_KEPT,
      allowProposedApi: true,
      // It would tell the user's terminal of each sequence that is none.
      logLevel: "off",
    });
  }

  /** Resolves when it shows; a character may come in pieces. */
  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => this.#terminal.write(bytes, resolve));
  }

  resize({ columns, rows }: ConsoleSize): void {
    if (columns !== this.#terminal.cols || rows !== this.#terminal.rows) this.#terminal.resize(columns, rows);
  }

  /**
   * Of a program that has the whole screen its rows, otherwise everything that is kept, the line that is being written last; a line that the
   * terminal broke is one.
   */
  get lines(): readonly string[] {
    const { active } = this.#terminal.buffer;
    const lines: string[] = [];
    for (let y = 0; y < active.length; y++) {
      const row = active.getLine(y);
      if (row === undefined) break;
      const whole = row.translateToString().replaceAll(HIDDEN, "");
      // Blanks at a broken line's end belong to it.
      const text = active.getLine(y + 1)?.isWrapped === true ? whole : whole.trimEnd();
      if (row.isWrapped && lines.length > 0) lines.push(lines.pop() + text);
      else lines.push(text);
    }
    while (lines.length > 0 && lines[lines.length - 1] === "") lines.pop();
    return lines;
  }

  close(): void {
    this.#terminal.dispose();
  }
}
