/** One bundle of the whole program: mod.ts and the workers' scripts, cut into chunks so that each command loads only its own. */
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildInterpreter } from "../../core/cpu/interpreter.ts";
import { ASSETS, GENERATOR_DIGEST, INTERPRETER_FOLDER } from "../../core/toolstack/assets.ts";
import { FileInterpreterStore, generatorDigest } from "../../core/toolstack/interpreter_store.ts";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
export const MAIN = "mod.js";
const ENTRIES = ["mod.ts", "dashboard.ts", "core/hypervisor/pcpu_worker.ts", "core/builder/image_worker.ts"];

/** What `deno bundle` finds wrong, in its own words. */
export class BundleError extends Error {
  override readonly name = "BundleError";
}

/** Writes the bundle into a folder that is made. @returns the paths of its files in it, sorted */
export async function bundle(folder: string): Promise<string[]> {
  mkdirSync(folder, { recursive: true });
  const plain = await Deno.makeTempDir({ prefix: "xenolith-bundle-" });
  try {
    await Promise.all([runBundler(folder, ["--minify"]), runBundler(plain, [])]);
    checkDisposals(plain, folder);
  } finally {
    await Deno.remove(plain, { recursive: true });
  }
  for (const file of scriptsBelow(folder)) {
    const text = Deno.readTextFileSync(file);
    const changed = supplyRequire(hideDynamicImports(text));
    if (changed !== text) Deno.writeTextFileSync(file, changed);
  }
  for (const path of ASSETS) {
    mkdirSync(join(folder, dirname(path)), { recursive: true });
    await Deno.copyFile(join(ROOT, path), join(folder, path));
  }
  const digest = generatorDigest();
  if (digest === undefined) throw new BundleError("the interpreter's sources cannot be read");
  const interpreter = new FileInterpreterStore(join(folder, INTERPRETER_FOLDER), () => digest);
  buildInterpreter({}, interpreter);
  if (interpreter.load({}) === undefined) throw new BundleError("the interpreter was not written");
  await Deno.writeTextFile(join(folder, GENERATOR_DIGEST), `${digest}\n`);
  return [...filesBelow(folder, "")].sort();
}

async function runBundler(folder: string, options: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "bundle",
      "--quiet",
      "--code-splitting",
      "--keep-names",
      ...options,
      // Ink asks for it in development only.
      "--external",
      "react-devtools-core",
      "--outdir",
      folder,
      ...ENTRIES,
    ],
    cwd: ROOT,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new BundleError(new TextDecoder().decode(stderr));
}

/**
 * The minifier takes `using x = make(); x.once()` for `make().once()`: nothing is disposed of then (a lock stayed taken).
 * @throws BundleError
 */
function checkDisposals(plain: string, minified: string): void {
  const wanted = usingsBelow(plain, /^\s*(?:await )?using ([\w$]+) =/gm);
  const kept = usingsBelow(minified, /\busing ([\w$]+)=/g);
  if (wanted.length === kept.length) return;
  throw new BundleError(
    `the minifier has dropped ${wanted.length - kept.length} of the \`using\` declarations of ${
      wanted.join(", ")
    }: where such a variable is used once, write try and finally`,
  );
}

function usingsBelow(folder: string, pattern: RegExp): string[] {
  return scriptsBelow(folder).flatMap((file) =>
    [...Deno.readTextFileSync(file).matchAll(pattern)].map((match) => match[1])
  );
}

/** Before anything runs Deno reads each module that a literal names in `import()`, and those behind it: 5 ms of each command. */
function hideDynamicImports(text: string): string {
  return text.replaceAll(/\bimport\(("\.\/[\w-]+\.js")\)/g, "import(String($1))");
}

/** What a bundle has in the place of `require`, which Ink's CommonJS packages call for node's own modules: it looks for a real one first. */
const REQUIRE_SHIM = "Dynamic require of";
/** Nothing is loaded before it is called: every command evaluates that chunk. */
const REQUIRE = "const require=(name)=>process.getBuiltinModule(name);";

function supplyRequire(text: string): string {
  return text.includes(REQUIRE_SHIM) ? REQUIRE + text : text;
}

function scriptsBelow(folder: string): string[] {
  return [...filesBelow(folder, "")].filter((path) => path.endsWith(".js")).map((path) => join(folder, path));
}

function* filesBelow(folder: string, prefix: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(join(folder, prefix))) {
    const path = join(prefix, name);
    if (isDirectory) yield* filesBelow(folder, path);
    else yield path;
  }
}
