/** Imports point one way (DESIGN.md, "Shape"); packages come from npm alone, some behind one module each. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");

/** What each folder may import besides itself. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  "core/wasm": [],
  "core/isa": ["core/wasm"],
  "core/cpu": ["core/wasm", "core/isa"],
  "core/hypervisor": ["core/wasm", "core/isa", "core/cpu"],
  "core/builder": ["core/wasm", "core/isa", "core/cpu", "core/hypervisor"],
  "core/machine": ["core/wasm", "core/isa", "core/cpu", "core/hypervisor"],
  "core/dom0": ["core/wasm", "core/isa", "core/cpu", "core/hypervisor"],
  "core/toolstack": [
    "core/wasm",
    "core/isa",
    "core/cpu",
    "core/hypervisor",
    "core/builder",
    "core/machine",
    "core/dom0",
  ],
  // Of the toolstack only its client: see below.
  "tui": ["core/toolstack"],
};

/** What tui may see of the toolstack: the client, what goes over the API, how xentop writes it. */
const SEEN_BY_TUI = /^core\/toolstack\/(api\/(client|figures|types)|format\/\w+|version)\.ts$/;

/** Packages that one module hides from all others. */
const BEHIND_ONE_MODULE = ["commander", "@commander-js/extra-typings"];

interface Import {
  readonly from: string;
  readonly to: string;
}

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory && entry.name !== "node_modules" && !entry.name.startsWith(".")) {
      yield* sources(path);
    } else if (entry.isFile && /\.tsx?$/.test(entry.name)) yield path;
  }
}

const SPECIFIER =
  /^\s*(?:import|export)\b[^"'`;]*?\bfrom\s*["']([^"']+)["']|^\s*import\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)|\bnew URL\(\s*["'](\.[^"']+)["']\s*,\s*import\.meta\.url/gm;

async function importsOf(path: string): Promise<Import[]> {
  const text = await Deno.readTextFile(path);
  return [...text.matchAll(SPECIFIER)].map((match) => ({
    from: relative(ROOT, path),
    to: match[1] ?? match[2] ?? match[3] ?? match[4],
  }));
}

async function allImports(): Promise<Import[]> {
  const found: Import[] = [];
  for (const folder of ["core", "tests", "bench", "tools", "tui"]) {
    if (!existsSync(join(ROOT, folder))) continue; // Folders that DESIGN.md names come one by one.
    for await (const path of sources(join(ROOT, folder))) found.push(...await importsOf(path));
  }
  for (const path of ["mod.ts", "dashboard.ts"]) found.push(...await importsOf(join(ROOT, path)));
  return found;
}

function layerOf(path: string): string | undefined {
  return Object.keys(LAYERS).find((layer) => path.startsWith(`${layer}/`));
}

Deno.test("imports point downwards", async () => {
  const wrong: string[] = [];
  let checked = 0;
  for (const { from, to } of await allImports()) {
    const layer = layerOf(from);
    // Unit tests may set up their subject with what lies above it.
    if (layer === undefined || !to.startsWith(".") || /_test\.tsx?$/.test(from)) continue;
    const target = layerOf(relative(ROOT, join(ROOT, dirname(from), to)));
    checked++;
    const path = relative(ROOT, join(ROOT, dirname(from), to));
    if (layer === "tui" && target === "core/toolstack" && !SEEN_BY_TUI.test(path)) {
      wrong.push(`${from} imports ${to}`);
    }
    if (target === layer || (target !== undefined && LAYERS[layer].includes(target))) continue;
    wrong.push(`${from} imports ${to}`);
  }
  assert.deepEqual(wrong, []);
  assert.ok(checked > 50, `only ${checked} imports found: the search is broken`);
});

Deno.test("every folder of core has its place among the layers", async () => {
  for await (const { name, isDirectory } of Deno.readDir(join(ROOT, "core"))) {
    if (isDirectory) assert.ok(`core/${name}` in LAYERS, `core/${name} is not in DESIGN.md's shape`);
  }
});

Deno.test("packages come from npm or node alone, through the import map", async () => {
  const map: { imports: Record<string, string> } = JSON.parse(
    await Deno.readTextFile(join(ROOT, "deno.json")),
  );
  const wrong: string[] = [];
  const users = new Map<string, Set<string>>();
  for (const { from, to } of await allImports()) {
    if (to.startsWith(".") || to.startsWith("node:")) continue;
    // A file of a package by the package's entry that ends in a slash.
    const isMapped = to in map.imports ||
      Object.keys(map.imports).some((key) => key.endsWith("/") && to.startsWith(key));
    if (!isMapped) wrong.push(`${from} imports ${to}`);
    users.set(to, (users.get(to) ?? new Set()).add(from));
  }
  for (const [name, target] of Object.entries(map.imports)) {
    if (!target.startsWith("npm:")) wrong.push(`${name} comes from ${target}`);
  }
  assert.deepEqual(wrong, []);
  for (const name of BEHIND_ONE_MODULE) {
    assert.ok(
      (users.get(name)?.size ?? 0) <= 1,
      `${name} is imported by ${[...users.get(name) ?? []].join(", ")}`,
    );
  }
});
