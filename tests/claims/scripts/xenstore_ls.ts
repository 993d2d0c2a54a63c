/** What Debian's xenstore-ls shows of a Debian guest on xend's socket: `deno run -A xenstore_ls.ts FOLDER` leaves it there. */
import { join } from "node:path";
import { run } from "../../session.ts";
import { xenstoreClients } from "../../xenstore_clients.ts";

const [folder] = Deno.args;
const environment = {
  XENOLITH_IN_PROCESS: "0",
  XENOLITH_STATE_DIR: join(folder, "state"),
  XENOLITH_LOG_DIR: join(folder, "log"),
  XENOLITH_RUN_DIR: join(folder, "run"),
};

async function xenolith(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(args, "", environment, 240);
  if (code !== 0) throw new Error(`${args.join(" ")}: ${stderr}`);
  return stdout;
}

try {
  await xenolith("create", "-q", "configs/debian-shell.cfg");
  const { xenstore_socket }: { xenstore_socket: string } = JSON.parse(
    await xenolith("xend", "status", "--json"),
  );
  const { programs, libraries } = await xenstoreClients();
  const { code, stdout, stderr } = await new Deno.Command(join(programs, "xenstore-ls"), {
    args: ["-f", "/local/domain/1"],
    env: { LD_LIBRARY_PATH: libraries.join(":"), XENSTORED_PATH: xenstore_socket },
  }).output();
  if (code !== 0) throw new Error(`xenstore-ls: ${new TextDecoder().decode(stderr)}`);
  await Deno.writeFile(join(folder, "ls.txt"), stdout);
  await xenolith("destroy", "debian-shell");
} finally {
  await run(["xend", "stop"], "", environment);
}
