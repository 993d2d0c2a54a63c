/** Domains by what the user calls them. */
import { XendFailure } from "../../api/client.ts";
import type { DomainDetail, DomainSummary } from "../../api/types.ts";
import { nearest } from "../../config/suggestion.ts";
import type { Context, Xend } from "../context.ts";
import { UnknownDomain } from "../errors.ts";

async function unknown(xend: Xend, id: string): Promise<UnknownDomain> {
  return new UnknownDomain(id, nearest(id, (await xend.domains(true)).map(({ name }) => name)));
}

/** Does something to a domain. @throws UnknownDomain, XendFailure */
export async function about<T>(xend: Xend, id: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof XendFailure && error.code === "no-such-domain") throw await unknown(xend, id);
    throw error;
  }
}

export function domainOf(xend: Xend, id: string): Promise<DomainDetail> {
  return about(xend, id, () => xend.domain(id));
}

const matches = ({ name, domid, uuid }: DomainSummary, id: string) =>
  (/^\d+$/.test(id) && domid === Number(id)) || name === id || uuid === id.toLowerCase();

/** What `list` shows: for xl only what runs. @throws UnknownDomain */
export async function listed(
  xend: Xend,
  { dialect }: Pick<Context, "dialect">,
  ids: readonly string[],
): Promise<DomainSummary[]> {
  const domains = await xend.domains(dialect !== "xl");
  if (ids.length === 0) return domains;
  return await Promise.all(ids.map(async (id) => {
    const found = domains.find((domain) => matches(domain, id));
    if (found === undefined) throw await unknown(xend, id);
    return found;
  }));
}

/** The details of the domains that run, or of these. @throws UnknownDomain */
export async function details(xend: Xend, ids: readonly string[]): Promise<DomainDetail[]> {
  if (ids.length > 0) return await Promise.all(ids.map((id) => domainOf(xend, id)));
  const running = (await xend.domains()).filter(({ domid }) => domid !== undefined);
  const found = await Promise.all(running.map(async ({ uuid }) => {
    try {
      return await xend.domain(uuid === DOM0_UUID ? 0 : uuid);
    } catch (error) {
      // It ended meanwhile.
      if (error instanceof XendFailure && error.code === "no-such-domain") return undefined;
      throw error;
    }
  }));
  return found.filter((domain) => domain !== undefined);
}

const DOM0_UUID = "00000000-0000-0000-0000-000000000000";

export function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
