/** xm's Python held against the real one: random programs of the subset, where python3 is installed. */
import assert from "node:assert/strict";
import { BARE_ENVIRONMENT, ConfigError, showConfig } from "../core/toolstack/config/mod.ts";

function havePython(): boolean {
  try {
    return new Deno.Command("python3", { args: ["-c", "pass"], stdout: "null", stderr: "null" }).outputSync()
      .success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Runs each text by itself; what holds data comes back, as JSON, or the exception's name. */
const RUNNER = `
import json, sys, types
def plain(v):
    if isinstance(v, (list, tuple)): return [plain(x) for x in v]
    if isinstance(v, dict): return {str(k): plain(x) for k, x in v.items()}
    return v
for text in json.load(sys.stdin):
    g = {}
    try:
        exec(compile(text, 'x', 'exec'), g)
        data = {k: plain(v) for k, v in g.items() if k != '__builtins__' and (v is None or isinstance(v, (str, int, float, list, tuple, dict)))}
        print(json.dumps({'data': data}))
    except Exception as e:
        print(json.dumps({'error': type(e).__name__}))
`;

/** A small generator of numbers, the same for the same seed (xorshift). */
function generator(seed: number): (below: number) => number {
  let state = (seed * 2654435761) >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}

class Programs {
  #depth = 0;

  constructor(private readonly random: (below: number) => number) {}

  #one<T>(...options: readonly T[]): T {
    return options[this.random(options.length)];
  }

  #name(): string {
    return this.#one("a", "b", "c", "d");
  }

  #deeper(make: () => string, leaf: () => string): string {
    if (this.#depth >= 4) return leaf();
    this.#depth++;
    const text = make();
    this.#depth--;
    return text;
  }

  integer(): string {
    const leaf = () =>
      this.#one("0", "1", "2", "7", "-3", "10", "255", "0x1f", "len('abc')", "int('42')", "True");
    return this.#deeper(() => {
      const [x, y] = [this.integer(), this.integer()];
      return this.#one(
        () => `(${x} + ${y})`,
        () => `(${x} - ${y})`,
        () => `(${x} * ${y})`,
        () => `(${x} // ${y})`,
        () => `(${x} % ${y})`,
        () => `(${x} & ${y})`,
        () => `(${x} | ${y})`,
        () => `(${x} ^ ${y})`,
        () => `(${x} << 3)`,
        () => `(${x} >> 2)`,
        () => `(-${x})`,
        () => `(~${x})`,
        () => `(${x} ** 2)`,
        () => `abs(${x})`,
        () => `max(${x}, ${y})`,
        () => `min([${x}, ${y}])`,
        () => `len(${this.text()})`,
        () => `len(${this.list()})`,
        () => `sum([${x}, ${y}])`,
        () => `(${x} if ${this.truth()} else ${y})`,
        () => `int(str(${x}))`,
        () => `${this.text()}.find(${this.text()})`,
        () => `${this.text()}.count(${this.text()})`,
        () => `ord(${this.#one("'a'", "'é'", "'\\n'")})`,
        () => `divmod(${x}, ${y})[${this.#one("0", "1")}]`,
        leaf,
        () => this.#name(),
      )();
    }, leaf);
  }

  text(): string {
    const leaf = () =>
      this.#one(
        "''",
        "'a'",
        '"xen"',
        "'phy:/dev/sda%d,sda1,w'",
        "r'\\d+'",
        "'A\\tb\\n'",
        "'  x y  '",
        "'''t\nu'''",
        "'a,b,,c'",
        "'é'",
      );
    return this.#deeper(() => {
      const [s, t] = [this.text(), this.text()];
      return this.#one(
        () => `(${s} + ${t})`,
        () => `(${s} * ${this.#one("0", "2", "3", "-1")})`,
        () => `('%s-%s' % (${s}, ${this.value()}))`,
        () =>
          `('%${this.#one("", "5", "-5", "05", "+", " ", "x^3".slice(0, 0), "3")}${
            this.#one("d", "i", "x", "X", "o", "s", "r")
          }' % ${this.integer()})`,
        () =>
          `('%${this.#one("", "8", "-9", ".2", "8.3", "+")}${this.#one("f", "e", "g")}' % ${this.integer()})`,
        () => `('%(k)s=%(v)d' % {'k': ${s}, 'v': ${this.integer()}})`,
        () => `('{}:{}'.format(${s}, ${this.value()}))`,
        () => `('{0:>6}|{1:<4}|{0:^7}'.format(${this.integer()}, ${s}))`,
        () => `str(${this.value()})`,
        () => `repr(${this.value()})`,
        () => `${s}.${this.#one("upper", "lower", "strip", "lstrip", "rstrip", "swapcase", "capitalize")}()`,
        () => `${s}.replace(${t}, 'q')`,
        () => `','.join([${s}, ${t}])`,
        () => `${s}[${this.#one("1:", ":2", "-2:", "::2", "::-1", "1:3")}]`,
        () => `${s}.zfill(6)`,
        () => `${s}.rjust(5, '*')`,
        () => `${s}.center(8)`,
        () => `hex(${this.integer()})`,
        () => `chr(65 + abs(${this.integer()}) % 26)`,
        () => `(${s} or ${t})`,
        leaf,
      )();
    }, leaf);
  }

  list(): string {
    const leaf = () =>
      this.#one("[]", "[1, 2]", "['a', 'b']", "range(3)".replace(/^/, "list(").concat(")"), "[[1], 'x']");
    return this.#deeper(() => {
      const [x, y] = [this.value(), this.value()];
      return this.#one(
        () => `[${x}, ${y}]`,
        () => `(${this.list()} + ${this.list()})`,
        () => `(${this.list()} * 2)`,
        () => `${this.text()}.split(${this.#one("", "','", "None, 1")})`,
        () =>
          `[${this.#one("i", "i * 2", "'vm%d' % i", "(i, str(i))")} for i in range(${
            this.#one("0", "3", "1, 6, 2", "5, 0, -2")
          })]`,
        () => `[i for i in ${this.list()} if i${this.#one("", " != 1", " not in [2]")}]`,
        () => `sorted([${this.integer()}, ${this.integer()}, 3])`,
        () => `${this.list()}[${this.#one("1:", ":1", "::-1", "-1:")}]`,
        () => `list(enumerate(${this.list()}))`,
        () => `list(zip(${this.list()}, ${this.list()}))`,
        () => `list(map(lambda v: [v, 1], ${this.list()}))`,
        leaf,
      )();
    }, leaf);
  }

  truth(): string {
    return this.#deeper(() => {
      const [x, y] = [this.integer(), this.integer()];
      return this.#one(
        () => `${x} < ${y}`,
        () => `(${x} == ${y})`,
        () => `(${x} <= ${y} < 9)`,
        () => `(${this.text()} in ${this.text()})`,
        () => `(not ${this.value()})`,
        () => `(${this.value()} == ${this.value()})`,
        () => `(${this.truth()} and ${this.truth()})`,
        () => `isinstance(${this.value()}, ${this.#one("int", "str", "list", "(int, str)")})`,
        () => `${this.text()}.startswith(${this.text()})`,
      )();
    }, () => this.#one("True", "False", "1", "0"));
  }

  value(): string {
    return this.#one(
      () => this.integer(),
      () => this.text(),
      () => this.list(),
      () => this.truth(),
      () => this.#name(),
    )();
  }

  statement(indent: string, depth: number): string {
    const block = () => {
      let text = "";
      for (let count = 1 + this.random(2); count > 0; count--) {
        text += this.statement(`${indent}    `, depth + 1);
      }
      return text;
    };
    const name = this.#name();
    const simple = () =>
      this.#one(
        () => `${indent}${name} = ${this.value()}\n`,
        () => `${indent}${name} = ${this.value()}\n`,
        () => `${indent}${name} += ${this.value()}\n`,
        () => `${indent}${name}, ${this.#name()} = ${this.value()}, ${this.value()}\n`,
        () => `${indent}${name} = ${this.#name()}_of(${this.value()}) # call\n`.replace(/[abcd]_of/, "f"),
        () => `${indent}${name} = {'x': ${this.value()}, 2: ${this.value()}}\n`,
        () => `${indent}${name} = re.sub('[a-c]+', 'z', ${this.text()})\n`,
        () => `${indent}${name} = re.findall(r'(\\w)(\\d*)', ${this.text()})\n`,
        () => `${indent}${name} = os.path.join(${this.text()}, ${this.text()})\n`,
        () => `${indent}${name} = os.path.basename(${this.text()}); d = os.path.splitext(${this.text()})\n`,
      )();
    if (depth >= 3) return simple();
    return this.#one(
      simple,
      simple,
      simple,
      () =>
        `${indent}if ${this.value()}:\n${block()}${indent}elif ${this.truth()}:\n${block()}${indent}else:\n${block()}`,
      () => `${indent}for ${name} in ${this.list()}:\n${block()}`,
      () =>
        `${indent}for ${name} in range(${
          this.#one("3", "2, 4")
        }):\n${block()}${indent}    if ${this.truth()}: ${this.#one("break", "continue")}\n`,
      () =>
        `${indent}try:\n${block()}${indent}except ${
          this.#one("(TypeError, ValueError)", "Exception as e", "ZeroDivisionError")
        }:\n${block()}`,
    )();
  }

  program(): string {
    let text =
      "import os, re\na = 1\nb = 'b'\nc = [1]\nd = 0\ndef f(v, w=2, *more):\n    if not v:\n        return w\n    x = [v] * 2\n    return x\n";
    for (let count = 1 + this.random(6); count > 0; count--) text += this.statement("", 0);
    return text;
  }
}

interface Outcome {
  readonly data?: Record<string, unknown>;
  readonly error?: string;
}

async function runPython(programs: readonly string[]): Promise<readonly Outcome[]> {
  const child = new Deno.Command("python3", {
    args: ["-c", RUNNER],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(programs)));
  await writer.close();
  const { stdout, stderr } = await child.output();
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  assert.equal(lines.length, programs.length, new TextDecoder().decode(stderr));
  return lines.map((line) => JSON.parse(line));
}

function runHere(text: string): Outcome {
  try {
    return { data: showConfig({ name: "x", text }, [], BARE_ENVIRONMENT).keys };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { error: error.message.split("\n")[0] };
  }
}

/** Truths are numbers to Python when they are compared, and whole floats integers. */
function normal(value: unknown): unknown {
  if (typeof value === "boolean") return Number(value);
  if (Array.isArray(value)) return value.map(normal);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).sort().map(([key, item]) => [key, normal(item)]));
  }
  // Beyond a double's integers they are strings here and JSON numbers there.
  if (typeof value === "string" && /^-?\d{16,}$/.test(value)) return Number(value);
  return value;
}

Deno.test({
  name: "random programs mean the same to Python",
  ignore: !havePython(),
  async fn() {
    const seed = Number(Deno.env.get("XENOLITH_SEED") ?? 20261121);
    const count = Number(Deno.env.get("XENOLITH_PROGRAMS") ?? 500);
    const random = generator(seed);
    const programs = Array.from({ length: count }, () => new Programs(random).program());
    const theirs = await runPython(programs);
    let compared = 0;
    const different: string[] = [];
    programs.forEach((program, index) => {
      const mine = runHere(program);
      // Python has all the memory of the machine.
      if (mine.error?.includes("it is given up here")) return;
      const { data, error } = theirs[index];
      if (error !== undefined) {
        if (mine.error === undefined) {
          different.push(`${program}Python raises ${error}, here it is\n${JSON.stringify(mine.data)}`);
        }
        return;
      }
      compared++;
      const [here, there] = [mine.data, data].map((values) => JSON.stringify(normal(values)));
      if (here !== there) different.push(`${program}Python: ${there}\nhere:   ${mine.error ?? here}`);
    });
    // The shortest is the clearest.
    different.sort((a, b) => a.length - b.length);
    assert.equal(
      different.length,
      0,
      `${different.length} differ (seed ${seed}):\n${
        different.slice(0, 3).map((text) => text.slice(0, 4000)).join("\n\n")
      }`,
    );
    assert.ok(compared > count / 5, `${compared} of ${count} ran`);
  },
});
