/** gdb's ports of the domains that are being debugged. */
import { GdbServer } from "../gdb/server.ts";
import type { RealXenHost } from "../xen_host.ts";
import type { DebugServices } from "../api/debug_routes.ts";
import { XendError } from "./errors.ts";
import type { Xend } from "./xend.ts";

export function debugServices({ host }: RealXenHost, xend: Xend): DebugServices {
  const servers = new Map<number, GdbServer>();
  return {
    async gdb(domid, { port, pause }) {
      const open = servers.get(domid);
      // Asked again, the domain keeps its port: gdb may leave and come back.
      if (open !== undefined) return open.address;
      const domain = host.domain(domid);
      if (domain === undefined) throw new XendError("no-such-domain", `there is no domain ${domid}`);
      const server = await GdbServer.listen({
        domain,
        port,
        pause,
        kill: () => xend.destroy(String(domid)),
        log: (line) => xend.log.warning(line),
      });
      servers.set(domid, server);
      domain.ended.then(() => servers.delete(domid));
      return server.address;
    },
  };
}
