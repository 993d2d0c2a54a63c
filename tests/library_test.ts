/** mod.ts as a library: which xend it uses, what it leaves behind, what it loads, and the examples in its own documentation. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { XendClient } from "../core/toolstack/api/client.ts";
import { Xen, XendFailure } from "../mod.ts";
import { ROOT } from "./session.ts";

const ECHO = { name: "echo", kernel: "builtin:echo", memory: 16 };

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "library-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const pathsIn = (folder: string) => ({ state: join(folder, "state"), log: join(folder, "log"), run: folder });

Deno.test("connect finds a xend that runs and leaves it; what it started itself it stops; domains end with their block", () =>
  inFolder(async (folder) => {
    const paths = pathsIn(folder);
    let pid: number;
    {
      await using first = await Xen.connect({ paths });
      pid = (await first.client.status()).pid;
      const log: string[] = [];
      const watching = (async () => {
        for await (const event of first.events(["domain"])) {
          if (event.type !== "domain") continue;
          log.push(`${event.name} ${event.change}`);
          if (event.change === "destroyed") return;
        }
      })();
      {
        await using second = await Xen.connect({ paths });
        assert.equal((await second.client.status()).pid, pid);
        await using domain = await second.domains.create(ECHO);
        await domain.console.waitFor("> ");
        assert.equal((await domain.info()).memoryKiB, 16 * 1024);
        await assert.rejects(second.domains.create(ECHO), { code: "name-exists" });
        assert.deepEqual((await first.domains.list()).map(({ name }) => name), ["Domain-0", "echo"]);
      }
      await watching;
      assert.deepEqual(log.slice(0, 2), ["echo created", "echo unpaused"]);
      assert.deepEqual((await first.domains.list()).map(({ name }) => name), ["Domain-0"]);
    }
    await assert.rejects(XendClient.connect({ paths }), { code: "not-running" });
    assert.throws(() => Deno.statSync(`/proc/${pid}`), Deno.errors.NotFound);
  }));

Deno.test("a domain from a file, with settings after it, paused until it is told; destroyed it says so", () =>
  inFolder(async (folder) => {
    const file = join(folder, "guest.cfg");
    await Deno.writeTextFile(file, 'name = "filed"\nkernel = "builtin:echo"\nmemory = 16\n');
    await using xen = await Xen.launch({ pcpus: 1 });
    const domain = await xen.domains.createFromFile(file, { paused: true, overrides: ["memory=24"] });
    assert.equal((await domain.info()).memoryKiB, 24 * 1024);
    assert.equal((await domain.info()).state.paused, true);
    assert.equal(domain.console.text, "");
    await domain.unpause();
    const [text, mebibytes] = await domain.console.waitFor(/PV, (\d+) MiB/g);
    assert.equal(mebibytes, "24");
    assert.ok(domain.console.text.includes(text));
    await domain.destroy();
    assert.deepEqual(await domain.ended, { reason: "destroyed" });
    await assert.rejects(
      domain.console.waitFor("more"),
      /filed: its console ended without more; it printed "/,
    );
    await domain[Symbol.asyncDispose]();
    await assert.rejects(xen.domains.create({ name: "bad", kernel: "/no/such/kernel" }), XendFailure);
  }));

Deno.test("importing mod.ts loads neither the engine nor the configuration's schemas", async () => {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "mod.ts"],
    cwd: ROOT,
  }).output();
  const graph: {
    modules: { specifier: string; dependencies?: { isDynamic?: boolean; code?: { specifier: string } }[] }[];
  } = JSON.parse(new TextDecoder().decode(stdout));
  const modules = new Map(graph.modules.map((module) => [module.specifier, module]));
  const loaded = new Set<string>();
  const load = (specifier: string) => {
    if (loaded.has(specifier)) return;
    loaded.add(specifier);
    for (const { isDynamic, code } of modules.get(specifier)?.dependencies ?? []) {
      if (isDynamic !== true && code !== undefined) load(code.specifier);
    }
  };
  load(`file://${ROOT}mod.ts`);
  const heavy =
    /\/core\/(wasm|isa|cpu|hypervisor|builder|dom0)\/|\/toolstack\/(config|xend\/xend)|^npm:|^node:/;
  const wrong = [...loaded].filter((specifier) => heavy.test(specifier));
  assert.deepEqual(wrong, []);
  assert.ok(loaded.size > 5, `only ${loaded.size} modules found: the search is broken`);
});

Deno.test("the examples in the documentation run", () =>
  inFolder(async (folder) => {
    // Every example gets an import of all of its module's names, used or not.
    const { compilerOptions, imports } = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json")));
    await Deno.writeTextFile(
      join(folder, "deno.json"),
      JSON.stringify({ compilerOptions: { ...compilerOptions, noUnusedLocals: false }, imports }),
    );
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "test",
        "-A",
        "--doc",
        "--no-lock",
        `--config=${join(folder, "deno.json")}`,
        "--unstable-worker-options",
        "mod.ts",
        ...["console", "xen"].map((name) => `core/toolstack/library/${name}.ts`),
      ],
      cwd: ROOT,
      env: {
        NO_COLOR: "1",
        ...Object.fromEntries(
          Object.entries(pathsIn(folder)).map(([name, path]) => [`XENOLITH_${name.toUpperCase()}_DIR`, path]),
        ),
      },
    }).output();
    const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assert.equal(code, 0, text);
    assert.match(text, /4 passed \| 0 failed/);
  }));
