/** `deno task bench [NAME...]`: runs bench/NAME_bench.ts, all of them by default, each in a process of its own with the flags that domains run with. */
import { fileURLToPath } from "node:url";
import { v8Option } from "../core/toolstack/v8_flags.ts";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const SUFFIX = "_bench.ts";

const all = [...Deno.readDirSync(FOLDER)].map(({ name }) => name).filter((name) => name.endsWith(SUFFIX))
  .sort();
const names = Deno.args.length > 0 ? Deno.args.map((name) => name + SUFFIX) : all;
const unknown = names.filter((name) => !all.includes(name));
if (unknown.length > 0 || names.length === 0) {
  const have = all.map((name) => name.slice(0, -SUFFIX.length)).join(", ") || "none yet";
  console.error(`no benchmark ${unknown.join(", ") || "there"}; there are: ${have}`);
  Deno.exit(2);
}
let failed = false;
for (const name of names) {
  console.log(`== ${name}`);
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--unstable-worker-options", v8Option(false), name],
    cwd: FOLDER,
  }).spawn().status;
  failed ||= !success;
}
if (failed) Deno.exit(1);
