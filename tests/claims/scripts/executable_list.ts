/**
 * The executable alone in a folder of its own: how long its `list` takes, process start to end, while its xend runs:
 * `deno run -A executable_list.ts FOLDER` leaves the median there.
 */
import { join } from "node:path";
import { xendEnvironment } from "../../place.ts";
import { ROOT } from "../../session.ts";

const RUNS = 40;

const [folder] = Deno.args;
const file = join(folder, "xenolith");
const environment = { PATH: "/usr/bin:/bin", HOME: folder, ...xendEnvironment(folder) };

async function succeeds(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args: [...args], cwd: ROOT, env })
    .output();
  const text = new TextDecoder();
  if (code !== 0) throw new Error(`${command} ${args.join(" ")}: ${text.decode(stderr)}`);
  return text.decode(stdout);
}

await succeeds(Deno.execPath(), ["run", "-A", "tools/compile/mod.ts", "--fast", "--output", file]);
try {
  await succeeds(file, ["xend", "start"], environment);
  const times: number[] = [];
  let shown = "";
  for (let count = 0; count < RUNS; count++) {
    const start = performance.now();
    shown = await succeeds(file, ["list"], environment);
    times.push(performance.now() - start);
  }
  const median = times.sort((a, b) => a - b)[RUNS >> 1];
  await Deno.writeTextFile(join(folder, "list.txt"), `${shown}median: ${median.toFixed(0)} ms\n`);
} finally {
  await succeeds(file, ["xend", "stop"], environment);
}
