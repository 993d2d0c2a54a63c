/** Python's `os` and `os.path`, of what can be known without asking the machine. */
import { builtin } from "./arguments.ts";
import { exit } from "./builtins.ts";
import { unsupported } from "./fault.ts";
import { hashKey } from "./operators.ts";
import type { Runtime } from "./runtime.ts";
import { PyBuiltin, PyDict, PyInstance, PyList, PyModule, PyTuple, type PyValue } from "./values.ts";
import type { Span } from "../source.ts";

function normalize(path: string): string {
  const leading = /^\/\/(?!\/)/.test(path) ? "//" : path.startsWith("/") ? "/" : "";
  const out: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== ".." || (leading === "" && out.length === 0) || out.at(-1) === "..") out.push(part);
    else out.pop();
  }
  return leading + out.join("/") || ".";
}

function joinPaths(parts: readonly string[]): string {
  let path = "";
  parts.forEach((part, index) => {
    if (index === 0 || part.startsWith("/")) path = part;
    else path += path === "" || path.endsWith("/") ? part : `/${part}`;
  });
  return path;
}

function splitPath(path: string): [string, string] {
  const at = path.lastIndexOf("/") + 1;
  const head = path.slice(0, at);
  return [/^\/*$/.test(head) ? head : head.replace(/\/+$/, ""), path.slice(at)];
}

function splitExtension(path: string): [string, string] {
  const name = path.lastIndexOf("/") + 1;
  const dot = path.lastIndexOf(".");
  return dot <= name || /^\.*$/.test(path.slice(name, dot))
    ? [path, ""]
    : [path.slice(0, dot), path.slice(dot)];
}

function directory(runtime: Runtime, span: Span): string {
  const { directory } = runtime.environment;
  if (directory === undefined) throw unsupported(span, "the current directory");
  return directory;
}

function expandUser(runtime: Runtime, path: string, span: Span): string {
  if (!path.startsWith("~")) return path;
  if (path !== "~" && !path.startsWith("~/")) throw unsupported(span, "another user's home directory");
  const home = runtime.environment.variables.HOME;
  return home === undefined ? path : home.replace(/\/+$/, "") + path.slice(1) || "/";
}

const expandVariables = (runtime: Runtime, path: string) =>
  path.replace(/\$(?:(\w+)|\{([^{}]*)\})/g, (whole, plain?: string, braced?: string) => {
    const name = plain ?? braced ?? "";
    return Object.hasOwn(runtime.environment.variables, name) ? runtime.environment.variables[name] : whole;
  });

const onPath = (
  name: string,
  run: (path: string, runtime: Runtime, span: Span) => PyValue,
): [string, PyValue] => [
  name,
  builtin(name, ["path"], 1, (args) => {
    args.runtime.allocate(args.span, 2 * args.text(0).length);
    const result = run(args.text(0), args.runtime, args.span);
    return typeof result === "string" ? args.runtime.text(args.span, result) : result;
  }),
];

const asks = (name: string, kinds: readonly string[]): [string, PyValue] =>
  onPath(name, (path, runtime, span) => {
    const { fileKind, directory } = runtime.environment;
    if (fileKind === undefined) throw unsupported(span, `os.path.${name}(), which looks at files,`);
    return kinds.includes(fileKind(joinPaths([directory ?? "", path])) ?? "none");
  });

export function pathModule(): PyModule {
  const kinds = ["file", "directory", "other"];
  return new PyModule(
    "os.path",
    new Map<string, PyValue>([
      [
        "join",
        new PyBuiltin("join", (runtime, { positional }, span) => {
          const parts = positional.map((part) => {
            if (typeof part !== "string") {
              throw runtime.raise(span, "TypeError", "join() argument must be str");
            }
            return part;
          });
          if (parts.length === 0) throw runtime.raise(span, "TypeError", "join() is missing an argument");
          runtime.allocate(span, parts.reduce((total, part) => total + part.length + 1, 0));
          return joinPaths(parts);
        }),
      ],
      onPath("basename", (path) => splitPath(path)[1]),
      onPath("dirname", (path) => splitPath(path)[0]),
      onPath("split", (path) => new PyTuple(splitPath(path))),
      onPath("splitext", (path) => new PyTuple(splitExtension(path))),
      onPath("normpath", normalize),
      onPath("isabs", (path) => path.startsWith("/")),
      onPath("expanduser", (path, runtime, span) => expandUser(runtime, path, span)),
      onPath("expandvars", (path, runtime) => expandVariables(runtime, path)),
      onPath(
        "abspath",
        (path, runtime, span) =>
          normalize(path.startsWith("/") ? path : joinPaths([directory(runtime, span), path])),
      ),
      asks("exists", kinds),
      asks("lexists", kinds),
      asks("isfile", ["file"]),
      asks("isdir", ["directory"]),
      ["sep", "/"],
      ["pardir", ".."],
      ["curdir", "."],
      ["extsep", "."],
      ["pathsep", ":"],
    ]),
  );
}

const REFUSED =
  "system popen popen2 popen3 open read write close remove unlink mkdir makedirs rmdir rename listdir walk stat lstat access chmod chown kill fork execv execl execvp spawnl getpid getppid getuid geteuid getgid getlogin putenv unsetenv chdir symlink readlink urandom times getloadavg sysconf";

export function osModule(runtime: Runtime, path: PyModule): PyModule {
  const environ = new PyDict(true);
  const span = {
    source: { name: "", text: "" },
    start: { offset: 0, line: 1, column: 1 },
    end: { offset: 0, line: 1, column: 1 },
  };
  for (const [name, value] of Object.entries(runtime.environment.variables)) {
    environ.entries.set(hashKey(runtime, name, span), [name, value]);
  }
  const [system] = runtime.environment.uname;
  return new PyModule(
    "os",
    new Map<string, PyValue>([
      ...REFUSED.split(" ").map((name): [string, PyValue] => [
        name,
        new PyBuiltin(name, (_runtime, _args, span) => {
          throw unsupported(span, `os.${name}()`);
        }),
      ]),
      ["path", path],
      ["environ", environ],
      ["uname", builtin("uname", [], 0, () => new PyTuple([...runtime.environment.uname]))],
      ["getcwd", builtin("getcwd", [], 0, (args) => directory(args.runtime, args.span))],
      [
        "getenv",
        builtin("getenv", ["key", "default"], 1, (args) => {
          const { variables } = args.runtime.environment;
          return Object.hasOwn(variables, args.text(0)) ? variables[args.text(0)] : args.at(1) ?? null;
        }),
      ],
      ["name", "posix"],
      ["sep", "/"],
      ["linesep", "\n"],
      ["curdir", "."],
      ["pardir", ".."],
      ["pathsep", ":"],
      ["devnull", "/dev/null"],
      ["_exit", builtin("_exit", ["code"], 0, exit)],
      ["sysname", system],
    ]),
  );
}

/** `sys` and `platform`, as far as they tell about the machine. */
export function sysModule(runtime: Runtime): PyModule {
  const [system] = runtime.environment.uname;
  const stream = new PyInstance(
    "file",
    new Map<string, PyValue>([
      [
        "write",
        builtin("write", ["text"], 1, (args) => {
          args.runtime.printed.push(args.runtime.text(args.span, args.text(0)));
          return null;
        }),
      ],
      ["flush", builtin("flush", [], 0, () => null)],
    ]),
  );
  return new PyModule(
    "sys",
    new Map<string, PyValue>([
      ["argv", new PyList(["xm", "create"])],
      ["platform", `${system.toLowerCase()}2`],
      ["maxint", 2n ** 63n - 1n],
      ["maxsize", 2n ** 63n - 1n],
      ["version_info", new PyTuple([2n, 7n, 18n, "final", 0n])],
      ["stdout", stream],
      ["stderr", stream],
      ["exit", builtin("exit", ["code"], 0, exit)],
    ]),
  );
}

export function platformModule(runtime: Runtime): PyModule {
  const names = ["system", "node", "release", "version", "machine"];
  return new PyModule(
    "platform",
    new Map<string, PyValue>([
      ...names.map((name, index): [string, PyValue] => [
        name,
        builtin(name, [], 0, () => runtime.environment.uname[index]),
      ]),
      ["uname", builtin("uname", [], 0, () => new PyTuple([...runtime.environment.uname]))],
    ]),
  );
}
