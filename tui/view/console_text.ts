/**
 * A console's output as lines of harmless text: what the guest writes must not reach the user's terminal. Escape sequences go, whatever they
 * would do; carriage return, backspace, tab and erasing to the line's end work as on a terminal.
 */

const LINES_KEPT = 2000;
const LONGEST_LINE = 1000;
const TAB = 8;

/** In a sequence: ESC was read, a CSI, or a string that ends with BEL or ESC \. */
type Mode = "text" | "escape" | "escape-more" | "csi" | "string" | "string-escape";

// deno-lint-ignore no-control-regex
const PLAIN_RUN = /[^\x00-\x1f\x7f-\x9f]+/y;
const HIDDEN = /\p{Cf}|\p{Zl}|\p{Zp}|\p{Cs}/gu;

export class ConsoleText {
  readonly #decoder = new TextDecoder();
  #lines: string[] = [];
  #last: string[] = [];
  #column = 0;
  #mode: Mode = "text";
  #parameters = "";

  /** The kept lines, the one that is being written last. */
  get lines(): readonly string[] {
    const last = this.#last.join("");
    return last === "" ? [...this.#lines] : [...this.#lines, last];
  }

  write(bytes: Uint8Array): void {
    const text = this.#decoder.decode(bytes, { stream: true });
    for (let at = 0; at < text.length;) {
      if (this.#mode === "text") {
        PLAIN_RUN.lastIndex = at;
        const run = PLAIN_RUN.exec(text);
        if (run !== null) {
          this.#put(run[0].replace(HIDDEN, ""));
          at += run[0].length;
          continue;
        }
      }
      this.#control(text[at]);
      at++;
    }
  }

  #put(text: string): void {
    for (const point of text) {
      if (this.#column >= LONGEST_LINE) return;
      while (this.#last.length < this.#column) this.#last.push(" ");
      this.#last[this.#column++] = point;
    }
  }

  #feed(): void {
    this.#lines.push(this.#last.join("").trimEnd());
    if (this.#lines.length > LINES_KEPT + 200) this.#lines = this.#lines.slice(-LINES_KEPT);
    this.#last = [];
    this.#column = 0;
  }

  #control(point: string): void {
    switch (this.#mode) {
      case "text":
        return this.#single(point);
      case "escape":
        if (point === "[") this.#begin("csi");
        else if ("]P_^X".includes(point)) this.#begin("string");
        // Of more than one character: ESC ( B and the like.
        else this.#mode = point >= " " && point <= "/" ? "escape-more" : "text";
        return;
      case "escape-more":
        if (!(point >= " " && point <= "/")) this.#mode = "text";
        return;
      case "csi":
        if (point === "\x1b") this.#mode = "escape";
        else if (point >= "@" && point <= "~") {
          this.#mode = "text";
          if (point === "K") this.#erase();
        } else if (this.#parameters.length < 64) this.#parameters += point;
        return;
      case "string":
        if (point === "\x07" || point === "\x9c") this.#mode = "text";
        else if (point === "\x1b") this.#mode = "string-escape";
        return;
      case "string-escape":
        // ESC \ ends it; another sequence ends it, too.
        this.#mode = "text";
        if (point !== "\\") {
          this.#mode = "escape";
          this.#control(point);
        }
        return;
    }
  }

  #begin(mode: Mode): void {
    this.#mode = mode;
    this.#parameters = "";
  }

  #single(point: string): void {
    switch (point) {
      case "\n":
        return this.#feed();
      case "\r":
        this.#column = 0;
        return;
      case "\b":
        this.#column = Math.max(0, this.#column - 1);
        return;
      case "\t":
        this.#column = Math.min(LONGEST_LINE, (Math.floor(this.#column / TAB) + 1) * TAB);
        return;
      case "\x1b":
        this.#mode = "escape";
        return;
      case "\x9b":
        return this.#begin("csi");
      case "\x90":
      case "\x9d":
        return this.#begin("string");
    }
  }

  #erase(): void {
    if (this.#parameters === "" || this.#parameters === "0") this.#last.length = this.#column;
    else if (this.#parameters === "2") this.#last = [];
    else if (this.#parameters === "1") {
      for (let at = 0; at <= this.#column && at < this.#last.length; at++) this.#last[at] = " ";
    }
    // The cursor stays; #put fills what is missing before it.
  }
}
