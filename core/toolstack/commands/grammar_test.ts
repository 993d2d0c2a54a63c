import assert from "node:assert/strict";
import { parseCommandLine } from "./grammar.ts";
import { Invocation } from "./invocation.ts";
import { findCommand } from "./names.ts";
import { readCommandLine } from "./reader.ts";
import { type CommandSpec, optionsOf } from "./spec.ts";
import { COMMANDS } from "./table/mod.ts";

interface Result {
  readonly parsed: ReturnType<typeof parseCommandLine>;
  readonly out: string;
  readonly err: string;
}

function parse(...args: string[]): Result {
  let out = "", err = "";
  const parsed = parseCommandLine(args, { out: (text) => out += text, err: (text) => err += text });
  return { parsed, out, err };
}

const plain = (value: unknown) =>
  value instanceof Invocation
    ? { command: value.command.name, words: value.words, options: [...value.options].sort() }
    : value;

/** Lines that are right. */
const LINES: readonly (readonly string[])[] = [
  ["list"],
  ["li", "--json"],
  ["-v", "list", "-l", "a", "b"],
  ["list", "--state=running", "-cn"],
  ["list", "--state", "paused"],
  ["create", "-c", "x.cfg", "memory=64", "name=a"],
  ["create", "x.cfg", "-qn"],
  ["create", "-c", "--", "-strange.cfg"],
  ["--json", "--strict", "create", "x.cfg"],
  ["demo", "--guest", "builtin"],
  ["demo", "-gbuiltin", "-q"],
  ["shutdown", "-aw"],
  ["sched-credit", "-d", "guest", "-w", "512"],
  ["sched-credit", "-dguest", "--weight=512"],
  ["vcpu-pin", "guest", "all", "0-3,^2", "-"],
  ["xend", "start", "--http"],
  ["xend", "start", "--metrics", "--http", "0"],
  ["xend", "start", "--http", "8000", "--pcpus", "2"],
  ["xend", "status", "--json"],
  ["config", "check", "--strict", "a.cfg", "b.cfg"],
  ["config", "conv", "--to", "json", "a.cfg", "x=1"],
  ["xenstore-write", "/a", "--", "-1"],
  ["top", "-b", "-i", "2", "-d", "0.5"],
  ["console", "-q", "guest"],
];

Deno.test("the quick reader and commander read the same", () => {
  for (const line of LINES) {
    const quick = readCommandLine(line);
    assert.ok(quick instanceof Invocation, line.join(" "));
    // Commander does not know the shortened names below config.
    const whole = line.map((word) => word === "conv" ? "convert" : word);
    assert.deepEqual(plain(quick), plain(parse(...whole).parsed), line.join(" "));
  }
});

Deno.test("wrong lines end with 2 and say what is wrong", () => {
  const cases: [string[], RegExp][] = [
    [["craete", "x"], /unknown command 'craete'\n\(Did you mean create\?\)/],
    [["create"], /missing required argument 'file'/],
    [["demo", "--guest", "windows"], /Allowed choices are linux, grub, builtin/],
    [["create", "--fast", "x"], /unknown option '--fast'/],
    [["list", "--jsno"], /Did you mean --json/],
    [["xend", "dance"], /Allowed choices are start/],
    [["domid", "a", "b"], /too many arguments/],
    [["s"], /s can be start, shutdown, sysrq, sched-credit/],
    [["sched-credit", "-w"], /argument missing/],
    [["config", "chekc", "x"], /Did you mean check/],
  ];
  for (const [args, message] of cases) {
    assert.equal(readCommandLine(args), undefined, args.join(" "));
    const { parsed, err } = parse(...args);
    assert.deepEqual(parsed, { exitCode: 2 }, args.join(" "));
    assert.match(err, message);
  }
  assert.deepEqual(parse().parsed, { exitCode: 2 });
});

Deno.test("help has examples and exit codes for every command, --version a version", () => {
  const visit = (commands: readonly CommandSpec[], path: string[]) => {
    for (const command of commands) {
      const { parsed, out } = parse(...path, command.name, "--help");
      assert.deepEqual(parsed, { exitCode: 0 }, command.name);
      assert.ok(out.includes(command.summary.slice(0, 20)), command.name);
      if (command.subcommands !== undefined) visit(command.subcommands, [...path, command.name]);
      else if (command.hidden !== true) {
        assert.match(out, /Examples:\n {2}xenolith \S/, command.name);
        assert.match(out, /Exit codes:\n {2}0 +done/, command.name);
      }
    }
  };
  visit(COMMANDS, []);
  assert.deepEqual(parse("--version").parsed, { exitCode: 0 });
  assert.match(parse("--version").out, /^xenolith \d/);
  assert.match(parse("help", "li").out, /Usage: xenolith list/);
  assert.match(parse("--help").out, /Commands: life cycle[\s\S]*create[\s\S]*Exit codes:/);
});

Deno.test("the table has no name, letter or option twice, and every command runs", async () => {
  const names = COMMANDS.flatMap(({ name, aliases = [] }) => [name, ...aliases]);
  assert.equal(new Set(names).size, names.length);
  for (const command of COMMANDS.flatMap((each) => each.subcommands ?? [each])) {
    const options = optionsOf(command);
    const words = options.flatMap((
      { short, long },
    ) => [...(short === undefined ? [] : [`-${short}`]), `--${long}`]);
    assert.equal(new Set(words).size, words.length, command.name);
    assert.equal(typeof await command.load?.(), "function", command.name);
    // What takes all that follows comes last.
    const many = command.arguments.findIndex((argument) => argument.many === true);
    assert.ok(many < 0 || many === command.arguments.length - 1, command.name);
  }
});

Deno.test("a command's name can be shortened while it is clear", () => {
  const found = (word: string) => {
    const result = findCommand(word);
    return result.kind === "command" ? result.command.name : result.kind;
  };
  assert.equal(found("li"), "list");
  assert.equal(found("cr"), "create");
  assert.equal(found("xentop"), "top");
  assert.equal(found("new"), "new");
  assert.equal(found("s"), "ambiguous");
  assert.equal(found("xenstore-l"), "ambiguous");
  assert.equal(found("__c"), "unknown");
  assert.equal(found("frobnicate"), "unknown");
  assert.equal(found(""), "unknown");
});
