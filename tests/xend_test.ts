/** xend as a process: started by whoever needs it, alone, killed, started again, with real guests. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { density } from "../bench/xend_bench.ts";
import { XendClient, XendFailure } from "../core/toolstack/api/client.ts";
import { EXIT_LOCKED, selfCommand } from "../core/toolstack/api/launch.ts";
import { apiSocket, debugLog } from "../core/toolstack/xend/paths.ts";
import { OFFLINE } from "./guests.ts";
import { echo, ended, inPlace } from "./xend_in_place.ts";

const encode = (text: string) => new TextEncoder().encode(text);

Deno.test("the first that needs xend starts it; many at once start one; a second one says who holds the lock", () =>
  inPlace(async (paths) => {
    await assert.rejects(XendClient.connect({ paths }), { code: "not-running" });
    const clients = await Promise.all([1, 2, 3].map(() => XendClient.connect({ paths, start: true })));
    const pids = new Set<number>();
    for (const client of clients) pids.add((await client.status()).pid);
    assert.equal(pids.size, 1);
    const [pid] = pids;
    assert.notEqual(pid, Deno.pid);
    const [command, ...args] = selfCommand(["xend", "start", "--foreground"]);
    const second = await new Deno.Command(command, {
      args,
      env: {
        XENOLITH_STATE_DIR: paths.state,
        XENOLITH_LOG_DIR: paths.log,
        XENOLITH_RUN_DIR: paths.run,
        NO_COLOR: "1",
      },
    }).output();
    assert.equal(second.code, EXIT_LOCKED);
    assert.match(
      new TextDecoder().decode(second.stderr),
      new RegExp(`another xend is running, with pid ${pid}: it holds`),
    );
    for (const client of clients) client[Symbol.dispose]();
  }));

Deno.test("a xend that does not start says why", async () => {
  const directory = await Deno.makeTempDir({ prefix: "xend-" });
  try {
    const paths = { state: join(directory, "state"), log: join(directory, "log"), run: directory };
    const long = { ...paths, run: join(directory, "x".repeat(100)) };
    await assert.rejects(
      XendClient.connect({ paths: long, start: true }),
      /at most 107 bytes.*XENOLITH_RUN_DIR/,
    );
    // Something that no xend can put its socket in the place of.
    await Deno.mkdir(join(apiSocket(paths), "full"), { recursive: true });
    await assert.rejects(XendClient.connect({ paths, start: true }), (error) => {
      assert(error instanceof XendFailure);
      assert.equal(error.code, "not-started");
      assert.match(error.message, /did not start \(exit code 1\); .*xend-debug\.log says:.*not empty/s);
      return true;
    });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("a guest lives in xend: its console, its restart, xend's death by kill -9 and what the next one says", () =>
  inPlace(async (paths) => {
    {
      using client = await XendClient.connect({ paths, start: true });
      const { pid } = await client.status();
      await client.create(echo("a"));
      await client.create(echo("m", { defineOnly: true }));
      const terminal = await client.attachConsole("a");
      let text = "";
      const reading = (async () => {
        for await (const bytes of terminal.output) text += new TextDecoder().decode(bytes);
      })();
      const seen = async (pattern: RegExp) => {
        while (!pattern.test(text)) await new Promise((resolve) => setTimeout(resolve, 20));
      };
      await seen(/> $/);
      await terminal.input(encode("hello\r"));
      await seen(/hello\r\nNo such command/);
      // It may not end sooner than a second after its start, or it would be taken for a loop.
      await new Promise((resolve) => setTimeout(resolve, 1100));
      await terminal.input(encode("reboot\r"));
      await seen(/reboot\r\n.*built-in guest/s);
      assert.equal((await client.domain("a")).domid, 2);
      assert.match(await client.xenstoreRead("/local/domain/2/name"), /^a$/);
      Deno.kill(pid, "SIGKILL");
      await reading;
      await ended(pid);
    }
    assert((await Deno.lstat(apiSocket(paths))).isSocket, "the dead xend's socket lies there still");
    using client = await XendClient.connect({ paths, start: true });
    assert.deepEqual((await client.domains(true)).map(({ name }) => name), ["Domain-0", "m"]);
    assert.match(
      await client.log(),
      /WARNING .* domain a \(domid 2, started .*\) was lost when xend was killed/,
    );
    assert.match(
      await Deno.readTextFile(debugLog(paths)),
      /domain a \(domid 2, .* was lost when xend was killed/,
    );
    await client.start("m");
    await client.shutdown("m");
    const { destroyed } = await client.stop(0);
    assert.deepEqual(destroyed, ["m"]);
  }));

Deno.test("twenty idle guests: created in a flat time, listed at once, memory comes back", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  const result = await density(20, 2000, 1000);
  assert(result.createSeconds < 20, `${result.createSeconds} s for twenty`);
  assert(result.growth < 3, `the last took ${result.growth} times as long as the first`);
  assert(result.listMs < 200, `list took ${result.listMs} ms`);
  assert(result.mibPerDomain < 8, `${result.mibPerDomain} MiB a domain`);
  assert(result.rssAfterMiB < 150, `${result.rssAfterMiB} MiB are left`);
});

Deno.test({
  name: "while a Debian kernel's domain is created, list answers within 100 ms",
  ignore: OFFLINE,
  fn: () =>
    inPlace(async (paths) => {
      using client = await XendClient.connect({ paths, start: true });
      using other = await XendClient.connect({ paths });
      const longest: number[] = [];
      for (let turn = 0; turn < 5; turn++) {
        const gaps: number[] = [];
        let isCreated = false;
        const lists = (async () => {
          while (!isCreated) {
            const at = performance.now();
            await other.domains();
            gaps.push(performance.now() - at);
          }
        })();
        await client.create(
          echo("linux", {
            text: 'name = "linux"\nkernel = "debian:cloud"\nramdisk = "initramfs:busybox"\nmemory = 256\n',
            paused: true,
          }),
        );
        isCreated = true;
        await lists;
        await client.destroy("linux");
        longest.push(Math.max(...gaps));
      }
      // On a busy machine some of them wait for a processor.
      assert.ok(
        Math.min(...longest) < 100,
        `the longest waits were ${longest.map(Math.round).join(", ")} ms`,
      );
    }),
});
