/** Bytes of a terminal as keys, clicks and pastes, however they are split. */
import type { InputEvent } from "./input_events.ts";
import { decodeCharacter, decodeSequence, decodeSs3 } from "./key_sequences.ts";

const ESC = "\x1b";
const PASTE_BEGIN = "\x1b[200~";
const PASTE_END = "\x1b[201~";
/** A paste is handed on in parts of at most this many characters. */
const PASTE_LIMIT = 1 << 16;
/** What began like an answer of the terminal and is this long is none. */
const STRING_LIMIT = 4096;

/** An ESC alone is the key when nothing follows for so long; the rest of a sequence may take longer (a slow connection). */
const ESCAPE_MS = 50;
const SEQUENCE_MS = 500;

// deno-lint-ignore no-control-regex
const CSI = /^\x1b\[(?:\[[A-E]|[0-?]*[ -/]*[@-Z\\-~])/;
// deno-lint-ignore no-control-regex
const CSI_BEGIN = /^\x1b\[(?:\[?|[0-?]*[ -/]*)$/;
// rxvt ends shifted keys with $, which elsewhere comes before the end.
// deno-lint-ignore no-control-regex
const RXVT_SHIFTED = /^\x1b\[\d+\$/;
// deno-lint-ignore no-control-regex
const SS3 = /^\x1bO(\d*)([A-Za-z])/;
// deno-lint-ignore no-control-regex
const SS3_BEGIN = /^\x1bO\d*$/;
// deno-lint-ignore no-control-regex
const STRING = /^\x1b[\]P_^X][^\x07\x1b]*(?:\x07|\x1b\\)/;
// deno-lint-ignore no-control-regex
const STRING_BEGIN = /^\x1b[\]P_^X][^\x07\x1b]*\x1b?$/;

/** Decodes input; what may go on is kept for the next bytes or `flush`. */
export class InputDecoder {
  readonly #decoder = new TextDecoder();
  #rest = "";
  #paste: string | undefined;

  push(bytes: Uint8Array): InputEvent[] {
    this.#rest += this.#decoder.decode(bytes, { stream: true });
    return this.#decode(false);
  }

  /** Nothing came for `waitMs`: what is kept is all that there is. */
  flush(): InputEvent[] {
    return this.#decode(true);
  }

  /** How long to wait for more before `flush`; undefined: nothing is kept that time would end. */
  get waitMs(): number | undefined {
    if (this.#rest === "" || this.#paste !== undefined) return undefined;
    return this.#rest.length <= 2 ? ESCAPE_MS : SEQUENCE_MS;
  }

  #decode(isFinal: boolean): InputEvent[] {
    const events: InputEvent[] = [];
    while (this.#rest !== "") {
      const length = this.#paste === undefined ? this.#one(events, isFinal) : this.#pasted(events);
      if (length === 0) break;
      this.#rest = this.#rest.slice(length);
    }
    return events;
  }

  /** @returns how many characters are done; 0: they may go on */
  #one(events: InputEvent[], isFinal: boolean): number {
    const rest = this.#rest;
    if (!rest.startsWith(ESC)) {
      const character = String.fromCodePoint(rest.codePointAt(0)!);
      events.push(decodeCharacter(character, false));
      return character.length;
    }
    if (rest.startsWith(PASTE_BEGIN)) {
      this.#paste = "";
      return PASTE_BEGIN.length;
    }
    // ESC before a sequence is the Alt key.
    const hasMeta = rest.startsWith(ESC + ESC) && (rest[2] === "[" || rest[2] === "O");
    const sequence = hasMeta ? rest.slice(1) : rest;
    const length = this.#sequence(sequence, hasMeta, events, isFinal);
    return length === 0 ? 0 : length + (hasMeta ? 1 : 0);
  }

  #sequence(text: string, hasMeta: boolean, events: InputEvent[], isFinal: boolean): number {
    const shifted = RXVT_SHIFTED.exec(text);
    const csi = shifted ?? CSI.exec(text);
    if (csi !== null) {
      events.push(...decodeSequence(csi[0], hasMeta));
      return csi[0].length;
    }
    const ss3 = SS3.exec(text);
    if (ss3 !== null) {
      events.push(...decodeSs3(ss3[2], ss3[1], hasMeta));
      return ss3[0].length;
    }
    const string = STRING.exec(text);
    if (string !== null) return string[0].length;
    const mayGoOn = text === ESC || text === ESC + ESC || CSI_BEGIN.test(text) || SS3_BEGIN.test(text) ||
      (STRING_BEGIN.test(text) && text.length < STRING_LIMIT);
    if (mayGoOn && !isFinal) return 0;
    if (text === ESC || text.startsWith(ESC + ESC)) {
      events.push(decodeCharacter(ESC, false));
      return 1;
    }
    if (mayGoOn && text.length > 2) return text.length;
    const character = String.fromCodePoint(text.codePointAt(1)!);
    if (hasMeta) events.push(decodeCharacter(ESC, false));
    events.push(decodeCharacter(character, true));
    return 1 + character.length;
  }

  /** The end of a paste may be split, too: as much as could be its begin is kept. */
  #pasted(events: InputEvent[]): number {
    const end = this.#rest.indexOf(PASTE_END);
    const kept = end >= 0 ? 0 : partialEnd(this.#rest);
    const taken = end >= 0 ? end : this.#rest.length - kept;
    this.#paste += this.#rest.slice(0, taken);
    while (this.#paste!.length > PASTE_LIMIT) {
      events.push({ kind: "paste", text: this.#paste!.slice(0, PASTE_LIMIT) });
      this.#paste = this.#paste!.slice(PASTE_LIMIT);
    }
    if (end < 0) return taken;
    events.push({ kind: "paste", text: this.#paste! });
    this.#paste = undefined;
    return end + PASTE_END.length;
  }
}

function partialEnd(text: string): number {
  for (let length = Math.min(PASTE_END.length - 1, text.length); length > 0; length--) {
    if (text.endsWith(PASTE_END.slice(0, length))) return length;
  }
  return 0;
}

/** The one reader of the terminal's input: events, or bytes while somebody else (a console) has them. */
export class InputReader {
  readonly #decoder = new InputDecoder();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #taker: ((bytes: Uint8Array) => void) | undefined;
  #isStopped = false;

  constructor(
    private readonly source: AsyncIterable<Uint8Array>,
    private readonly onEvent: (event: InputEvent) => void,
  ) {}

  /** Resolves when the input ends. */
  async run(): Promise<void> {
    try {
      for await (const bytes of this.source) {
        if (this.#isStopped) return;
        clearTimeout(this.#timer);
        if (this.#taker !== undefined) this.#taker(bytes);
        else this.#emit(this.#decoder.push(bytes));
      }
      this.#emit(this.#decoder.flush());
    } finally {
      clearTimeout(this.#timer);
    }
  }

  /** Bytes go to `taker`, as they are, until the returned function is called. */
  divert(taker: (bytes: Uint8Array) => void): () => void {
    clearTimeout(this.#timer);
    this.#decoder.flush();
    this.#taker = taker;
    return () => {
      if (this.#taker === taker) this.#taker = undefined;
    };
  }

  /** No events any more; a read that waits ends with the next bytes. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #emit(events: readonly InputEvent[]): void {
    for (const event of events) if (!this.#isStopped) this.onEvent(event);
    const { waitMs } = this.#decoder;
    if (waitMs !== undefined && !this.#isStopped) {
      this.#timer = setTimeout(() => this.#emit(this.#decoder.flush()), waitMs);
    }
  }
}
