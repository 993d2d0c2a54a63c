/** Runs a claim's command and judges it. */
import assert from "node:assert/strict";
import { v8Option } from "../../core/toolstack/v8_flags.ts";
import { hostMemory } from "../host_memory.ts";
import { ROOT, Session } from "../session.ts";
import type { Claim, Judge } from "./claim.ts";

/** What was measured, in words, where there is a figure to tell. */
export type Finding = string | undefined;

type Steps = Extract<Judge, { steps: unknown }>["steps"];

function xenolithArguments([program, ...args]: readonly string[]): string[] {
  if (program === "xenolith") return args;
  throw new Error(`this judge attaches to a console: the command is "xenolith ...", not ${program}`);
}

async function follow(session: Session, steps: Steps): Promise<void> {
  for (const { await: pattern, send, pauseSeconds, seconds } of steps) {
    await session.expect(pattern, seconds);
    if (pauseSeconds !== undefined) await sleep(pauseSeconds);
    if (send !== undefined) await session.send(send);
  }
}

const XENOLITH = ["run", "-A", "--unstable-worker-options", v8Option(false), `${ROOT}mod.ts`];

/** Runs a command to its end. @throws AssertionError when it does not end with 0 */
async function runToEnd(
  [program, ...args]: readonly string[],
  seconds: number,
  directory: string = ROOT,
): Promise<void> {
  const [command, all] = program === "deno"
    ? [Deno.execPath(), args]
    : program === "xenolith"
    ? [Deno.execPath(), [...XENOLITH, ...args]]
    : [program, args];
  const child = new Deno.Command(command, {
    args: all,
    cwd: directory,
    // What a claim measures is the process that it runs.
    env: { XENOLITH_IN_PROCESS: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const late = setTimeout(() => child.kill("SIGKILL"), seconds * 1000);
  try {
    const { code, stdout, stderr } = await child.output();
    const text = new TextDecoder();
    assert.equal(code, 0, `${text.decode(stdout).slice(-3000)}${text.decode(stderr).slice(-1500)}`);
  } finally {
    clearTimeout(late);
  }
}

/** CPU seconds that a process has used, and its resident set in MiB, as Linux' /proc tells (proc(5)). */
function accounting(pid: number): { seconds: number; residentMiB: number } {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  const resident = /^VmRSS:\s+(\d+) kB$/m.exec(status);
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  // The name in parentheses may have blanks in it: fields are counted from behind it. utime is the 14th, in 1/100 s.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return {
    seconds: (Number(fields[11]) + Number(fields[12])) / 100,
    residentMiB: Number(resident?.[1]) / 1024,
  };
}

const sleep = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** Runs a command that leaves files in a folder, then looks at them. */
async function withFolder(
  command: readonly string[],
  seconds: number,
  look: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const xenolith = [Deno.execPath(), ...XENOLITH].map((word) => `'${word}'`).join(" ");
    await runToEnd(
      command.map((word) =>
        word.replaceAll("$FOLDER", folder).replaceAll("$XENOLITH", xenolith)
          .replaceAll("$DENO", `'${Deno.execPath()}'`)
      ),
      seconds,
    );
    await look(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/**
 * How far a guest's time of day moved against this process's own clock, in milliseconds. A stamp is heard of late, never
 * early: in each window the least difference counts.
 */
async function clockDrift(
  session: Session,
  judge: Extract<Judge, { kind: "host's clock" }>,
): Promise<number> {
  const samples: { host: number; behind: number }[] = [];
  const start = performance.now(), end = start + judge.seconds * 1000;
  while (performance.now() < end) {
    const text = await session.expect(judge.stamp, 30);
    const host = performance.now();
    const guest = Number(judge.stamp.exec(text)?.[1]) * 1000;
    samples.push({ host, behind: performance.timeOrigin + host - guest });
  }
  const least = (from: number, to: number) => {
    const some = samples.filter(({ host }) => host >= from && host < to);
    assert.ok(some.length >= 20, `${some.length} stamps in ${judge.windowSeconds} s`);
    return Math.min(...some.map(({ behind }) => behind));
  };
  const window = judge.windowSeconds * 1000;
  return least(end - window, end) - least(start, start + window);
}

/** @throws Error when the claim does not hold */
export async function judgeClaim({ command, judge }: Claim): Promise<Finding> {
  switch (judge.kind) {
    case "guest's own output": {
      const { terminal } = judge;
      await using session = new Session(
        xenolithArguments(command),
        terminal === undefined ? {} : { TERM: terminal.kind },
        terminal ?? false,
      );
      await follow(session, judge.steps);
      if (judge.exit === "running") return;
      const { code, stderr } = await session.finish(180);
      assert.equal(code, judge.exit, stderr);
      if (judge.stderr !== undefined) assert.match(stderr, judge.stderr);
      return;
    }
    case "host accounting": {
      await using session = new Session(xenolithArguments(command));
      await follow(session, judge.steps);
      await sleep(judge.settleSeconds);
      const before = accounting(session.pid), start = performance.now();
      await sleep(judge.seconds);
      const after = accounting(session.pid);
      const share = 100_000 * (after.seconds - before.seconds) / (performance.now() - start);
      const { maximumCorePercent = Infinity, maximumResidentMiB = Infinity } = judge;
      assert.ok(
        share < maximumCorePercent,
        `${share.toFixed(2)} % of a core, more than ${maximumCorePercent}`,
      );
      const { residentMiB } = after;
      assert.ok(residentMiB < maximumResidentMiB, `${residentMiB.toFixed(0)} MiB resident`);
      const { beyondMiB, touchedMiB } = await hostMemory(session.pid, judge.guestMiB);
      const { maximumBeyondGuestMiB = Infinity } = judge;
      const memory = `${residentMiB.toFixed(0)} MiB resident, ${
        touchedMiB.toFixed(0)
      } of it touched by the guest`;
      assert.ok(beyondMiB < maximumBeyondGuestMiB, memory);
      return `${share.toFixed(1)} % of a core, ${memory}`;
    }
    case "host's clock": {
      await using session = new Session(xenolithArguments(command));
      await follow(session, judge.steps);
      const drift = await clockDrift(session, judge);
      assert.ok(Math.abs(drift) < judge.maximumDriftMs, `${drift.toFixed(3)} ms in ${judge.seconds} s`);
      return `${drift.toFixed(3)} ms in ${judge.seconds} s`;
    }
    case "another program":
      await withFolder(command, judge.seconds, (folder) => runToEnd(judge.program, judge.seconds, folder));
      return;
    case "a file's contents": {
      let finding: Finding;
      await withFolder(command, judge.seconds, async (folder) => {
        const text = await Deno.readTextFile(`${folder}/${judge.path}`);
        assert.match(text, judge.contains);
        finding = judge.contains.exec(text)?.groups?.finding;
      });
      return finding;
    }
  }
}
