/** gdb's ports of the domains that are being debugged, and traces. */
import { GdbServer } from "../gdb/server.ts";
import { traceDomain } from "../trace/domain_trace.ts";
import { TraceExpressionError } from "../trace/filter.ts";
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
      if (open !== undefined) {
        if (port === undefined || open.address.endsWith(`:${port}`)) return open.address;
        throw new XendError("wrong-state", `gdb connects to this domain at ${open.address} already`);
      }
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
    trace(domid, request) {
      const domain = host.domain(domid);
      if (domain === undefined) throw new XendError("no-such-domain", `there is no domain ${domid} any more`);
      try {
        return traceDomain(host, domain, request);
      } catch (error) {
        if (!(error instanceof TraceExpressionError)) throw error;
        throw new XendError("bad-request", error.message, { cause: error });
      }
    },
  };
}
