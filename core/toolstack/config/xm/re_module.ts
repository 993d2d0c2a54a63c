/** Python's `re`. */
import type { Span } from "../source.ts";
import { builtin } from "./arguments.ts";
import { parsePattern, PatternError } from "./pattern.ts";
import { Machine } from "./pattern_machine.ts";
import type { Runtime } from "./runtime.ts";
import { PyDict, PyInstance, PyList, PyModule, PyTuple, type PyValue, typeName } from "./values.ts";
import { hashKey } from "./operators.ts";

const FLAGS = {
  I: 2,
  IGNORECASE: 2,
  L: 4,
  M: 8,
  MULTILINE: 8,
  S: 16,
  DOTALL: 16,
  U: 32,
  X: 64,
  VERBOSE: 64,
} as const;

/** The machines of compiled patterns. */
const machines = new WeakMap<PyInstance, Machine>();

function machineOf(runtime: Runtime, pattern: PyValue, flags: number, span: Span): Machine {
  if (pattern instanceof PyInstance) {
    const known = machines.get(pattern);
    if (known !== undefined) return known;
  }
  if (typeof pattern !== "string") {
    throw runtime.raise(span, "TypeError", `a pattern is a string, not ${typeName(pattern)}`);
  }
  runtime.allocate(span, 4 * pattern.length);
  try {
    return new Machine(parsePattern(pattern, {
      ignoreCase: (flags & FLAGS.I) !== 0,
      multiLine: (flags & FLAGS.M) !== 0,
      dotAll: (flags & FLAGS.S) !== 0,
      verbose: (flags & FLAGS.X) !== 0,
    }));
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw runtime.raise(
      span,
      "ValueError",
      `the pattern ${JSON.stringify(pattern.slice(0, 80))}: ${error.message}`,
    );
  }
}

type Place = "search" | "match" | "fullmatch";

/** What a pattern finds from a position on. */
function find(
  runtime: Runtime,
  machine: Machine,
  letters: readonly string[],
  from: number,
  place: Place,
  span: Span,
): readonly number[] | undefined {
  const tick = () => runtime.step(span);
  for (let at = from; at <= letters.length; at++) {
    const slots = machine.match(letters, at, place === "fullmatch", tick);
    if (slots !== undefined || place !== "search") return slots;
  }
  return undefined;
}

class Match {
  constructor(
    readonly runtime: Runtime,
    readonly machine: Machine,
    readonly letters: readonly string[],
    readonly slots: readonly number[],
  ) {}

  number(group: PyValue, span: Span): number {
    const number = typeof group === "string" ? this.machine.pattern.names.get(group) : group;
    const real = typeof number === "bigint" ? Number(number) : number;
    if (typeof real !== "number" || real < 0 || real > this.machine.pattern.groups) {
      throw this.runtime.raise(span, "IndexError", "no such group");
    }
    return real;
  }

  text(number: number, span: Span): string | null {
    const [from, to] = [this.slots[2 * number], this.slots[2 * number + 1]];
    if (from < 0 || to < 0) return null;
    this.runtime.allocate(span, to - from);
    return this.letters.slice(from, to).join("");
  }

  groups(span: Span, missing: PyValue = null): PyValue[] {
    return Array.from(
      { length: this.machine.pattern.groups },
      (_, index) => this.text(index + 1, span) ?? missing,
    );
  }

  instance(): PyInstance {
    const edge = (name: string, side: 0 | 1) =>
      builtin(
        name,
        ["group"],
        0,
        (args) => BigInt(this.slots[2 * this.number(args.at(0) ?? 0n, args.span) + side]),
      );
    return new PyInstance(
      "Match",
      new Map<string, PyValue>([
        [
          "group",
          builtin("group", ["a", "b", "c", "d"], 0, (args) => {
            const wanted = [0, 1, 2, 3].map((index) => args.at(index)).filter((group) => group !== undefined);
            if (wanted.length === 0) return this.text(0, args.span);
            const texts = wanted.map((group) => this.text(this.number(group, args.span), args.span));
            return texts.length === 1 ? texts[0] : new PyTuple(texts);
          }),
        ],
        [
          "groups",
          builtin(
            "groups",
            ["default"],
            0,
            (args) => new PyTuple(this.groups(args.span, args.at(0) ?? null)),
          ),
        ],
        [
          "groupdict",
          builtin("groupdict", [], 0, (args) => {
            const dict = new PyDict();
            for (const [name, number] of this.machine.pattern.names) {
              dict.entries.set(hashKey(args.runtime, name, args.span), [name, this.text(number, args.span)]);
            }
            return dict;
          }),
        ],
        ["start", edge("start", 0)],
        ["end", edge("end", 1)],
      ]),
    );
  }
}

function all(runtime: Runtime, machine: Machine, text: string, span: Span, most: number): Match[] {
  runtime.allocate(span, text.length);
  const letters = [...text];
  const found: Match[] = [];
  for (let at = 0; at <= letters.length && found.length < most;) {
    const slots = find(runtime, machine, letters, at, "search", span);
    if (slots === undefined) break;
    runtime.allocate(span, slots.length);
    found.push(new Match(runtime, machine, letters, slots));
    at = slots[1] > slots[0] ? slots[1] : slots[1] + 1;
  }
  return found;
}

/** The text that replaces a match: \1, \g<name> and the simple escapes. */
function expand(match: Match, template: string, span: Span): string {
  return template.replace(
    /\\(?:([1-9][0-9]?)|g<([^>]*)>|([^]))/g,
    (whole, number?: string, name?: string, letter?: string) => {
      const group = number ?? name;
      if (group !== undefined) {
        return match.text(match.number(/^\d+$/.test(group) ? BigInt(group) : group, span), span) ?? "";
      }
      const plain: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "\\": "\\" };
      return plain[letter ?? ""] ?? whole;
    },
  );
}

function functions(compiled: Machine | undefined, names: readonly string[]): [string, PyValue][] {
  const first = compiled === undefined ? 1 : 0;
  const machine = (
    args: { runtime: Runtime; span: Span; at(index: number): PyValue | undefined },
    flags: number,
  ) => compiled ?? machineOf(args.runtime, args.at(0) ?? null, flags, args.span);
  const withPattern = (rest: readonly string[]) => [...names, ...rest];
  const finder = (place: Place): [string, PyValue] => [
    place,
    builtin(place, withPattern(["string", "flags"]), first + 1, (args) => {
      const text = args.text(first);
      args.runtime.allocate(args.span, text.length);
      const letters = [...text];
      const used = machine(args, args.number(first + 1, 0));
      const slots = find(args.runtime, used, letters, 0, place, args.span);
      return slots === undefined ? null : new Match(args.runtime, used, letters, slots).instance();
    }),
  ];
  return [
    finder("search"),
    finder("match"),
    finder("fullmatch"),
    [
      "findall",
      builtin("findall", withPattern(["string", "flags"]), first + 1, (args) => {
        const found = all(
          args.runtime,
          machine(args, args.number(first + 1, 0)),
          args.text(first),
          args.span,
          Infinity,
        );
        return new PyList(found.map((match) => {
          const groups = match.groups(args.span, "");
          return groups.length === 0
            ? match.text(0, args.span)
            : groups.length === 1
            ? groups[0]
            : new PyTuple(groups);
        }));
      }),
    ],
    [
      "sub",
      builtin("sub", withPattern(["repl", "string", "count", "flags"]), first + 2, (args) => {
        const [template, text] = [args.value(first), args.text(first + 1)];
        const count = args.number(first + 2, 0);
        const used = machine(args, args.number(first + 3, 0));
        const found = all(args.runtime, used, text, args.span, count > 0 ? count : Infinity);
        const letters = [...text];
        let at = 0;
        const pieces: string[] = [];
        for (const match of found) {
          const put = typeof template === "string"
            ? expand(match, template, args.span)
            : args.runtime.call(template, { positional: [match.instance()], named: new Map() }, args.span);
          if (typeof put !== "string") throw args.wrong("the replacement is no string");
          args.runtime.allocate(args.span, put.length);
          pieces.push(letters.slice(at, match.slots[0]).join(""), put);
          at = match.slots[1];
        }
        pieces.push(letters.slice(at).join(""));
        return args.runtime.text(args.span, pieces.join(""));
      }),
    ],
    [
      "split",
      builtin("split", withPattern(["string", "maxsplit", "flags"]), first + 1, (args) => {
        const text = args.text(first);
        const most = args.number(first + 1, 0);
        const used = machine(args, args.number(first + 2, 0));
        const letters = [...text];
        let at = 0;
        const parts: PyValue[] = [];
        for (const match of all(args.runtime, used, text, args.span, most > 0 ? most : Infinity)) {
          parts.push(letters.slice(at, match.slots[0]).join(""), ...match.groups(args.span));
          at = match.slots[1];
        }
        parts.push(letters.slice(at).join(""));
        return new PyList(parts);
      }),
    ],
  ];
}

function compile(machine: Machine): PyInstance {
  const attributes = new Map<string, PyValue>([...functions(machine, []), [
    "pattern",
    machine.pattern.source,
  ]]);
  const instance = new PyInstance("Pattern", attributes);
  machines.set(instance, machine);
  return instance;
}

export function reModule(): PyModule {
  return new PyModule(
    "re",
    new Map<string, PyValue>([
      ...functions(undefined, ["pattern"]),
      ...Object.entries(FLAGS).map(([name, flag]): [string, PyValue] => [name, BigInt(flag)]),
      [
        "compile",
        builtin(
          "compile",
          ["pattern", "flags"],
          1,
          (args) => compile(machineOf(args.runtime, args.value(0), args.number(1, 0), args.span)),
        ),
      ],
      [
        "escape",
        builtin(
          "escape",
          ["pattern"],
          1,
          (args) => args.runtime.text(args.span, args.text(0).replace(/[-.*+?^${}()|[\]\\#&~\s]/g, "\\$&")),
        ),
      ],
    ]),
  );
}
