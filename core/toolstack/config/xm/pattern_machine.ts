import { type Node, type Pattern, PatternError } from "./pattern.ts";

type Instruction =
  | { readonly op: "character"; readonly test: (letter: string) => boolean }
  | { readonly op: "split"; first: number; second: number }
  | { readonly op: "jump"; to: number }
  | { readonly op: "save"; readonly slot: number }
  /** Fails when nothing was matched since the slot was saved: an empty round of a loop. */
  | { readonly op: "progress"; readonly slot: number }
  | { readonly op: "back"; readonly number: number }
  | { readonly op: "edge"; readonly edge: Extract<Node, { kind: "edge" }>["edge"] }
  | { readonly op: "look"; readonly program: Program; readonly negative: boolean }
  | { readonly op: "match" };

interface Program {
  readonly code: readonly Instruction[];
  readonly slots: number;
}

/** A counted repetition is written out; this bounds it. */
const MAX_CODE = 20_000;

class Compiler {
  readonly code: Instruction[] = [];

  constructor(public slots: number) {}

  program(root: Node): Program {
    this.#node(root);
    this.#emit({ op: "match" });
    return { code: this.code, slots: this.slots };
  }

  #emit<T extends Instruction>(instruction: T): T {
    if (this.code.length >= MAX_CODE) throw new PatternError("the pattern is too long");
    this.code.push(instruction);
    return instruction;
  }

  #node(node: Node): void {
    switch (node.kind) {
      case "character":
        this.#emit({ op: "character", test: node.test });
        break;
      case "sequence":
        for (const item of node.items) this.#node(item);
        break;
      case "either":
        this.#either(node.options);
        break;
      case "repeat":
        this.#repeat(node);
        break;
      case "group":
        this.#emit({ op: "save", slot: 2 * node.number });
        this.#node(node.item);
        this.#emit({ op: "save", slot: 2 * node.number + 1 });
        break;
      case "look": {
        const inner = new Compiler(this.slots);
        const program = inner.program(node.item);
        this.slots = inner.slots;
        this.#emit({ op: "look", program, negative: node.negative });
        break;
      }
      case "back":
        this.#emit({ op: "back", number: node.number });
        break;
      case "edge":
        this.#emit({ op: "edge", edge: node.edge });
    }
  }

  #either(options: readonly Node[]): void {
    const jumps: { to: number }[] = [];
    options.forEach((option, index) => {
      const split = index + 1 < options.length
        ? this.#emit({ op: "split", first: this.code.length + 1, second: 0 })
        : undefined;
      this.#node(option);
      if (split === undefined) return;
      jumps.push(this.#emit({ op: "jump", to: 0 }));
      split.second = this.code.length;
    });
    for (const jump of jumps) jump.to = this.code.length;
  }

  #repeat({ item, least, most, lazy }: Extract<Node, { kind: "repeat" }>): void {
    for (let round = 0; round < least; round++) this.#node(item);
    const choice = () => this.#emit({ op: "split", first: 0, second: 0 });
    const settle = (split: { first: number; second: number }, inside: number) => {
      if (lazy) [split.first, split.second] = [this.code.length, inside];
      else [split.first, split.second] = [inside, this.code.length];
    };
    if (Number.isFinite(most)) {
      const open: { split: ReturnType<typeof choice>; inside: number }[] = [];
      for (let round = least; round < most; round++) {
        const split = choice();
        open.push({ split, inside: this.code.length });
        this.#node(item);
      }
      for (const { split, inside } of open) settle(split, inside);
      return;
    }
    const slot = this.slots++;
    const start = this.code.length;
    const split = choice();
    const inside = this.code.length;
    this.#emit({ op: "save", slot });
    this.#node(item);
    this.#emit({ op: "progress", slot });
    this.#emit({ op: "jump", to: start });
    settle(split, inside);
  }
}

const isWord = (letter: string | undefined) => letter !== undefined && /^[\p{L}\p{N}_]$/u.test(letter);

/** A compiled pattern. Positions count code points. */
export class Machine {
  readonly #program: Program;

  constructor(readonly pattern: Pattern) {
    this.#program = new Compiler(2 * (pattern.groups + 1)).program(pattern.root);
  }

  /**
   * Matches at a position.
   * @param tick called for every step; throws when there were too many
   * @returns start and end of the whole and of each group, -1 where a group took no part
   */
  match(
    letters: readonly string[],
    at: number,
    whole: boolean,
    tick: () => void,
  ): readonly number[] | undefined {
    const slots = new Array<number>(this.#program.slots).fill(-1);
    slots[0] = at;
    const end = this.#run(this.#program, letters, at, slots, whole, tick);
    if (end === undefined) return undefined;
    slots[1] = end;
    return slots.slice(0, 2 * (this.pattern.groups + 1));
  }

  #run(
    { code }: Program,
    letters: readonly string[],
    start: number,
    slots: number[],
    whole: boolean,
    tick: () => void,
  ): number | undefined {
    // What to try next when this way fails: [instruction, position], or what a slot held: [-1 - slot, value].
    const retry: number[] = [];
    let pc = 0;
    let at = start;
    for (;;) {
      tick();
      const instruction = code[pc];
      let ok = true;
      switch (instruction.op) {
        case "match":
          if (!whole || at === letters.length) return at;
          ok = false;
          break;
        case "character":
          ok = at < letters.length && instruction.test(letters[at]);
          at++;
          pc++;
          break;
        case "split":
          retry.push(instruction.second, at);
          pc = instruction.first;
          break;
        case "jump":
          pc = instruction.to;
          break;
        case "save":
          retry.push(-1 - instruction.slot, slots[instruction.slot]);
          slots[instruction.slot] = at;
          pc++;
          break;
        case "progress":
          ok = slots[instruction.slot] !== at;
          pc++;
          break;
        case "edge":
          ok = this.#edge(instruction.edge, letters, at);
          pc++;
          break;
        case "look": {
          const found = this.#run(instruction.program, letters, at, slots, false, tick) !== undefined;
          ok = found !== instruction.negative;
          pc++;
          break;
        }
        case "back": {
          const [from, to] = [slots[2 * instruction.number], slots[2 * instruction.number + 1]];
          ok = from >= 0 && to >= 0;
          for (let index = from; ok && index < to; index++, at++) {
            tick();
            ok = letters[at] === letters[index];
          }
          pc++;
        }
      }
      while (!ok) {
        const value = retry.pop();
        const where = retry.pop();
        if (value === undefined || where === undefined) return undefined;
        if (where < 0) slots[-1 - where] = value;
        else [pc, at, ok] = [where, value, true];
      }
    }
  }

  #edge(edge: Extract<Node, { kind: "edge" }>["edge"], letters: readonly string[], at: number): boolean {
    const { length } = letters;
    switch (edge) {
      case "text-start":
        return at === 0;
      case "text-end":
        return at === length;
      case "start":
        return at === 0 || letters[at - 1] === "\n";
      case "end":
        return at === length || (at === length - 1 && letters[at] === "\n") ||
          (this.pattern.flags.multiLine && letters[at] === "\n");
      default:
        return (isWord(letters[at - 1]) !== isWord(letters[at])) === (edge === "word");
    }
  }
}
