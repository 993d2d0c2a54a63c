/** Completions in real shells: bash, and zsh and fish out of Debian's packages. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { OFFLINE } from "./guests.ts";
import { BUILTIN, Place } from "./place.ts";
import { fish, zsh } from "./shells.ts";

const ROOT = new URL("..", import.meta.url).pathname;

/** What each shell is to offer for the last word of a line, in any order. The folder is configs. */
const CASES: readonly (readonly [line: string, offered: readonly string[]])[] = [
  ["xenolith vcp", ["vcpu-list", "vcpu-set", "vcpu-pin"]],
  ["xenolith pause ", ["Domain-0", "builtin", "later"]],
  ["xenolith start ", ["later"]],
  ["xenolith sched-credit -w 5 -d b", ["builtin"]],
  ["xenolith list --lo", ["--long"]],
  ["xenolith trigger builtin n", ["nmi"]],
  ["xenolith xend st", ["start", "stop", "status"]],
  ["xenolith create built", ["builtin.cfg"]],
  ["xenolith config ch", ["check"]],
  ["xenolith help renam", ["rename"]],
  ["xenolith xenstore-read /local/domain/1/na", ["/local/domain/1/name"]],
  ["xl domn", ["domname"]],
  ["xentop --full", ["--full-name"]],
  ["xenolith frobnicate ", []],
];

interface World {
  readonly place: Place;
  /** With the programs in PATH, and xend's place. */
  readonly environment: Readonly<Record<string, string>>;
}

/** A domain, a managed one, and programs named xenolith, xl and xentop. */
async function world(test: (world: World) => Promise<void>): Promise<void> {
  await using place = await Place.make();
  const xenolith = place.as("xenolith");
  await xenolith(`create -q ${BUILTIN}`);
  await xenolith(`new -q ${BUILTIN} name=later`);
  const bin = join(place.folder, "bin");
  await Deno.mkdir(bin);
  const program = join(bin, "xenolith");
  const command = `${Deno.execPath()} run -A --unstable-worker-options ${ROOT}mod.ts`;
  await Deno.writeTextFile(program, `#!/bin/sh\nXENOLITH_AS=\${0##*/} exec ${command} "$@"\n`);
  await Deno.chmod(program, 0o755);
  for (const name of ["xl", "xentop"]) await Deno.symlink(program, join(bin, name));
  for (const shell of ["bash", "zsh", "fish"]) {
    const { stdout } = await xenolith(`completion ${shell}`);
    await Deno.writeTextFile(join(place.folder, `completion.${shell}`), stdout);
  }
  // A shell with another home finds what Deno has cached all the same.
  const home = Deno.env.get("HOME") ?? "/";
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? join(home, ".cache");
  await test({
    place,
    environment: {
      XDG_CACHE_HOME: cache,
      DENO_DIR: Deno.env.get("DENO_DIR") ?? join(cache, "deno"),
      ...place.environment,
      NO_COLOR: "1",
      PATH: `${bin}:${Deno.env.get("PATH")}`,
    },
  });
}

async function output(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    cwd: `${ROOT}configs`,
    env,
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

const lines = (text: string) => text.split("\n").filter((line) => line !== "");

Deno.test("bash's own completion: commands, options, domains, XenStore's paths, files", () =>
  world(async ({ place: { folder }, environment }) => {
    /** The words are those that bash itself makes of a line. */
    const complete = async (words: readonly string[]) =>
      lines(
        await output("bash", [
          "--norc",
          "-c",
          `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _xenolith 2>/dev/null; printf '%s\\n' "\${COMPREPLY[@]}"`,
          join(folder, "completion.bash"),
          ...words,
        ], environment),
      );
    for (const [line, offered] of CASES) {
      assert.deepEqual((await complete(line.split(" "))).toSorted(), offered.toSorted(), line);
    }
    // bash takes = for a word of its own.
    assert.deepEqual(await complete(["xenolith", "list", "--state", "=", "pa"]), ["paused"]);
    const home = { ...environment, HOME: join(folder, "bin") };
    assert.deepEqual(
      lines(
        await output("bash", [
          "--norc",
          "-c",
          `source "$0"; COMP_WORDS=('~/xenolith' start ''); COMP_CWORD=2; _xenolith; echo "\${COMPREPLY[@]}"`,
          join(folder, "completion.bash"),
        ], { ...home, DENO_DIR: environment.DENO_DIR }),
      ),
      ["later"],
    );
  }));

/** An interactive zsh on a terminal, whose TAB writes what was offered, and the line that it made, into a file. */
class ZshSession implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #keys: WritableStreamDefaultWriter<Uint8Array>;
  readonly #screen: Promise<string>;
  readonly #file: string;

  constructor(program: string, setup: string, file: string, env: Readonly<Record<string, string>>) {
    this.#file = file;
    this.#child = new Deno.Command("script", {
      args: ["-qec", `'${program}' -f -i`, "/dev/null"],
      cwd: `${ROOT}configs`,
      env: { ...env, TERM: "vt100" },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#keys = this.#child.stdin.getWriter();
    this.#screen = new Response(this.#child.stdout).text();
    this.#type(`source ${setup}\r`);
  }

  #type(keys: string): Promise<void> {
    return this.#keys.write(new TextEncoder().encode(keys));
  }

  async #until(pattern: RegExp): Promise<string> {
    for (let tries = 0; tries < 1200; tries++) {
      const text = await Deno.readTextFile(this.#file).catch((error) => {
        if (error instanceof Deno.errors.NotFound) return "";
        throw error;
      });
      if (pattern.test(text)) return text;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    this.#child.kill("SIGKILL");
    assert.fail(`zsh did not answer; its screen: ${JSON.stringify((await this.#screen).slice(-1000))}`);
  }

  ready(): Promise<string> {
    return this.#until(/^READY\n/);
  }

  /** TAB behind a line. */
  async complete(line: string): Promise<{ offered: string[]; line: string }> {
    await Deno.writeTextFile(this.#file, "");
    await this.#type(`${line}\t`);
    const all = (await this.#until(/^LINE .*\n/m)).split("\n").slice(0, -1);
    // ^U
    await this.#type("\x15");
    const made = all.pop() ?? "";
    return { offered: [...new Set(all.filter((word) => word !== ""))], line: made.slice("LINE ".length) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#type("exit\r");
    await this.#keys.close();
    await this.#child.status;
    await this.#screen;
  }
}

Deno.test({
  name: "zsh's completion: the same, with the line that TAB makes",
  ignore: OFFLINE,
  fn: () =>
    world(async ({ place: { folder }, environment }) => {
      const { program, modules, functions } = await zsh();
      const [file, setup, own] = ["offered", "setup.zsh", "functions"].map((name) => join(folder, name));
      // As an installed one would find it.
      await Deno.mkdir(own);
      await Deno.copyFile(join(folder, "completion.zsh"), join(own, "_xenolith"));
      await Deno.writeTextFile(
        setup,
        `module_path=(${modules})
fpath=(${own} ${functions}/**/*(/))
PS1='> '
autoload -Uz compinit
compinit -u -D
# Everything that is offered goes through compadd.
compadd() {
    if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then builtin compadd "$@"; return; fi
    local -a hits
    builtin compadd -A hits "$@"
    print -rl -- "\${hits[@]}" >> ${file}
    builtin compadd "$@"
}
probe() { zle complete-word; print -r -- "LINE $BUFFER" >> ${file} }
zle -N probe
bindkey '^I' probe
print READY > ${file}
`,
      );
      await using session = new ZshSession(program, setup, file, environment);
      await session.ready();
      for (const [line, offered] of CASES) {
        assert.deepEqual((await session.complete(line)).offered.toSorted(), offered.toSorted(), line);
      }
      const lines: readonly (readonly [string, string])[] = [
        ["xenolith star", "xenolith start "],
        ["xenolith pause 'bu", "xenolith pause 'builtin' "],
        ["xenolith list --state=pa", "xenolith list --state=paused "],
        // A path of XenStore may go on.
        ["xenolith xenstore-read /local/dom", "xenolith xenstore-read /local/domain"],
        ["xenolith create built", "xenolith create builtin.cfg "],
      ];
      for (const [before, after] of lines) assert.equal((await session.complete(before)).line, after);
      // As "source <(xenolith completion zsh)" does it.
      const sourced = await output(program, [
        "-f",
        "-c",
        `module_path=(${modules}); fpath=(${functions}/**/*(/)); autoload -Uz compinit; compinit -u -D
         source ${join(folder, "completion.zsh")}; print -r -- $_comps[xenolith] $_comps[xentop]`,
      ], environment);
      assert.equal(sourced, "_xenolith _xenolith\n");
    }),
});

Deno.test({
  name: "fish's completion: the same, with what each word means",
  ignore: OFFLINE,
  fn: () =>
    world(async ({ place: { folder }, environment }) => {
      const { program, environment: own } = await fish(join(folder, "fish"));
      const complete = async (line: string) => {
        const script = `source ${join(folder, "completion.fish")}; complete -C '${line}'`;
        return lines(await output(program, ["--no-config", "-c", script], { ...environment, ...own }))
          .map((each) => each.split("\t"));
      };
      for (const [line, offered] of CASES) {
        const words = (await complete(line)).map(([word]) => word);
        assert.deepEqual(words.toSorted(), offered.toSorted(), line);
      }
      assert.deepEqual(await complete("xenolith start "), [["later", "managed, not running"]]);
      assert.deepEqual(await complete("xenolith domi"), [["domid", "print a domain's domid"]]);
    }),
});
