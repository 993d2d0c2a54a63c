/** `list`, `uptime`, `vcpu-list`, `domid`, `domname`, `domstate`. */
import type { DomainSummary } from "../../api/types.ts";
import { xlList, xmList } from "../../format/domain_list.ts";
import type { Runner } from "../spec.ts";
import { CommandError, UnknownDomain } from "../errors.ts";
import { about, details, domainOf, json, listed } from "./domains.ts";

function isInState(domain: DomainSummary, state: string): boolean {
  switch (state) {
    case "all":
      return true;
    case "halted":
      return domain.domid === undefined;
    default:
      return domain.state[state as keyof DomainSummary["state"]];
  }
}

export const list: Runner = async (invocation, context) => {
  const xend = await context.xend();
  const state = invocation.text("state") ?? "all";
  const domains = (await listed(xend, context, invocation.words)).filter((domain) =>
    isInState(domain, state)
  );
  const pool = invocation.text("pool");
  const shown = pool === undefined || pool === "Pool-0" ? domains : [];
  if (invocation.has("long")) {
    const { longJson, longRecord, longSxp } = await import("../../format/domain_config.ts");
    const long = await Promise.all(
      shown.map(({ domid, uuid }) => about(xend, uuid, () => xend.domain(domid ?? uuid))),
    );
    context.print(
      context.dialect === "xm" && !invocation.json
        ? longSxp(long)
        : invocation.json
        ? json(long.map(longRecord))
        : longJson(long),
    );
    return 0;
  }
  const columns = {
    verbose: invocation.verbose,
    label: invocation.has("label") || invocation.has("context"),
    cpupool: invocation.has("cpupool"),
    numa: invocation.has("numa"),
  };
  if (invocation.json) context.print(json(shown));
  else context.print(context.dialect === "xl" ? xlList(shown, columns) : xmList(shown, columns));
  return 0;
};

export const uptime: Runner = async (invocation, context) => {
  const { uptimeLines, uptimeTable } = await import("../../format/uptime.ts");
  const xend = await context.xend();
  const now = context.now();
  const rows = (await listed(xend, context, invocation.words)).flatMap(({ name, domid, startedAt }) =>
    domid === undefined || startedAt === undefined ? [] : [{ name, domid, seconds: (now - startedAt) / 1000 }]
  );
  if (invocation.json) context.print(json(rows));
  else if (invocation.has("short")) context.print(uptimeLines(rows, now));
  else context.print(uptimeTable(rows, context.dialect === "xl" ? "xl" : "xm"));
  return 0;
};

export const vcpuList: Runner = async (invocation, context) => {
  const { xlVcpuList, xmVcpuList } = await import("../../format/vcpu_list.ts");
  const xend = await context.xend();
  const [domains, { nrCpus }] = await Promise.all([details(xend, invocation.words), xend.node()]);
  if (invocation.json) {
    context.print(json(domains.map(({ name, domid, vcpuList }) => ({ name, domid, vcpus: vcpuList }))));
  } else context.print(context.dialect === "xl" ? xlVcpuList(domains, nrCpus) : xmVcpuList(domains, nrCpus));
  return 0;
};

export const domid: Runner = async ({ words: [name], json: asJson }, context) => {
  const xend = await context.xend();
  const found = (await xend.domains(true)).find((domain) => domain.name === name);
  if (found === undefined && context.dialect === "xl") {
    throw new CommandError(`Can't get domid of domain name '${name}', maybe this domain does not exist.`);
  }
  const domain = found ?? await domainOf(xend, name);
  if (domain.domid === undefined) {
    if (context.dialect !== "xenolith") throw new UnknownDomain(name);
    throw new CommandError(`${name} is not running: it has no domid; xenolith start ${name} starts it`);
  }
  context.print(asJson ? json(domain.domid) : `${domain.domid}\n`);
  return 0;
};

export const domname: Runner = async ({ words: [id], json: asJson }, context) => {
  if (!/^\d+$/.test(id)) {
    throw new CommandError(
      context.dialect === "xl" ? "Invalid domain id.\n" : `expected a domid, found ${JSON.stringify(id)}`,
    );
  }
  const found = (await (await context.xend()).domains()).find((domain) => domain.domid === Number(id));
  if (found === undefined && context.dialect === "xl") {
    throw new CommandError(`Can't get domain name of domain id '${id}', maybe this domain does not exist.`);
  }
  if (found === undefined) throw new UnknownDomain(id);
  context.print(asJson ? json(found.name) : `${found.name}\n`);
  return 0;
};

/** xm's words. */
function stateWord({ domid, state }: DomainSummary): string {
  if (domid === undefined) return "halted";
  if (state.dying) return "dying";
  if (state.crashed) return "crashed";
  if (state.shutdown) return "shutdown";
  if (state.paused) return "paused";
  return state.running ? "running" : "idle";
}

export const domstate: Runner = async ({ words, json: asJson }, context) => {
  const [domain] = await listed(await context.xend(), { dialect: "xm" }, words);
  context.print(asJson ? json(stateWord(domain)) : `${stateWord(domain)}\n`);
  return 0;
};
