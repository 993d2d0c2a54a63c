import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { XendLock } from "./lock.ts";
import { StateStore } from "./state_store.ts";

const KILLS = 50;

interface Life {
  readonly lines: string[];
  readonly errors: string;
}

/** Runs the victim and kills it: so long after its start, or after it has said that it is ready. */
async function liveAndDie(
  directory: string,
  seed: number,
  afterReady: boolean,
  delayMs: number,
): Promise<Life> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      "--quiet",
      fileURLToPath(new URL("./testing_victim.ts", import.meta.url)),
      directory,
      `${seed}`,
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const die = () => setTimeout(() => child.kill("SIGKILL"), delayMs);
  if (!afterReady) die();
  let text = "", isReady = false;
  const errors = new Response(child.stderr).text();
  for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += piece;
    if (!isReady && /^ready$/m.test(text)) {
      isReady = true;
      if (afterReady) die();
    }
  }
  const { signal } = await child.status;
  assert.equal(signal, "SIGKILL", `it was to be killed but ended by itself: ${await errors}`);
  // The last line may be half of one.
  return { lines: text.split("\n").slice(0, -1), errors: await errors };
}

/** Names that are surely defined, and those of which nobody can know: an operation on them had begun. */
function follow(defined: Set<string>, lines: readonly string[]): Set<string> {
  const unsure = new Set<string>();
  for (const line of lines) {
    const [phase, kind, name] = line.split(" ");
    if (kind !== "define" && kind !== "delete") continue;
    if (phase === "begin") unsure.add(name);
    else unsure.delete(name);
    if (phase !== "end") continue;
    if (kind === "define") defined.add(name);
    else defined.delete(name);
  }
  return unsure;
}

Deno.test(`xend killed ${KILLS} times at random: its state is readable, nothing that was kept is lost, the next start is clean`, async () => {
  const directory = await Deno.makeTempDir();
  try {
    let seed = 20261121;
    const random = (below: number) => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return Math.floor(seed / 65536) % below;
    };
    let defined = new Set<string>();
    let operations = 0, told = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const afterReady = kill % 4 !== 0;
      const { lines, errors } = await liveAndDie(
        directory,
        kill + 1,
        afterReady,
        afterReady ? random(60) : 100 + random(400),
      );
      assert.equal(errors, "");
      operations += lines.filter((line) => line.startsWith("end ")).length;
      told += lines.filter((line) => /^said domain d\d .* was lost when xend was killed/.test(line)).length;
      for (const line of lines.filter((line) => line.startsWith("said "))) {
        assert.doesNotMatch(line, /set aside|cannot/);
      }
      const unsure = follow(defined, lines);
      const state = new StateStore(join(directory, "state"));
      const domains = state.load("domains"), running = state.load("running");
      assert.deepEqual([...domains.setAside, ...running.setAside], []);
      const names = new Set(domains.records.map(({ name }) => name));
      assert.equal(names.size, domains.records.length, "two records of one name");
      for (const name of unsure) {
        defined.delete(name);
        if (names.has(name)) defined.add(name);
      }
      assert.deepEqual([...names].sort(), [...defined].sort());
      defined = names;
      // The system has taken the lock back. One that died early may not even have made its folder.
      await Deno.mkdir(join(directory, "run"), { recursive: true });
      (await XendLock.take(join(directory, "run/xend.lock")))[Symbol.dispose]();
    }
    assert(operations > KILLS, `only ${operations} operations`);
    assert(told > 0, "no domain was ever lost");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
