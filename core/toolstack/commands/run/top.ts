/** `top`: xentop's table, again and again. */
import type { DomainDetail, NodeInfo } from "../../api/types.ts";
import { type TopDomain, topSummary, topTable } from "../../format/top.ts";
import type { Context, Xend } from "../context.ts";
import { CommandError } from "../errors.ts";
import type { Runner } from "../spec.ts";
import { details } from "./domains.ts";

interface Sample {
  readonly at: number;
  /** CPU time by UUID. */
  readonly seconds: ReadonlyMap<string, number>;
}

const DELAY_SECONDS = 3;

async function measure(
  xend: Xend,
  context: Context,
  before: Sample | undefined,
): Promise<{ domains: TopDomain[]; node: NodeInfo; sample: Sample }> {
  const [found, node] = await Promise.all([details(xend, []), xend.node()]);
  const at = context.now();
  const percent = ({ uuid, seconds }: DomainDetail) => {
    const earlier = before?.seconds.get(uuid);
    const passed = before === undefined ? 0 : (at - before.at) / 1000;
    return earlier === undefined || passed <= 0 ? 0 : Math.max(0, 100 * (seconds - earlier) / passed);
  };
  const domains = found.flatMap((domain) =>
    domain.domid === undefined ? [] : [{ ...domain, domid: domain.domid, cpuPercent: percent(domain) }]
  );
  return {
    domains,
    node,
    sample: { at, seconds: new Map(found.map(({ uuid, seconds }) => [uuid, seconds])) },
  };
}

export const top: Runner = async (invocation, context) => {
  const isBatch = invocation.has("batch") || invocation.json;
  const iterations = invocation.number("iterations", 0) ?? 0;
  const delay = Number(invocation.text("delay") ?? DELAY_SECONDS);
  if (!(delay > 0 && delay <= 86400)) {
    throw new CommandError("--delay: expected a number of seconds", "usage");
  }
  const options = {
    fullName: invocation.has("full-name"),
    networks: invocation.has("networks"),
    vbds: invocation.has("vbds"),
    vcpus: invocation.has("vcpus"),
    repeatHeader: invocation.has("repeat-header"),
  };
  const xend = await context.xend();
  let before: Sample | undefined;
  const once = async () => {
    const { domains, node, sample } = await measure(xend, context, before);
    before = sample;
    if (invocation.json) {
      const rows = domains.map((domain) => ({
        name: domain.name,
        domid: domain.domid,
        state: domain.state,
        cpu_sec: domain.seconds,
        cpu_percent: domain.cpuPercent,
        mem_kib: domain.memoryKiB,
        maxmem_kib: domain.maxMemoryKiB,
        vcpus: domain.maxVcpus,
        devices: domain.devices.length,
      }));
      context.print(`${JSON.stringify({ at: sample.at, domains: rows })}\n`);
    } else if (isBatch) context.print(topTable(domains, node, options));
    // Home, the text with the rest of each line cleared, then what is below.
    else {
      const text = topSummary(domains, node, context.now()) + topTable(domains, node, options);
      context.print(`\x1b[H${text.replaceAll("\n", "\x1b[K\r\n")}\x1b[J`);
    }
  };
  // In batch mode without a count it goes on for ever, as xentop does.
  const wait = () => context.sleep(delay * 1000);
  if (isBatch) {
    if (invocation.json && iterations === 0) {
      await once();
      return 0;
    }
    for (let count = 1;; count++) {
      await once();
      if (count === iterations) return 0;
      await wait();
    }
  }
  const terminal = await context.terminal();
  if (!terminal.interactive || terminal.size() === undefined) {
    throw new CommandError("top needs a terminal; top -b prints without one", "usage");
  }
  const quit = Promise.withResolvers<"quit">();
  const keys = async () => {
    for await (const bytes of terminal.input()) {
      // q, Q, ^C
      if (bytes.some((byte) => [0x71, 0x51, 3].includes(byte))) return quit.resolve("quit");
    }
    quit.resolve("quit");
  };
  terminal.setRaw(true);
  try {
    context.print("\x1b[2J");
    keys().catch((error) => quit.reject(error));
    for (let count = 1;; count++) {
      await once();
      if (count === iterations) return 0;
      if (await Promise.race([wait(), quit.promise]) === "quit") return 0;
    }
  } finally {
    terminal.setRaw(false);
  }
};
