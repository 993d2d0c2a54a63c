import assert from "node:assert/strict";
import { join } from "node:path";
import { buildInterpreter, type InterpreterCode } from "../cpu/interpreter.ts";
import { FileInterpreterStore, generatorDigest } from "./interpreter_store.ts";

/** The smallest WebAssembly module. */
const MODULE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

const CODE: InterpreterCode = {
  code: MODULE,
  slots: Uint16Array.of(1, 2, 65535),
  fused: new Uint16Array(3),
  sequences: Uint16Array.of(2, 1, 2, 3),
  leaves: Uint8Array.of(0, 1),
  regionSlot: 7,
  checksTlb: false,
  profiles: false,
};

async function inFolder(body: (folder: string) => void | Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.chmod(folder, 0o700);
    await Deno.remove(folder, { recursive: true });
  }
}

function store(folder: string, digest: string | undefined = "version 1"): FileInterpreterStore {
  return new FileInterpreterStore(folder, () => digest);
}

function fileOf(folder: string): string {
  const path = store(folder).path({});
  assert.ok(path !== undefined);
  return path;
}

Deno.test("what is saved is loaded again, by the same version and for the same options only", () =>
  inFolder((folder) => {
    const cache = join(folder, "not", "there yet");
    assert.equal(store(cache).load({}), undefined);
    store(cache).save({}, CODE);
    assert.deepEqual(store(cache).load({}), CODE);
    assert.deepEqual(store(cache).load({ checkTlb: false }), CODE);
    assert.equal(store(cache).load({ checkTlb: true }), undefined);
    assert.equal(store(cache, "version 2").load({}), undefined);
    assert.deepEqual([...Deno.readDirSync(cache)].length, 1, "no temporary file stays");
  }));

Deno.test("an image made from the store is the one that was generated", () =>
  inFolder((folder) => {
    const generated = buildInterpreter({ profile: true }, store(folder));
    assert.ok(Deno.statSync(store(folder).path({ profile: true }) ?? "").size > 1e6);
    let loads = 0;
    const watched = store(folder);
    const kept = buildInterpreter({ profile: true }, {
      load: (options) => (loads++, watched.load(options)),
      save: () => assert.fail("it was there"),
    });
    assert.equal(loads, 1);
    const { module, ...tables } = kept;
    const { module: generatedModule, ...generatedTables } = generated;
    assert.deepEqual(tables, generatedTables);
    assert.deepEqual(WebAssembly.Module.exports(module), WebAssembly.Module.exports(generatedModule));
  }));

Deno.test("a file that is not whole is not used, and replaced", () =>
  inFolder((folder) => {
    store(folder).save({}, CODE);
    const path = fileOf(folder);
    const good = Deno.readFileSync(path);
    const damaged: Uint8Array[] = [
      new Uint8Array(),
      good.subarray(0, 20),
      new TextEncoder().encode("x".repeat(500)),
    ];
    for (let length = 1; length < good.length; length += 13) damaged.push(good.subarray(0, length));
    for (let at = 0; at < good.length; at++) {
      const flipped = good.slice();
      flipped[at] ^= 0x10;
      damaged.push(flipped);
    }
    damaged.push(Uint8Array.of(...good, 0));
    for (const bytes of damaged) {
      Deno.writeFileSync(path, bytes);
      assert.equal(store(folder).load({}), undefined);
    }
    store(folder).save({}, CODE);
    assert.deepEqual(store(folder).load({}), CODE);
  }));

Deno.test("a folder that cannot be made, read or written costs nothing but the generating", () =>
  inFolder(async (folder) => {
    const file = join(folder, "file");
    await Deno.writeTextFile(file, "");
    const impossible = [join(file, "below a file"), "/proc/nowhere"];
    // Root writes wherever it likes.
    if (Deno.uid() !== 0) {
      const sealed = join(folder, "sealed");
      await Deno.mkdir(sealed, { mode: 0o500 });
      impossible.push(sealed);
    }
    for (const path of impossible) {
      store(path).save({}, CODE);
      assert.equal(store(path).load({}), undefined);
    }
    const directory = fileOf(folder);
    await Deno.mkdir(directory);
    store(folder).save({}, CODE);
    assert.equal(store(folder).load({}), undefined, "a folder in the file's place");
  }));

Deno.test("a generator of unknown version keeps nothing", () =>
  inFolder((folder) => {
    const unknown = new FileInterpreterStore(folder, () => undefined);
    unknown.save({}, CODE);
    assert.equal(unknown.load({}), undefined);
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  }));

Deno.test("versions of long ago are removed", () =>
  inFolder((folder) => {
    for (let version = 0; version < 20; version++) {
      store(folder, String(version)).save({}, CODE);
      const at = new Date(1e12 + version * 1000);
      Deno.utimeSync(store(folder, String(version)).path({}) ?? "", at, at);
    }
    assert.ok([...Deno.readDirSync(folder)].length <= 7);
    assert.deepEqual(store(folder, "19").load({}), CODE);
    assert.equal(store(folder, "0").load({}), undefined);
  }));

Deno.test("the digest is of every source that generates, in a bundle as well", () =>
  inFolder(async (folder) => {
    for (const name of ["wasm", "isa/instructions", "cpu", "toolstack"]) {
      await Deno.mkdir(join(folder, "core", name), { recursive: true });
    }
    const write = (path: string, text: string) => Deno.writeTextFile(join(folder, "core", path), text);
    const self = `file://${folder}/core/toolstack/interpreter_store.ts`;
    await write("isa/instructions/mov.ts", "1");
    const seen = [generatorDigest(self)];
    const changes = ["isa/instructions/mov.ts", "cpu/runtime.ts", "wasm/module.ts"];
    for (const path of changes) {
      await write(path, "2");
      seen.push(generatorDigest(self));
    }
    await Deno.rename(join(folder, "core/wasm/module.ts"), join(folder, "core/wasm/modules.ts"));
    seen.push(generatorDigest(self));
    assert.equal(new Set(seen).size, changes.length + 2);
    assert.ok(!seen.includes(undefined));
    const last = generatorDigest(self);
    await write("cpu/runtime_test.ts", "tests generate nothing");
    await write("toolstack/create.ts", "nor does this");
    assert.equal(generatorDigest(self), last);

    const chunk = `file://${folder}/chunk-A.js`;
    assert.equal(generatorDigest(chunk), undefined, "a bundle without its digest");
    await Deno.mkdir(join(folder, "interpreter"));
    const put = (text: string) => Deno.writeTextFile(join(folder, "interpreter/generator.sha256"), text);
    await put("not a digest");
    assert.equal(generatorDigest(chunk), undefined);
    await put(`${last}\n`);
    assert.equal(generatorDigest(chunk), last, "a bundle has its sources' digest");
    assert.equal(generatorDigest("https://127.0.0.1/xenolith.js"), undefined);
  }));

Deno.test("an interpreter that a bundle brings along is used, and its folder never written", () =>
  inFolder((folder) => {
    const given = join(folder, "given");
    new FileInterpreterStore(given, () => "version 1").save({}, CODE);
    const cache = join(folder, "cache");
    const bundled = (digest: string) => new FileInterpreterStore(cache, () => digest, given);
    assert.deepEqual(bundled("version 1").load({}), CODE);
    assert.equal(bundled("version 2").load({}), undefined);
    bundled("version 2").save({}, CODE);
    assert.deepEqual(bundled("version 2").load({}), CODE, "another one is kept as ever");
    assert.equal([...Deno.readDirSync(given)].length, 1);
  }));
