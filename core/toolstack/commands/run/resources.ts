/** Memory, vCPUs and their shares. */
import { cpupoolCpus, cpupoolTable, creditTable, POOL_LINE, POOL_NAME } from "../../format/scheduler.ts";
import { wholeNumber } from "../invocation.ts";
import { CommandError } from "../errors.ts";
import type { Runner } from "../spec.ts";
import { about, details, domainOf, json } from "./domains.ts";

const SHIFT: Readonly<Record<string, number>> = {
  b: 1 / 1024,
  k: 1,
  "": 1024,
  m: 1024,
  g: 1024 ** 2,
  t: 1024 ** 3,
};

/** KiB. Without a unit it is MiB, as xl and xm both take it. @throws CommandError */
export function parseMemory(text: string): number {
  const match = /^(\d{1,12})([bkmgt]?)$/i.exec(text);
  if (match === null || Number(match[1]) === 0) {
    throw new CommandError(
      `invalid memory size: ${text}\nexpected MiB, or a number with one of the letters b, k, m, g and t: 512, 512m, 1g`,
      "usage",
    );
  }
  return Math.floor(Number(match[1]) * SHIFT[match[2].toLowerCase()]);
}

export const memSet: Runner = async ({ words: [id, memory] }, context) => {
  const kib = parseMemory(memory);
  const xend = await context.xend();
  await about(xend, id, () => xend.setMemory(id, kib));
  return 0;
};

export const memMax: Runner = async ({ words: [id, memory] }, context) => {
  const kib = parseMemory(memory);
  const xend = await context.xend();
  await about(xend, id, () => xend.setMaxMemory(id, kib));
  return 0;
};

export const vcpuSet: Runner = async ({ words: [id, count] }, context) => {
  const number = wholeNumber(count, "count", 1, 4096);
  const xend = await context.xend();
  await about(xend, id, () => xend.setVcpus(id, number));
  return 0;
};

/**
 * pCPUs by xl's grammar: numbers, ranges, ^ to leave out, all, node:N. undefined for - (leave as it is).
 * @param count of the host's pCPUs
 * @throws CommandError
 */
export function parseCpus(text: string, count: number): number[] | undefined {
  if (text === "-") return undefined;
  const all = Array.from({ length: count }, (_, number) => number);
  const chosen = new Set<number>();
  for (const [index, part] of text.split(",").entries()) {
    const match = /^(\^?)(?:(all|any)|nodes?:(\d+)(?:-\d+)?|(\d+)(?:-(\d+))?)$/.exec(part.trim());
    if (match === null) {
      throw new CommandError(
        `expected pCPUs such as 0-3,^2, all, or - to leave them; found ${JSON.stringify(text)}`,
        "usage",
      );
    }
    const [, not, every, node, first, last = first] = match;
    const numbers = every !== undefined || node === "0"
      ? all
      : node !== undefined
      ? []
      : Array.from({ length: Math.max(0, Number(last) - Number(first) + 1) }, (_, at) => Number(first) + at);
    if (numbers.some((number) => number >= count) || numbers.length === 0) {
      throw new CommandError(
        `the host has the pCPUs 0 to ${count - 1}; found ${JSON.stringify(part)}`,
        "usage",
      );
    }
    if (not !== "" && index === 0) all.forEach((number) => chosen.add(number));
    for (const number of numbers) not === "" ? chosen.add(number) : chosen.delete(number);
  }
  if (chosen.size === 0) throw new CommandError(`${JSON.stringify(text)} leaves no pCPU`, "usage");
  return [...chosen].sort((a, b) => a - b);
}

export const vcpuPin: Runner = async ({ words: [id, vcpu, hard, soft = "-"] }, context) => {
  const number = vcpu === "all" ? "all" : wholeNumber(vcpu, "vcpu", 0, 4095);
  const xend = await context.xend();
  const { nrCpus } = await xend.node();
  const affinity = { hard: parseCpus(hard, nrCpus), soft: parseCpus(soft, nrCpus) };
  await about(xend, id, () => xend.pin(id, number, affinity));
  return 0;
};

function checkPool(pool: string | undefined): void {
  if (pool !== undefined && pool !== POOL_NAME) throw new CommandError(`unknown cpupool '${pool}'`);
}

export const schedCredit: Runner = async (invocation, context) => {
  const [domain, pool] = [invocation.text("domain"), invocation.text("cpupool")];
  const weight = invocation.number("weight", 1, 65535), cap = invocation.number("cap", 0, 409600);
  const sets = weight !== undefined || cap !== undefined;
  const ofPool = pool !== undefined || invocation.has("schedparam");
  if (ofPool && (domain !== undefined || sets)) {
    throw new CommandError("Specifying a cpupool or schedparam is not allowed with domain options.", "usage");
  }
  if (domain === undefined && sets) throw new CommandError("Must specify a domain.", "usage");
  checkPool(pool);
  const xend = await context.xend();
  if (domain !== undefined && sets) {
    await about(xend, domain, () => xend.setScheduler(domain, { weight, cap }));
    if (invocation.json) context.print(json((await domainOf(xend, domain)).scheduler));
    return 0;
  }
  if (invocation.has("schedparam")) {
    context.print(
      invocation.json
        ? json({ pool: POOL_NAME, tslice_ms: 30, ratelimit_us: 1000, migration_delay_us: 0 })
        : POOL_LINE,
    );
    return 0;
  }
  const rows = (await details(xend, domain === undefined ? [] : [domain])).flatMap((
    { name, domid, scheduler },
  ) => domid === undefined ? [] : [{ name, domid, scheduler }]);
  if (invocation.json) context.print(json(rows));
  else context.print((context.dialect === "xl" && domain === undefined ? POOL_LINE : "") + creditTable(rows));
  return 0;
};

export const cpupoolList: Runner = async (invocation, context) => {
  const [pool] = invocation.words;
  if (pool !== undefined && pool !== POOL_NAME) throw new CommandError(`Pool '${pool}' does not exist`);
  const xend = await context.xend();
  const [{ nrCpus }, domains] = await Promise.all([xend.node(), xend.domains()]);
  if (invocation.json) {
    const cpus = Array.from({ length: nrCpus }, (_, number) => number);
    context.print(
      json([{ name: POOL_NAME, cpus, scheduler: "credit", active: true, domains: domains.length }]),
    );
  } else context.print(invocation.has("cpus") ? cpupoolCpus(nrCpus) : cpupoolTable(nrCpus, domains.length));
  return 0;
};
