/** Xen's console ring: what `dmesg` shows. The oldest lines go first. */

/** Characters kept: Xen's default ring is 16 KiB and grows with the machine. */
const MOST_CHARACTERS = 64 << 10;

export class XenLog {
  readonly #lines: string[] = [];
  #characters = 0;

  /** @param capacity in characters, line ends included */
  constructor(private readonly capacity = MOST_CHARACTERS) {}

  /** A line without its end. */
  add(line: string): void {
    this.#lines.push(line);
    this.#characters += line.length + 1;
    while (this.#characters > this.capacity && this.#lines.length > 1) {
      this.#characters -= this.#lines.shift()!.length + 1;
    }
  }

  /** All of it, each line with the prefix that Xen's own have. */
  get text(): string {
    return this.#lines.map((line) => `(XEN) ${line}\n`).join("");
  }

  clear(): void {
    this.#lines.length = 0;
    this.#characters = 0;
  }
}
