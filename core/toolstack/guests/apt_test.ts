import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { type CommandResult, FetchError, packagedFile, type RunCommand } from "./apt.ts";
import { cacheDirectory } from "./cache.ts";

const FILE = { packages: ["one", "two"], path: "usr/lib/guest.bin" };

interface Call {
  readonly command: string;
  readonly args: readonly string[];
}

interface World {
  /** Packages that a mirror has, with their files. */
  readonly packages: Readonly<Record<string, readonly string[]>>;
  /** The machine has package lists already. */
  readonly lists: boolean;
  readonly reachable: boolean;
  readonly missing?: string;
}

const foreign = Deno.build.arch !== "x86_64";

/** An apt-get and a dpkg-deb over an imagined mirror. */
function world({ packages, lists, reachable, missing }: World): { run: RunCommand; calls: Call[] } {
  const calls: Call[] = [];
  let known = lists;
  const fail = (output: string): CommandResult => ({ code: 100, output });
  const run: RunCommand = async (command, args, directory) => {
    calls.push({ command, args });
    if (command === missing) return undefined;
    if (command === "dpkg-deb") {
      const name = (args[1].split("/").pop() ?? "").split("_")[0];
      for (const path of packages[name]) {
        const target = join(directory, args[2], path);
        await Deno.mkdir(dirname(target), { recursive: true });
        await Deno.writeTextFile(target, name);
      }
      return { code: 0, output: "" };
    }
    if (args.at(-1) === "update") {
      if (!reachable) return fail("Err:1 mirror\nE: Failed to fetch the index");
      known = true;
      return { code: 0, output: "" };
    }
    const name = args.at(-1) ?? "";
    if (!known || !(name in packages)) return fail(`E: Unable to locate package ${name}`);
    if (!reachable) return fail("E: Failed to fetch the package");
    await Deno.writeTextFile(join(directory, `${name}_1_amd64.deb`), "");
    return { code: 0, output: "" };
  };
  return { run, calls };
}

async function inCache(test: (cache: string) => Promise<void>): Promise<void> {
  const cache = await Deno.makeTempDir();
  try {
    await test(join(cache, "xenolith"));
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
}

async function leftovers(cache: string): Promise<string[]> {
  const names = [];
  for await (const { name } of Deno.readDir(cache)) names.push(name);
  return names.filter((name) => name !== "packages" && name !== "apt");
}

Deno.test("a file is fetched once and then comes from the cache", () =>
  inCache(async (cache) => {
    const { run, calls } = world({ packages: { one: ["usr/lib/guest.bin"] }, lists: true, reachable: true });
    const lines: string[] = [];
    const options = { cache, run, progress: (line: string) => lines.push(line) };
    const path = await packagedFile(FILE, options);
    assert.equal(await Deno.readTextFile(path), "one");
    assert.ok(lines.some((line) => /package one/.test(line)));
    const before = calls.length;
    assert.equal(await packagedFile(FILE, options), path);
    assert.equal(calls.length, before);
    assert.deepEqual(await leftovers(cache), []);
  }));

Deno.test("the next package is tried when the first lacks the file or does not exist", () =>
  inCache(async (cache) => {
    const { run } = world({
      packages: { one: ["else"], two: ["usr/lib/guest.bin"] },
      lists: true,
      reachable: true,
    });
    assert.equal(await Deno.readTextFile(await packagedFile(FILE, { cache, run, progress() {} })), "two");
  }));

Deno.test("package lists are fetched into the cache where the machine has none", () =>
  inCache(async (cache) => {
    const { run, calls } = world({ packages: { two: ["usr/lib/guest.bin"] }, lists: false, reachable: true });
    assert.equal(await Deno.readTextFile(await packagedFile(FILE, { cache, run, progress() {} })), "two");
    const updates = calls.filter(({ args }) => args.at(-1) === "update");
    assert.equal(updates.length, 1);
    assert.ok(updates[0].args.some((arg) => arg.startsWith(`Dir::State=${cache}`)));
  }));

Deno.test("an unreachable mirror is named as such, with apt's own words", () =>
  inCache(async (cache) => {
    const { run } = world({ packages: { one: [] }, lists: !foreign, reachable: false });
    await assert.rejects(packagedFile(FILE, { cache, run, progress() {} }), (error) => {
      assert.ok(error instanceof FetchError);
      assert.match(error.message, /cannot fetch usr\/lib\/guest.bin/);
      assert.match(error.message, /E: Failed to fetch/);
      assert.match(error.message, /sources are reachable/);
      return true;
    });
    assert.deepEqual(await leftovers(cache), []);
  }));

Deno.test("a machine without apt or dpkg is told so", () =>
  inCache(async (cache) => {
    const packages = { one: ["usr/lib/guest.bin"] };
    for (const missing of ["apt-get", "dpkg-deb"]) {
      const { run } = world({ packages, lists: true, reachable: true, missing });
      await assert.rejects(packagedFile(FILE, { cache, run, progress() {} }), (error) => {
        assert.ok(error instanceof FetchError);
        assert.match(error.message, new RegExp(missing));
        return true;
      });
    }
    assert.deepEqual(await leftovers(cache), []);
  }));

Deno.test("a cache that cannot be made is a fault of fetching, and says which", async () => {
  const file = await Deno.makeTempFile();
  try {
    const { run } = world({ packages: {}, lists: true, reachable: true });
    await assert.rejects(
      packagedFile(FILE, { cache: join(file, "xenolith"), run, progress() {} }),
      (error) => {
        assert.ok(error instanceof FetchError);
        assert.match(error.message, /xenolith, which cannot be made/);
        return true;
      },
    );
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("the cache lies where XDG says", () => {
  const of = (variables: Record<string, string>) => cacheDirectory({ get: (name) => variables[name] });
  assert.equal(of({ XDG_CACHE_HOME: "/c", HOME: "/h" }), "/c/xenolith");
  assert.equal(of({ XDG_CACHE_HOME: "c", HOME: "/h" }), "/h/.cache/xenolith");
  assert.equal(of({ HOME: "/h" }), "/h/.cache/xenolith");
});
