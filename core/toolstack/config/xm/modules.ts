/** The modules that a configuration may import. */
import { builtin, call } from "./arguments.ts";
import { unsupported } from "./fault.ts";
import { iterate } from "./operators.ts";
import { osModule, pathModule, platformModule, sysModule } from "./os_module.ts";
import { reModule } from "./re_module.ts";
import type { Runtime } from "./runtime.ts";
import { join, replace, split, STRING_METHODS } from "./string_methods.ts";
import { BUILTINS } from "./builtins.ts";
import { PyBuiltin, PyModule, PyType, type PyValue } from "./values.ts";

const LOWER = "abcdefghijklmnopqrstuvwxyz";
const UPPER = LOWER.toUpperCase();
const DIGITS = "0123456789";
const PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/** Python 2's `string`: the methods of strings as functions, and the alphabets. */
function stringModule(): PyModule {
  const members = new Map<string, PyValue>([
    ["letters", LOWER + UPPER],
    ["ascii_letters", LOWER + UPPER],
    ["lowercase", LOWER],
    ["ascii_lowercase", LOWER],
    ["uppercase", UPPER],
    ["ascii_uppercase", UPPER],
    ["digits", DIGITS],
    ["hexdigits", `${DIGITS}abcdefABCDEF`],
    ["octdigits", "01234567"],
    ["punctuation", PUNCTUATION],
    ["whitespace", " \t\n\r\v\f"],
    ["printable", `${DIGITS}${LOWER}${UPPER}${PUNCTUATION} \t\n\r\v\f`],
  ]);
  const plain =
    "upper lower capitalize swapcase strip lstrip rstrip find rfind index rindex count zfill ljust rjust center expandtabs";
  for (const name of plain.split(" ")) {
    const { names, least, run } = STRING_METHODS[name];
    members.set(
      name,
      new PyBuiltin(name, (runtime, { positional, named }, span) => {
        const [text, ...rest] = positional;
        if (typeof text !== "string") {
          throw runtime.raise(span, "TypeError", `string.${name}() wants a string`);
        }
        return call(name, names, least, (args) => run(text, args))(
          runtime,
          { positional: rest, named },
          span,
        );
      }),
    );
  }
  members.set(
    "split",
    builtin(
      "split",
      ["s", "sep", "maxsplit"],
      1,
      (args) => split(args.text(0), args, args.optionalText(1), args.number(2, -1), false),
    ),
  );
  members.set(
    "join",
    builtin(
      "join",
      ["words", "sep"],
      1,
      (args) => join(args.runtime, args.optionalText(1) ?? " ", args.value(0), args.span),
    ),
  );
  members.set(
    "replace",
    builtin(
      "replace",
      ["s", "old", "new", "count"],
      3,
      (args) => replace(args.text(0), args, args.text(1), args.text(2), args.number(3, -1)),
    ),
  );
  for (const [name, type] of [["atoi", "int"], ["atol", "int"], ["atof", "float"]]) {
    const real = BUILTINS.get(type);
    if (real instanceof PyType) {
      members.set(
        name,
        builtin(name, ["s", "base"], 1, (args) => {
          const base = args.at(1);
          const positional = base === undefined ? [args.value(0)] : [args.value(0), base];
          return real.call(args.runtime, { positional, named: new Map() }, args.span);
        }),
      );
    }
  }
  return new PyModule("string", members);
}

function timeModule(): PyModule {
  return new PyModule(
    "time",
    new Map<string, PyValue>([
      [
        "time",
        builtin("time", [], 0, (args) => {
          const { now } = args.runtime.environment;
          if (now === undefined) throw unsupported(args.span, "the clock");
          return now();
        }),
      ],
      ...["strftime", "localtime", "gmtime", "ctime", "asctime", "sleep", "mktime", "clock"].map(
        (name): [string, PyValue] => [
          name,
          builtin(name, ["a", "b"], 0, (args) => {
            throw unsupported(args.span, `time.${name}()`);
          }),
        ],
      ),
    ]),
  );
}

function randomModule(): PyModule {
  const draw = (name: string, names: readonly string[], least: number, run: Parameters<typeof builtin>[3]) =>
    [name, builtin(name, names, least, run)] as const;
  const number = (args: Parameters<Parameters<typeof builtin>[3]>[0]) => {
    const { random } = args.runtime.environment;
    if (random === undefined) throw unsupported(args.span, "a random number, which differs each time,");
    return random();
  };
  const below = (args: Parameters<typeof number>[0], from: bigint, to: bigint) => {
    if (to <= from) throw args.runtime.raise(args.span, "ValueError", "empty range for a random number");
    const span = Number(to - from);
    return from + BigInt(Math.min(Math.floor(number(args) * span), span - 1));
  };
  return new PyModule(
    "random",
    new Map<string, PyValue>([
      draw("random", [], 0, number),
      draw("seed", ["a"], 0, () => null),
      draw("randint", ["a", "b"], 2, (args) => below(args, args.integer(0), args.integer(1) + 1n)),
      draw(
        "randrange",
        ["start", "stop"],
        1,
        (args) =>
          args.at(1) === undefined
            ? below(args, 0n, args.integer(0))
            : below(args, args.integer(0), args.integer(1)),
      ),
      draw("choice", ["seq"], 1, (args) => {
        const items = iterate(args.runtime, args.value(0), args.span);
        return items[Number(below(args, 0n, BigInt(items.length)))];
      }),
    ]),
  );
}

function socketModule(runtime: Runtime): PyModule {
  const host = builtin("gethostname", [], 0, () => runtime.environment.uname[1]);
  return new PyModule("socket", new Map<string, PyValue>([["gethostname", host]]));
}

/** What `import` finds, made when it is first asked for. */
export class Modules {
  readonly #made = new Map<string, PyModule>();

  constructor(readonly runtime: Runtime) {}

  /** Undefined for a module that is not here. */
  get(name: string): PyModule | undefined {
    const known = this.#made.get(name);
    if (known !== undefined) return known;
    const made = this.#make(name);
    if (made !== undefined) this.#made.set(name, made);
    return made;
  }

  #make(name: string): PyModule | undefined {
    switch (name) {
      case "os":
        return osModule(this.runtime, this.get("os.path") ?? pathModule());
      case "os.path":
      case "posixpath":
        return pathModule();
      case "re":
        return reModule();
      case "string":
        return stringModule();
      case "time":
        return timeModule();
      case "sys":
        return sysModule(this.runtime);
      case "platform":
        return platformModule(this.runtime);
      case "random":
        return randomModule();
      case "socket":
        return socketModule(this.runtime);
      default:
        return undefined;
    }
  }
}
