/**
 * The one executable, alone: copied into an empty folder, with an empty home and nothing but the system's programs in PATH. XENOLITH_EXECUTABLE names
 * one that is there (of either kind, made elsewhere too); else `deno task compile` makes one, once for each version of the sources.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { builtinGuest } from "../core/toolstack/guests/builtin.ts";
import { cacheDirectory } from "../core/toolstack/guests/cache.ts";
import { VERSION } from "../core/toolstack/version.ts";
import { OFFLINE } from "./guests.ts";
import { ROOT } from "./session.ts";

/** A digest of everything that goes into the executable. */
async function sourcesDigest(): Promise<string> {
  const hash = createHash("sha256").update(Deno.version.deno);
  const add = async (path: string): Promise<void> => {
    const { isDirectory } = await Deno.stat(join(ROOT, path));
    if (!isDirectory) return void hash.update(`${path}\0`).update(await Deno.readFile(join(ROOT, path)));
    const names = (await Array.fromAsync(Deno.readDir(join(ROOT, path)))).map(({ name }) => name).sort();
    for (const name of names) if (!/_test\.tsx?$/.test(name)) await add(join(path, name));
  };
  for (
    const path of [
      "deno.json",
      "deno.lock",
      "mod.ts",
      "dashboard.ts",
      "configs",
      "core",
      "tui",
      "tools/compile",
    ]
  ) {
    await add(path);
  }
  return hash.digest("hex").slice(0, 20);
}

async function makeExecutable(): Promise<string> {
  const given = Deno.env.get("XENOLITH_EXECUTABLE");
  if (given !== undefined) return await Deno.realPath(given);
  const folder = join(cacheDirectory(), "tests");
  const path = join(folder, `xenolith-${await sourcesDigest()}`);
  try {
    await Deno.stat(path);
    return path;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "tools/compile/mod.ts", "--fast", "--output", path],
    cwd: ROOT,
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  for await (const { name } of Deno.readDir(folder)) {
    if (/^xenolith-[0-9a-f]{20}$/.test(name) && join(folder, name) !== path) {
      await Deno.remove(join(folder, name));
    }
  }
  return path;
}

let made: Promise<string> | undefined;
const executable = () => made ??= makeExecutable();

/** True of the kind that is a script in front. */
async function isSelfExtracting(): Promise<boolean> {
  using file = await Deno.open(await executable());
  const head = new Uint8Array(2);
  await file.read(head);
  return new TextDecoder().decode(head) === "#!";
}

interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly ms: number;
}

/** A machine on which nothing but the executable is. */
class Machine implements AsyncDisposable {
  private constructor(
    readonly folder: string,
    readonly environment: Readonly<Record<string, string>>,
  ) {}

  static async make(): Promise<Machine> {
    const folder = await Deno.makeTempDir({ prefix: "machine-" });
    const place = (name: string) => join(folder, name);
    for (const name of ["home", "tmp", "run", "cwd"]) await Deno.mkdir(place(name), { mode: 0o700 });
    await Deno.copyFile(await executable(), place("cwd/xenolith"));
    await Deno.chmod(place("cwd/xenolith"), 0o755);
    return new Machine(folder, {
      PATH: "/usr/bin:/bin",
      HOME: place("home"),
      TMPDIR: place("tmp"),
      XENOLITH_STATE_DIR: place("home/state"),
      XENOLITH_LOG_DIR: place("home/log"),
      XENOLITH_RUN_DIR: place("run"),
      NO_COLOR: "1",
    });
  }

  get file(): string {
    return join(this.folder, "cwd/xenolith");
  }

  async run(
    args: readonly string[],
    { input = "", file = "./xenolith", environment = {} }: {
      readonly input?: string;
      readonly file?: string;
      readonly environment?: Readonly<Record<string, string>>;
    } = {},
  ): Promise<Result> {
    const started = performance.now();
    // Deno looks for a command in the caller's own working directory.
    const child = new Deno.Command("/bin/sh", {
      args: ["-c", 'exec "$0" "$@"', file, ...args],
      cwd: join(this.folder, "cwd"),
      clearEnv: true,
      env: { ...this.environment, ...environment },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      signal: AbortSignal.timeout(120_000),
    }).spawn();
    const writer = child.stdin.getWriter();
    // One that refuses to start may be gone before it has read anything.
    await writer.write(new TextEncoder().encode(input)).then(() => writer.close()).catch(() => {});
    const { code, stdout, stderr } = await child.output();
    const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, out: decode(stdout), err: decode(stderr), ms: performance.now() - started };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** Folders with an unpacked runtime below a place. */
async function unpacked(folder: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

const HALT = { input: "halt\n" };

Deno.test("the file alone runs the built-in guest, in its own process", async () => {
  await using machine = await Machine.make();
  const first = await machine.run(["demo", "--guest", "builtin"], HALT);
  assert.equal(first.code, 0, first.err);
  assert.match(first.out, /Type help for the commands[\s\S]*Goodbye/);
  assert.match(first.err, /powered off/);
  const { code, out } = await machine.run(["--version"]);
  assert.deepEqual([code, out], [0, `xenolith ${VERSION}\n`]);
});

Deno.test("xend is the executable itself: a domain is created, listed, and all ends", async () => {
  await using machine = await Machine.make();
  await Deno.writeTextFile(
    join(machine.folder, "cwd/guest.cfg"),
    'name = "alone"\nkernel = "builtin:echo"\nmemory = 16\n',
  );
  const status = await machine.run(["xend", "start", "--json"]);
  try {
    assert.equal(status.code, 0, status.err);
    const { pid } = JSON.parse(status.out);
    const { code, err } = await machine.run(["create", "guest.cfg"]);
    assert.equal(code, 0, err);
    const program = await Deno.realPath(`/proc/${pid}/exe`);
    assert.ok(program.startsWith(machine.folder), `xend runs ${program}`);
    const again = await machine.run(["xend", "restart", "--json"]);
    assert.equal(again.code, 0, again.err);
    assert.equal(again.err, "xenolith: these domains were destroyed: alone\n");
    assert.notEqual(JSON.parse(again.out).pid, pid);
    assert.equal((await machine.run(["create", "guest.cfg"])).code, 0);
    const list = await machine.run(["list"]);
    assert.equal(list.code, 0, list.err);
    assert.match(list.out, /^Name +ID +Mem[^\n]*\nDomain-0 +0 [^\n]*\nalone +1 +16 +1 [^\n]*\n$/);
    // It is unpacked by a worker, which is in the executable too.
    const kernel = join(machine.folder, "cwd/echo.gz");
    await Deno.writeFile(kernel, gzipSync(builtinGuest("echo") ?? ""));
    const packed = await machine.run(["create", "guest.cfg", "name=packed", `kernel=${kernel}`]);
    assert.equal(packed.code, 0, packed.err);
    await Deno.writeFile(kernel, (await Deno.readFile(kernel)).subarray(0, 500));
    const cut = await machine.run(["create", "guest.cfg", "name=cut", `kernel=${kernel}`]);
    assert.equal(cut.code, 1);
    assert.match(cut.err, /the gzip-compressed kernel is truncated/);
  } finally {
    const stopped = await machine.run(["xend", "stop"]);
    assert.equal(stopped.code, 0, stopped.err);
  }
  assert.equal((await machine.run(["xend", "status"])).out, "xend is not running\n");
});

Deno.test({
  name: "what tests ask of the commands and of xend from the sources, they get of the executable",
  ignore: OFFLINE,
  fn: async () => {
    const files = ["commands", "xend", "bad_input", "builtin"].map((name) => `tests/${name}_test.ts`);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", "--unstable-worker-options", "--no-check", ...files],
      cwd: ROOT,
      env: { XENOLITH_EXECUTABLE: await executable(), NO_COLOR: "1" },
    }).output();
    const text = new TextDecoder();
    assert.equal(code, 0, `${text.decode(stdout)}${text.decode(stderr)}`);
    assert.match(text.decode(stdout), /\nok \| \d+ passed \(?.*0 failed/);
  },
});

Deno.test("xend's V8 checks bounds when the environment asks for it", async () => {
  if (!await isSelfExtracting()) return;
  await using machine = await Machine.make();
  for (const checks of ["0", "1"]) {
    const environment = { XENOLITH_BOUNDS_CHECKS: checks };
    const { code, out, err } = await machine.run(["xend", "start", "--json"], { environment });
    assert.equal(code, 0, err);
    const command = await Deno.readTextFile(`/proc/${JSON.parse(out).pid}/cmdline`);
    await machine.run(["xend", "stop"]);
    assert.match(command, /--v8-flags=/);
    assert.equal(command.includes("--no-wasm-bounds-checks"), checks === "0", command.replaceAll("\0", " "));
  }
});

Deno.test("a link named xl is xl; the file may have any name, with spaces too", async () => {
  await using machine = await Machine.make();
  const cwd = join(machine.folder, "cwd");
  await Deno.symlink("xenolith", join(cwd, "xl"));
  await Deno.rename(machine.file, join(cwd, "a name of its own"));
  await Deno.remove(join(cwd, "xl"));
  await Deno.symlink("a name of its own", join(cwd, "xl"));
  const plain = await machine.run(["--version"], { file: "./a name of its own" });
  assert.equal(plain.out, `xenolith ${VERSION}\n`, plain.err);
  const asXl = await machine.run(["--help"], { file: "./xl" });
  assert.equal(asXl.code, 0, asXl.err);
  const byPath = await machine.run(["--help"], { file: "xl", environment: { PATH: `/usr/bin:/bin:${cwd}` } });
  assert.equal(byPath.out, asXl.out);
});

Deno.test("two first runs at the same time both work, and leave one unpacked runtime", async () => {
  await using machine = await Machine.make();
  const runs = await Promise.all([1, 2, 3].map(() => machine.run(["--version"])));
  for (const { code, out, err } of runs) assert.deepEqual([code, out], [0, `xenolith ${VERSION}\n`], err);
  if (!await isSelfExtracting()) return;
  const folders = await unpacked(join(machine.folder, "home/.cache/xenolith/executable"));
  assert.equal(folders.length, 1, folders.join(" "));
  assert.match(folders[0], /^[0-9a-f]{32}$/);
});

Deno.test("a home that cannot be written, or none at all: the runtime goes to the temporary folder, and stays there", async () => {
  if (!await isSelfExtracting()) return;
  await using machine = await Machine.make();
  // Root may write anywhere but here.
  const environment = { HOME: "/proc/no-home" };
  for (let turn = 0; turn < 2; turn++) {
    const { code, out, err } = await machine.run(["--version"], { environment });
    assert.deepEqual([code, out], [0, `xenolith ${VERSION}\n`], err);
  }
  const shared = join(machine.folder, "tmp", `xenolith-executable-${Deno.uid()}`);
  assert.equal((await unpacked(shared)).length, 1);
  assert.equal(((await Deno.stat(shared)).mode ?? 0) & 0o777, 0o700);
  const guest = await machine.run(["demo", "--guest", "builtin"], { ...HALT, environment });
  assert.equal(guest.code, 0, guest.err);
  // Somebody else could put a program there.
  await Deno.chmod(shared, 0o777);
  const refused = await machine.run(["--version"], { environment });
  assert.equal(refused.code, 1);
  assert.match(refused.err, /cannot unpack into .*XDG_CACHE_HOME or TMPDIR names another place/s);
});

Deno.test("a damaged file says so and leaves nothing behind; what was unpacked before is not asked again", async () => {
  if (!await isSelfExtracting()) return;
  await using machine = await Machine.make();
  const good = await Deno.readFile(machine.file);
  const damages: [string, (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>, RegExp][] = [
    [
      "cut short",
      (bytes) => bytes.subarray(0, bytes.length - 1000),
      /is damaged: it has \d+ bytes in place of \d+/,
    ],
    ["a bit of the runtime", (bytes) => flipped(bytes, 0.3), /is damaged: a checksum inside is wrong/],
    ["a bit of its second half", (bytes) => flipped(bytes, 0.8), /is damaged: a checksum inside is wrong/],
    ["a bit of the program", (bytes) => flipped(bytes, 1 - 20_000 / bytes.length), /is damaged: a checksum/],
  ];
  for (const [name, damage, words] of damages) {
    await Deno.writeFile(machine.file, damage(good));
    const { code, out, err } = await machine.run(["--version"]);
    assert.equal(code, 1, name);
    assert.equal(out, "", name);
    assert.match(err, words, name);
    assert.deepEqual(await unpacked(join(machine.folder, "home/.cache/xenolith/executable")), [], name);
    assert.deepEqual(await unpacked(join(machine.folder, `tmp/xenolith-executable-${Deno.uid()}`)), [], name);
  }
});

function flipped(bytes: Uint8Array<ArrayBuffer>, place: number): Uint8Array<ArrayBuffer> {
  const copy = bytes.slice();
  copy[Math.floor(copy.length * place)] ^= 0x20;
  return copy;
}

Deno.test("without gzip it says what is missing; half of what was unpacked is unpacked again", async () => {
  if (!await isSelfExtracting()) return;
  await using machine = await Machine.make();
  const bin = join(machine.folder, "bin");
  await Deno.mkdir(bin);
  for (const tool of ["sh", "cat", "chmod", "head", "id", "ls", "mkdir", "mv", "rm", "tail", "uname", "wc"]) {
    await Deno.symlink(`/bin/${tool}`, join(bin, tool));
  }
  const { code, err } = await machine.run(["--version"], { environment: { PATH: bin } });
  assert.equal(code, 1);
  assert.equal(err, "xenolith: unpacking needs the program gzip, which is not in PATH\n");

  assert.equal((await machine.run(["--version"])).code, 0);
  const cache = join(machine.folder, "home/.cache/xenolith/executable");
  const [build] = await unpacked(cache);
  // Once unpacked nothing of the system is needed but a shell.
  assert.equal((await machine.run(["--version"], { environment: { PATH: "/nowhere" } })).code, 0);
  await Deno.remove(join(cache, build, "app"), { recursive: true });
  const again = await machine.run(["--version"]);
  assert.deepEqual([again.code, again.out], [0, `xenolith ${VERSION}\n`], again.err);
  assert.deepEqual(await unpacked(cache), [build]);
});
