/** Regular expressions as Python's `re` reads them: parsed here, and matched by a machine that counts its steps. */

export type Node =
  | { readonly kind: "character"; readonly test: (letter: string) => boolean }
  | { readonly kind: "sequence"; readonly items: readonly Node[] }
  | { readonly kind: "either"; readonly options: readonly Node[] }
  | {
    readonly kind: "repeat";
    readonly item: Node;
    readonly least: number;
    readonly most: number;
    readonly lazy: boolean;
  }
  | { readonly kind: "group"; readonly item: Node; readonly number: number }
  | { readonly kind: "look"; readonly item: Node; readonly negative: boolean }
  | { readonly kind: "back"; readonly number: number }
  | {
    readonly kind: "edge";
    readonly edge: "start" | "end" | "text-start" | "text-end" | "word" | "not-word";
  };

export interface Pattern {
  readonly source: string;
  readonly root: Node;
  readonly groups: number;
  readonly names: ReadonlyMap<string, number>;
  readonly flags: PatternFlags;
}

export interface PatternFlags {
  readonly ignoreCase: boolean;
  readonly multiLine: boolean;
  readonly dotAll: boolean;
  readonly verbose: boolean;
}

/** What `re.error` says. */
export class PatternError extends Error {}

const MAX_NESTING = 50;
const MAX_REPEAT = 1000;

const isWord = (letter: string) => /^[\p{L}\p{N}_]$/u.test(letter);
const isDigit = (letter: string) => /^\p{Nd}$/u.test(letter);
const isSpace = (letter: string) => /^\s$/.test(letter);

const CLASSES: Readonly<Record<string, (letter: string) => boolean>> = {
  w: isWord,
  W: (letter) => !isWord(letter),
  d: isDigit,
  D: (letter) => !isDigit(letter),
  s: isSpace,
  S: (letter) => !isSpace(letter),
};

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", f: "\f", v: "\v", a: "\x07" };

class PatternParser {
  #at = 0;
  #groups = 0;
  #depth = 0;
  readonly names = new Map<string, number>();
  readonly #letters: readonly string[];

  constructor(source: string, readonly flags: PatternFlags) {
    this.#letters = [...source];
  }

  get groups(): number {
    return this.#groups;
  }

  parse(): Node {
    const root = this.#either();
    if (this.#at < this.#letters.length) throw new PatternError("unbalanced parenthesis");
    return root;
  }

  #peek(ahead = 0): string | undefined {
    return this.#letters[this.#at + ahead];
  }

  #take(text: string): boolean {
    if (this.#letters.slice(this.#at, this.#at + text.length).join("") !== text) return false;
    this.#at += text.length;
    return true;
  }

  #either(): Node {
    if (++this.#depth > MAX_NESTING) throw new PatternError("the pattern is nested too deeply");
    const options = [this.#sequence()];
    while (this.#take("|")) options.push(this.#sequence());
    this.#depth--;
    return options.length === 1 ? options[0] : { kind: "either", options };
  }

  #sequence(): Node {
    const items: Node[] = [];
    for (let next = this.#peek(); next !== undefined && next !== "|" && next !== ")"; next = this.#peek()) {
      if (this.flags.verbose && /\s/.test(next)) {
        this.#at++;
        continue;
      }
      if (this.flags.verbose && next === "#") {
        while (this.#peek() !== undefined && this.#peek() !== "\n") this.#at++;
        continue;
      }
      items.push(this.#repeats(this.#atom()));
    }
    return items.length === 1 ? items[0] : { kind: "sequence", items };
  }

  #repeats(item: Node): Node {
    let [least, most] = [1, 1];
    if (this.#take("*")) [least, most] = [0, Infinity];
    else if (this.#take("+")) [least, most] = [1, Infinity];
    else if (this.#take("?")) [least, most] = [0, 1];
    else {
      const braces = /^\{(\d*)(,?)(\d*)\}/.exec(this.#letters.slice(this.#at, this.#at + 16).join(""));
      if (braces === null || braces[0] === "{}" || braces[0] === "{,}") return item;
      this.#at += braces[0].length;
      least = Number(braces[1] || 0);
      most = braces[2] === "" ? least : braces[3] === "" ? Infinity : Number(braces[3]);
      if (least > MAX_REPEAT || (Number.isFinite(most) && most > MAX_REPEAT)) {
        throw new PatternError("a repetition is too long");
      }
      if (most < least) throw new PatternError("min repeat greater than max repeat");
    }
    const lazy = this.#take("?");
    if (["*", "+", "?"].includes(this.#peek() ?? "")) throw new PatternError("multiple repeat");
    return { kind: "repeat", item, least, most, lazy };
  }

  #letter(wanted: string): Node {
    if (!this.flags.ignoreCase) return { kind: "character", test: (letter) => letter === wanted };
    const lower = wanted.toLowerCase();
    return { kind: "character", test: (letter) => letter.toLowerCase() === lower };
  }

  #atom(): Node {
    const next = this.#letters[this.#at++];
    switch (next) {
      case ".": {
        const all = this.flags.dotAll;
        return { kind: "character", test: (letter) => all || letter !== "\n" };
      }
      case "^":
        return { kind: "edge", edge: this.flags.multiLine ? "start" : "text-start" };
      case "$":
        return { kind: "edge", edge: "end" };
      case "(":
        return this.#group();
      case "[":
        return this.#set();
      case "\\":
        return this.#escape();
      case "*":
      case "+":
      case "?":
        throw new PatternError("nothing to repeat");
      default:
        return this.#letter(next);
    }
  }

  #group(): Node {
    let number: number | undefined;
    let look: boolean | undefined;
    if (this.#take("?:")) number = undefined;
    else if (this.#take("?=")) look = false;
    else if (this.#take("?!")) look = true;
    else if (this.#take("?P<")) {
      let name = "";
      while (this.#peek() !== undefined && this.#peek() !== ">") name += this.#letters[this.#at++];
      if (!this.#take(">") || !/^[A-Za-z_]\w*$/.test(name)) {
        throw new PatternError("bad character in group name");
      }
      number = ++this.#groups;
      this.names.set(name, number);
    } else if (this.#take("?P=")) {
      let name = "";
      while (this.#peek() !== undefined && this.#peek() !== ")") name += this.#letters[this.#at++];
      const known = this.names.get(name);
      if (!this.#take(")") || known === undefined) throw new PatternError(`unknown group name '${name}'`);
      return { kind: "back", number: known };
    } else if (this.#peek() === "?") {
      throw new PatternError(`the extension (?${this.#peek(1) ?? ""} is not read here`);
    } else number = ++this.#groups;
    const item = this.#either();
    if (!this.#take(")")) throw new PatternError("missing ), unterminated subpattern");
    if (look !== undefined) return { kind: "look", item, negative: look };
    return number === undefined ? item : { kind: "group", item, number };
  }

  #escape(): Node {
    const next = this.#letters[this.#at++];
    if (next === undefined) throw new PatternError("bad escape (end of pattern)");
    if (Object.hasOwn(CLASSES, next)) return { kind: "character", test: CLASSES[next] };
    switch (next) {
      case "A":
        return { kind: "edge", edge: "text-start" };
      case "Z":
        return { kind: "edge", edge: "text-end" };
      case "b":
        return { kind: "edge", edge: "word" };
      case "B":
        return { kind: "edge", edge: "not-word" };
    }
    if (/[1-9]/.test(next)) {
      const number = Number(next);
      if (number > this.#groups) throw new PatternError(`invalid group reference ${number}`);
      return { kind: "back", number };
    }
    return this.#letter(this.#plainEscape(next));
  }

  #plainEscape(letter: string): string {
    if (letter === "x") {
      const digits = this.#letters.slice(this.#at, this.#at + 2).join("");
      if (!/^[0-9a-fA-F]{2}$/.test(digits)) throw new PatternError("incomplete escape \\x");
      this.#at += 2;
      return String.fromCharCode(parseInt(digits, 16));
    }
    if (letter === "0") return "\0";
    if (Object.hasOwn(ESCAPES, letter)) return ESCAPES[letter];
    if (/[A-Za-z]/.test(letter)) throw new PatternError(`bad escape \\${letter}`);
    return letter;
  }

  #set(): Node {
    const negative = this.#take("^");
    const tests: ((letter: string) => boolean)[] = [];
    for (let first = true;; first = false) {
      const next = this.#letters[this.#at++];
      if (next === undefined) throw new PatternError("unterminated character set");
      if (next === "]" && !first) break;
      const low = this.#setMember(next);
      if (typeof low === "function") {
        tests.push(low);
        continue;
      }
      if (this.#peek() !== "-" || this.#peek(1) === "]" || this.#peek(1) === undefined) {
        tests.push((letter) => letter === low);
        continue;
      }
      this.#at++;
      const high = this.#setMember(this.#letters[this.#at++]);
      if (typeof high === "function" || high < low) throw new PatternError("bad character range");
      tests.push((letter) => letter >= low && letter <= high);
    }
    const plain = (letter: string) => tests.some((test) => test(letter));
    const test = this.flags.ignoreCase
      ? (letter: string) => plain(letter.toLowerCase()) || plain(letter.toUpperCase())
      : plain;
    return { kind: "character", test: negative ? (letter) => !test(letter) : test };
  }

  #setMember(next: string): string | ((letter: string) => boolean) {
    if (next !== "\\") return next;
    const letter = this.#letters[this.#at++];
    if (letter === undefined) throw new PatternError("unterminated character set");
    if (Object.hasOwn(CLASSES, letter)) return CLASSES[letter];
    return letter === "b" ? "\b" : this.#plainEscape(letter);
  }
}

/** @throws PatternError */
export function parsePattern(source: string, flags: PatternFlags): Pattern {
  const inline = /^\(\?([imsx]+)\)/.exec(source);
  const has = (letter: string) => inline?.[1].includes(letter) ?? false;
  const all: PatternFlags = {
    ignoreCase: flags.ignoreCase || has("i"),
    multiLine: flags.multiLine || has("m"),
    dotAll: flags.dotAll || has("s"),
    verbose: flags.verbose || has("x"),
  };
  const parser = new PatternParser(source.slice(inline?.[0].length ?? 0), all);
  const root = parser.parse();
  return { source, root, groups: parser.groups, names: parser.names, flags: all };
}
