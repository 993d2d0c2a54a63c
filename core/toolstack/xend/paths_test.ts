import assert from "node:assert/strict";
import { join } from "node:path";
import { LockHeld, XendLock } from "./lock.ts";
import { checkSocketPath, makeDirectories, PathError, xendPaths } from "./paths.ts";

const environment = (values: Record<string, string>) => ({ get: (name: string) => values[name] });

Deno.test("root's places are the system's, a user's are XDG's, variables come first", () => {
  assert.deepEqual(xendPaths(environment({ HOME: "/root", XDG_STATE_HOME: "/x" }), 0), {
    state: "/var/lib/xen",
    log: "/var/log/xen",
    run: "/var/run/xen",
  });
  assert.deepEqual(xendPaths(environment({ HOME: "/home/u" }), 1000), {
    state: "/home/u/.local/state/xenolith",
    log: "/home/u/.local/state/xenolith/log",
    run: "/tmp/xenolith-1000",
  });
  assert.deepEqual(
    xendPaths(
      environment({ HOME: "/home/u", XDG_STATE_HOME: "/s", XDG_RUNTIME_DIR: "/run/user/1000" }),
      1000,
    ),
    { state: "/s/xenolith", log: "/s/xenolith/log", run: "/run/user/1000/xenolith" },
  );
  // Relative values of XDG's variables do not count; our own must be right.
  assert.equal(xendPaths(environment({ HOME: "/home/u", XDG_RUNTIME_DIR: "run" }), 7).run, "/tmp/xenolith-7");
  assert.throws(() => xendPaths(environment({ HOME: "/h", XENOLITH_RUN_DIR: "run" }), 7), PathError);
  assert.throws(() => xendPaths(environment({}), 7), PathError);
  const own = { XENOLITH_STATE_DIR: "/a", XENOLITH_LOG_DIR: "/b", XENOLITH_RUN_DIR: "/c/" };
  assert.deepEqual(xendPaths(environment(own), 7), { state: "/a", log: "/b", run: "/c" });
  assert.deepEqual(xendPaths(environment(own), 0), { state: "/a", log: "/b", run: "/c" });
});

Deno.test("a socket's path that the system cannot take is refused in words", () => {
  checkSocketPath("/" + "x".repeat(106));
  assert.throws(() => checkSocketPath("/" + "x".repeat(107)), /at most 107 bytes.*XENOLITH_RUN_DIR/);
});

Deno.test("a run directory of another user's, or a link, is refused; one that others may enter is closed", () => {
  const folder = Deno.makeTempDirSync();
  try {
    const run = join(folder, "run");
    const paths = { state: join(folder, "s"), log: join(folder, "l"), run };
    const uid = Deno.statSync(folder).uid;
    Deno.mkdirSync(run, { mode: 0o755 });
    assert.throws(() => makeDirectories(paths, (uid ?? 0) + 1), /belongs to somebody else/);
    if (uid !== 0) {
      makeDirectories(paths, uid);
      assert.equal((Deno.statSync(run).mode ?? 0) & 0o777, 0o700);
    }
    Deno.removeSync(run);
    Deno.symlinkSync("/tmp", run);
    assert.throws(() => makeDirectories(paths, (uid ?? 0) + 1), /belongs to somebody else/);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("the second xend says who holds the lock; a lock that was left is free", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    const path = join(folder, "xend.lock");
    {
      using _first = await XendLock.take(path);
      await assert.rejects(XendLock.take(path), (error) => {
        assert(error instanceof LockHeld);
        assert.equal(error.pid, Deno.pid);
        assert.match(error.message, new RegExp(`with pid ${Deno.pid}: it holds ${path}`));
        return true;
      });
    }
    Deno.writeTextFileSync(path, "999999\n");
    (await XendLock.take(path))[Symbol.dispose]();
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
