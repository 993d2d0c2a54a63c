/**
 * `deno task test [--offline] [FOLDER or FILE...]`: formatting, lint and types, then every *_test.ts.
 * Guests that tests boot are fetched first. The last line is "N passed, N failed, N skipped".
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type PackagedFile, packagedFile } from "../core/toolstack/guests/apt.ts";
import { cacheDirectory } from "../core/toolstack/guests/cache.ts";
import { debianKernel } from "../core/toolstack/guests/debian_kernel.ts";
import { frontendModules } from "../core/toolstack/guests/kernel_modules.ts";
import { ExtTools } from "./ext_image.ts";
import { GUEST_FILES, XEN_HEADERS } from "./guests.ts";
import { parseJunit, type TestResult } from "./junit.ts";
import { userland } from "./linux/userland.ts";
import { fetchShells } from "./shells.ts";
import { xenstoreClients } from "./xenstore_clients.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Folders whose tests run in one process each, so that one that does not load takes no other with it. */
const FOLDERS = [
  "core/wasm",
  "core/isa",
  "core/cpu",
  "core/hypervisor",
  "core/builder",
  "core/machine",
  "core/dom0",
  "core/toolstack",
  "tui",
  "tools",
  "bench",
  "tests",
];

interface Options {
  readonly offline: boolean;
  readonly paths: readonly string[];
}

function parseOptions(args: readonly string[]): Options {
  const paths: string[] = [];
  let offline = false;
  for (const arg of args) {
    if (arg === "--offline") offline = true;
    else if (arg.startsWith("-")) {
      console.error(`unknown option ${arg}\nusage: deno task test [--offline] [FOLDER or FILE...]`);
      Deno.exit(2);
    } else paths.push(arg);
  }
  return { offline, paths };
}

async function deno(args: readonly string[], offline: boolean): Promise<boolean> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    env: offline ? { XENOLITH_OFFLINE: "1" } : {},
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn().status;
  return success;
}

function title(text: string): void {
  console.log(`\n== ${text}`);
}

/** Formatting, lint and types: one result each. */
async function checks(): Promise<TestResult[]> {
  const types = ["mod.ts", "core", "tui", "tests", "bench", "tools"];
  const commands: [string, string[]][] = [
    ["formatting (deno fmt --check)", ["fmt", "--check"]],
    ["lint (deno lint)", ["lint"]],
    ["types (deno check)", ["check", "--quiet", ...await present(types)]],
  ];
  const results: TestResult[] = [];
  for (const [name, args] of commands) {
    title(name);
    results.push({ file: "deno", name, outcome: await deno(args, false) ? "passed" : "failed" });
  }
  return results;
}

/** The folders that hold TypeScript at all. */
async function present(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    if (path.endsWith(".ts") || await holds(join(ROOT, path), /\.tsx?$/)) found.push(path);
  }
  return found;
}

async function holds(folder: string, pattern: RegExp): Promise<boolean> {
  try {
    for await (const entry of Deno.readDir(folder)) {
      if (entry.isFile && pattern.test(entry.name)) return true;
      if (entry.isDirectory && await holds(join(folder, entry.name), pattern)) return true;
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return false;
}

/** Fetches what tests need, so that a missing guest is one clear failure and not a timeout in each test. */
async function fetchPackages(): Promise<TestResult[]> {
  title("guests and headers");
  const progress = (line: string) => console.log(`  ${line}`);
  const options = { cache: cacheDirectory(), progress };
  const packaged = (file: PackagedFile) => ({
    from: file.packages.join(" or "),
    fetch: () => packagedFile(file, options),
  });
  const wanted: Record<string, { from: string; fetch: () => Promise<string> }> = {
    ...Object.fromEntries(Object.entries(GUEST_FILES).map(([name, file]) => [name, packaged(file)])),
    xenHeaders: packaged(XEN_HEADERS),
    linux: {
      from: "linux-image-cloud-amd64",
      fetch: async () => (await debianKernel({ flavour: "cloud" }, options)).path,
    },
    backport: {
      from: "linux-image-6.12-cloud-amd64",
      fetch: async () => (await debianKernel({ flavour: "cloud", series: "6.12" }, options)).path,
    },
    frontends: {
      from: "the kernel's modules",
      fetch: async () =>
        `${(await frontendModules({ flavour: "cloud" }, ["vbd", "vif"], options)).length} modules`,
    },
    extTools: {
      from: "e2fsprogs and its libraries",
      fetch: async () => (await ExtTools.fetch()).folder,
    },
    programs: {
      from: "busybox-static, coreutils and others",
      fetch: async () => `${(await userland(progress)).files.size} files`,
    },
    shells: { from: "zsh, zsh-common, fish, fish-common, libpcre2-32-0", fetch: fetchShells },
    xenstoreClients: {
      from: "xenstore-utils",
      fetch: async () => (await xenstoreClients()).programs,
    },
  };
  const results: TestResult[] = [];
  for (const [name, { from, fetch }] of Object.entries(wanted)) {
    const result = { file: "tests/guests.ts", name: `fetch ${name} (${from})` };
    try {
      const found = await fetch();
      if (name === "xenHeaders") Deno.env.set("XEN_INCLUDE_DIR", found);
      console.log(`${name}: ${found}`);
      results.push({ ...result, outcome: "passed" });
    } catch (error) {
      console.error(error instanceof Error ? error.message : error);
      results.push({ ...result, outcome: "failed" });
    }
  }
  return results;
}

/** Runs the tests under a path. A run that fails without a failed test (a file that does not load) counts as one. */
async function testsOf(path: string, offline: boolean): Promise<TestResult[]> {
  title(path);
  const report = await Deno.makeTempFile({ suffix: ".xml" });
  try {
    const success = await deno(
      ["test", "-A", "--no-check", "--unstable-worker-options", `--junit-path=${report}`, path],
      offline,
    );
    const results = parseJunit(await Deno.readTextFile(report));
    if (!success && !results.some(({ outcome }) => outcome === "failed")) {
      results.push({ file: path, name: "the tests load and end by themselves", outcome: "failed" });
    }
    return results;
  } finally {
    await Deno.remove(report);
  }
}

function summary(results: readonly TestResult[], { offline }: Options): boolean {
  const of = (outcome: TestResult["outcome"]) => results.filter((result) => result.outcome === outcome);
  const [passed, failed, skipped] = [of("passed"), of("failed"), of("skipped")];
  title("summary");
  for (const { file, name } of failed) console.log(`FAILED   ${file}: ${name}`);
  for (const { file, name } of skipped) console.log(`not run  ${file}: ${name}`);
  if (skipped.length > 0) {
    const why = offline
      ? "--offline was given: guests that must be fetched were not"
      : "ignored by the tests themselves";
    console.log(`${skipped.length} did not run (${why})`);
  }
  console.log(`${passed.length} passed, ${failed.length} failed, ${skipped.length} skipped`);
  return failed.length === 0;
}

async function main(): Promise<void> {
  const options = parseOptions(Deno.args);
  const results: TestResult[] = [];
  if (options.paths.length === 0) {
    results.push(...await checks());
    if (!options.offline) results.push(...await fetchPackages());
  }
  const wanted = options.paths.length > 0 ? options.paths : FOLDERS;
  for (const path of wanted) {
    if (options.paths.length > 0 || await holds(join(ROOT, path), /_test\.tsx?$/)) {
      results.push(...await testsOf(path, options.offline));
    }
  }
  if (!summary(results, options)) Deno.exit(1);
}

await main();
