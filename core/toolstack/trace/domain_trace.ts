/** The trace of a domain, live, for one reader that may be slow. */
import type { Host } from "../../hypervisor/host.ts";
import type { HostDomain } from "../../hypervisor/host_domain.ts";
import { TraceKind } from "../../hypervisor/trace/mod.ts";
import { Feed } from "../xend/feed.ts";
import { decode } from "./decode.ts";
import { traceFilter } from "./filter.ts";
import type { TraceKindName, TraceLine, TraceRequest } from "./line.ts";

/** Lines that may wait for a reader, some 300 bytes each; more are dropped, oldest first, and counted. */
const MOST_WAITING = 50_000;
const MOST_IN_BATCH = 500;

const KINDS: Record<TraceKindName, TraceKind> = {
  hypercall: TraceKind.HYPERCALL,
  trap: TraceKind.TRAP,
  event: TraceKind.EVENT,
  grant: TraceKind.GRANT,
};

/**
 * Lines in batches, as they come out of the rings. Starts now; ends with the domain, after `seconds`, or when the reader leaves.
 * @throws TraceExpressionError
 */
export function traceDomain(
  host: Host,
  domain: HostDomain,
  { expressions = [], seconds }: TraceRequest = {},
  limit = MOST_WAITING,
): Feed<readonly TraceLine[]> {
  const filter = traceFilter(expressions);
  const epochMs = host.machine.clock.wallClockEpoch / 1e6;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const feed = new Feed<readonly TraceLine[]>({
    limit,
    sizeOf: ({ length }) => length,
    lost: (count): TraceLine[] => [{ type: "lost", at: Date.now(), count }],
    onClose: () => {
      clearTimeout(timer);
      stop();
    },
  });
  let kinds = 0;
  for (const kind of filter.kinds) kinds |= KINDS[kind];
  const stop = host.tracer.start(domain.domain, {
    kinds,
    take: (records) => {
      for (let from = 0; from < records.length; from += MOST_IN_BATCH) {
        const lines = records.slice(from, from + MOST_IN_BATCH).map((record) => decode(record, epochMs));
        const wanted = lines.filter((line) => filter.matches(line));
        if (wanted.length > 0) feed.push(wanted);
      }
    },
    lost: (count) => feed.push([{ type: "lost", at: Date.now(), count }]),
  });
  const end = () => {
    stop();
    feed.end();
  };
  if (seconds !== undefined) timer = setTimeout(end, seconds * 1000);
  domain.ended.then(end);
  return feed;
}
