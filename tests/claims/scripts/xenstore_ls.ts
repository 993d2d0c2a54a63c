/** What Debian's xenstore-ls shows of a Debian guest on xend's socket: `deno run -A xenstore_ls.ts FOLDER` leaves it there. */
import { join } from "node:path";
import { xenstoreClients } from "../../xenstore_clients.ts";
import { OwnXend } from "./own_xend.ts";

const [folder] = Deno.args;
await using xend = new OwnXend(folder);
await xend.xenolith("create", "-q", "configs/debian-shell.cfg");
const { xenstore_socket } = await xend.status();
const { programs, libraries } = await xenstoreClients();
const { code, stdout, stderr } = await new Deno.Command(join(programs, "xenstore-ls"), {
  args: ["-f", "/local/domain/1"],
  env: { LD_LIBRARY_PATH: libraries.join(":"), XENSTORED_PATH: xenstore_socket },
}).output();
if (code !== 0) throw new Error(`xenstore-ls: ${new TextDecoder().decode(stderr)}`);
await Deno.writeFile(join(folder, "ls.txt"), stdout);
await xend.xenolith("destroy", "debian-shell");
