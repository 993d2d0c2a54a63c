/**
 * `deno task compile [--kind compile|self-extracting] [--fast] [-o FILE]`: the whole program as one executable, dist/xenolith.
 * Where Deno's base runtime for `deno compile` can be had (network, cache, DENORT_BIN) that makes it; where it cannot, it is a self-extracting one.
 */
import { mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { v8Option } from "../../core/toolstack/v8_flags.ts";
import { VERSION } from "../../core/toolstack/version.ts";
import { bundle, MAIN, ROOT } from "./bundle.ts";
import { selfExtracting } from "./self_extracting.ts";

/** As deno.json's tasks have them; workers are started with permissions of their own. */
const runFlags = (checked: boolean) => ["-A", "--unstable-worker-options", v8Option(checked)];
/** Nothing comes from outside the bundle. */
const CLOSED = [
  "--quiet",
  "--no-config",
  "--no-lock",
  "--no-check",
  "--no-remote",
  "--no-npm",
  "--cached-only",
];

const KINDS = ["compile", "self-extracting"] as const;
type Kind = typeof KINDS[number];

interface Options {
  readonly kind?: Kind;
  /** gzip's level: 1 is quick to make, 9 smaller by a tenth. */
  readonly level: number;
  readonly output: string;
}

const USAGE = `usage: deno task compile [--kind ${KINDS.join("|")}] [--fast] [-o FILE]`;

function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      kind: { type: "string" },
      fast: { type: "boolean", default: false },
      output: { type: "string", short: "o", default: join(ROOT, "dist/xenolith") },
    },
  });
  const kind = KINDS.find((known) => known === values.kind);
  if (values.kind !== undefined && kind === undefined) throw new TypeError(`unknown kind ${values.kind}`);
  return { kind, level: values.fast ? 1 : 9, output: resolve(values.output) };
}

async function output(command: string, args: readonly string[]): Promise<{ success: boolean; text: string }> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    cwd: "/",
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  return { success, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

/** What deno says went wrong: its first line, then numbered causes, each inside the one before. */
function reasonOf(text: string): string {
  const causes = [...text.matchAll(/^ *\d+: (.*)$/gm)].map(([, cause]) => cause).filter((cause) =>
    cause !== "<unknown>"
  );
  return causes.length > 0 ? causes.slice(0, 2).join(" ") : text.trim();
}

/** @returns why there is none; undefined when it is made and starts */
async function denoCompile(
  folder: string,
  files: readonly string[],
  to: string,
): Promise<string | undefined> {
  const include = files.filter((path) => path !== MAIN).flatMap((path) => ["--include", join(folder, path)]);
  const flags = ["--quiet", "--no-config", "--no-lock", "--no-check", ...runFlags(false), ...include];
  const made = await output(Deno.execPath(), ["compile", ...flags, "--output", to, join(folder, MAIN)]);
  if (!made.success) return reasonOf(made.text);
  const started = await output(to, ["--version"]);
  if (started.text.trim() === `xenolith ${VERSION}`) return undefined;
  await Deno.remove(to);
  return `what it made does not start the program: ${JSON.stringify(started.text.slice(0, 200))}`;
}

async function makeSelfExtracting(folder: string, files: readonly string[], options: Options, to: string) {
  const system = await output("uname", ["-sm"]);
  const contents = {
    runtime: await Deno.readFile(Deno.execPath()),
    flags: [...CLOSED, ...runFlags(false)],
    checkedFlags: [...CLOSED, ...runFlags(true)],
    files: files.map((path) => ({ path, bytes: Deno.readFileSync(join(folder, path)) })),
    version: VERSION,
    system: system.text.trim(),
  };
  const stub = await Deno.readTextFile(new URL("./stub.sh", import.meta.url));
  await Deno.writeFile(to, await selfExtracting(contents, stub, options.level), { mode: 0o755 });
}

/** @returns the kind that was made */
async function compile(options: Options, say: (line: string) => void): Promise<Kind> {
  const folder = await Deno.makeTempDir({ prefix: "xenolith-bundle-" });
  mkdirSync(dirname(options.output), { recursive: true });
  const fresh = `${options.output}.${Deno.pid}`;
  try {
    const files = await bundle(folder);
    say(`bundled ${files.length} files`);
    let kind: Kind = "self-extracting";
    if (options.kind !== "self-extracting") {
      const failure = await denoCompile(folder, files, fresh);
      if (failure === undefined) kind = "compile";
      else if (options.kind === "compile") throw new Error(`deno compile: ${failure}`);
      else {
        say(`deno compile is not possible here: ${failure}`);
        say("making a self-extracting executable instead, with this Deno runtime inside");
      }
    }
    if (kind === "self-extracting") await makeSelfExtracting(folder, files, options, fresh);
    // Whoever runs the old one goes on with it.
    await Deno.rename(fresh, options.output);
    return kind;
  } finally {
    await Deno.remove(folder, { recursive: true });
    await Deno.remove(fresh).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }
}

if (import.meta.main) {
  let options: Options;
  try {
    options = parseOptions(Deno.args);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    console.error(`${error.message}\n${USAGE}`);
    Deno.exit(2);
  }
  const kind = await compile(options, (line) => console.error(line));
  const { size } = await Deno.stat(options.output);
  console.error(`${options.output}: ${kind}, ${(size / 1e6).toFixed(1)} MB`);
}
